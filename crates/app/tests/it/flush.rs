//! The flusher: what was told comes into the table soon, once, and without a gap, whatever becomes of a
//! flush.

use app::Settings;
use domain::{
    access::{Actor, Scope},
    conversations::{MessageStatus, Parts, StreamEvent, TurnEvent},
    ids::StreamId,
};

use crate::support::{Bench, MODEL, ManualModels, refusal, until};

/// What the table holds of a stream.
async fn stored(bench: &Bench, actor: &Actor, stream: StreamId) -> Vec<StreamEvent> {
    let scope = Scope::system_in(actor.tenant_id.unwrap());
    bench.world.read(&scope, async |tx| tx.streams().events(stream, 0, 1_000).await).await
}

fn text(events: &[StreamEvent]) -> String {
    let piece = |event: &StreamEvent| match &event.event {
        TurnEvent::TextDelta { text } => text.clone(),
        _ => String::new(),
    };
    events.iter().map(piece).collect()
}

/// A turn to which a flush is unkind, at a moment that `trouble` chooses; then it says more, and ends.
async fn survives(trouble: impl AsyncFn(&Bench), says_more: bool) {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Go on.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    call.say("One ");
    trouble(&bench).await;
    if says_more {
        call.say("two ");
        until("a further flush", async || text(&stored(&bench, &ada, stream).await) == "One two ").await;
    }
    call.say("three.");
    call.finish(4, 3);
    let told = bench.events(&ada, stream).await;
    let kept = stored(&bench, &ada, stream).await;
    assert_eq!(kept, told);
    assert!(kept.iter().map(|event| event.number).eq(1..=kept.len() as i64), "{kept:?}");
    let whole = if says_more { "One two three." } else { "One three." };
    assert_eq!(text(&kept), whole);
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Complete, Parts::text(whole)));
    assert_eq!(bench.ledger(&ada).await.len(), 1);
    bench.check_books().await;
}

/// The next flush arrives, and is reported as failed.
async fn a_lie(bench: &Bench) {
    bench.store.lie_once();
    until("the flush", async || bench.store.has_lied()).await;
}

/// The next flush panics.
async fn a_panic(bench: &Bench) {
    bench.store.panic_once();
    until("the flush", async || bench.store.has_panicked()).await;
}

/// The next flush is acknowledged, and forgotten.
async fn a_loss(bench: &Bench) {
    bench.store.forget_once();
    until("the flush", async || bench.store.has_forgotten()).await;
}

#[tokio::test]
async fn a_flush_that_the_database_forgot_is_written_again() {
    survives(a_loss, true).await;
}

#[tokio::test]
async fn a_turn_that_ends_after_a_forgotten_flush_is_settled() {
    survives(a_loss, false).await;
}

#[tokio::test]
async fn a_flush_that_arrived_unseen_is_not_written_twice() {
    survives(a_lie, true).await;
}

#[tokio::test]
async fn a_turn_that_ends_after_an_unseen_flush_is_settled() {
    survives(a_lie, false).await;
}

#[tokio::test]
async fn a_flusher_that_dies_begins_again() {
    survives(a_panic, true).await;
}

#[tokio::test]
async fn a_turn_that_ends_while_the_flusher_is_down_is_settled() {
    survives(a_panic, false).await;
}

#[tokio::test]
async fn events_of_an_ended_answer_go_after_a_time_and_the_answer_stays() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Go on.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    call.say("All of it.");
    call.finish(4, 3);
    let told = bench.events(&ada, stream).await;
    bench.clock.advance(chrono::TimeDelta::minutes(59));
    bench.recover().await;
    assert_eq!(stored(&bench, &ada, stream).await, told);
    bench.clock.advance(chrono::TimeDelta::minutes(2));
    let (app, _) = bench.instance(None, Settings { ingest_workers: 0, ..Settings::default() });
    app.start_background();
    until("the sweep", async || stored(&bench, &ada, stream).await.is_empty()).await;
    for after in [0, 1, 1_000] {
        let outcome = bench.app.conversations().follow(&ada, stream, after).await;
        assert_eq!(refusal(outcome.map(drop)), "events_gone");
    }
    assert_eq!(bench.message(&ada, id, answer).await.parts, Parts::text("All of it."));
}
