//! What the database refuses once it refuses for ever: a settlement does not go on trying it.

use domain::{
    access::Actor,
    conversations::{MessageStatus, Parts},
    ids::{ConversationId, MessageId},
};

use crate::support::{Bench, MODEL, ManualModels, until};

/// Longer than a settlement pauses before it is tried again.
const A_PAUSE: std::time::Duration = std::time::Duration::from_millis(1_500);

/// A turn whose settlement is refused up to so many times; its text is in the table before.
async fn refused(times: usize) -> (Bench, Actor, ConversationId, MessageId) {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let (answer, stream) = bench.send(&ada, id, "Go on.").await.answers[0];
    let call = models.call().await;
    call.say("All that is said.");
    let scope = domain::access::Scope::system_in(ada.tenant_id.unwrap());
    let is_flushed = async || {
        let events = bench.world.read(&scope, async |tx| tx.streams().events(stream, 0, 10).await).await;
        events.len() == 2
    };
    until("the flush", is_flushed).await;
    bench.store.refuse(times);
    call.finish(4, 3);
    until("a refusal", async || bench.store.refusals_left() < times).await;
    (bench, ada, id, answer)
}

#[tokio::test]
async fn a_settlement_that_is_refused_ends_with_its_text_and_an_estimate() {
    let (bench, ada, id, answer) = refused(1).await;
    let is_settled = async || bench.message(&ada, id, answer).await.status == MessageStatus::Complete;
    until("the settlement", is_settled).await;
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.parts, message.finish_reason), (Parts::text("All that is said."), None));
    let rows = bench.ledger(&ada).await;
    assert_eq!(rows.iter().map(|row| row.is_estimated).collect::<Vec<_>>(), [true]);
    bench.check_books().await;
}

#[tokio::test]
async fn one_that_is_refused_again_is_left_to_the_reconciler() {
    let (bench, ada, id, answer) = refused(9).await;
    tokio::time::sleep(A_PAUSE).await;
    assert_eq!(bench.store.refusals_left(), 7, "it is tried with all and with less, and then no more");
    assert_eq!(bench.message(&ada, id, answer).await.status, MessageStatus::Pending);
    bench.recover_after_leases().await;
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Interrupted, Parts::text("All that is said.")));
    assert_eq!(bench.ledger(&ada).await.len(), 1);
    bench.check_books().await;
}
