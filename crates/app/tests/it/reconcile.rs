//! Turns whose process is gone.

use std::time::Duration;

use domain::{
    access::{Actor, Scope},
    conversations::{MessageStatus, Parts, StreamState, TurnEvent},
    ids::{ConversationId, MessageId, StreamId},
    knowledge::CollectionVisibility,
    usage::{AgentType, estimate},
};
use tokio::runtime::{Builder, Runtime};

use crate::support::{Answering, Bench, Choice, MODEL, ManualModels, done, message, tenant_of, text_of, until};

/// A turn in a process of its own, as far as its tasks go.
struct Process {
    runtime: Runtime,
}

impl Process {
    fn new() -> Self {
        Self { runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap() }
    }

    /// Sends a question from inside.
    async fn send(&self, bench: &Bench, actor: &Actor, id: ConversationId) -> (MessageId, StreamId) {
        let (conversations, actor) = (bench.app.conversations(), actor.clone());
        let sending =
            self.runtime.spawn(async move { conversations.send(&actor, id, message("Tell me."), None).await.unwrap() });
        done(sending.await.unwrap()).answers[0]
    }

    /// Ends it at once, wherever its tasks are.
    async fn kill(self) {
        tokio::task::spawn_blocking(move || self.runtime.shutdown_timeout(Duration::from_secs(30))).await.unwrap();
    }
}

/// Says words and waits until they are stored.
async fn say(bench: &Bench, call: &Answering, scope: &Scope, stream: StreamId, words: &[&str]) {
    for (count, word) in (1..).zip(words) {
        call.say(word);
        until("a word is stored", async || {
            bench.world.read(scope, async |tx| tx.streams().events(stream, 1, 100).await).await.len() >= count
        })
        .await;
    }
}

#[tokio::test]
async fn a_dead_pump_leaves_its_words_and_its_cost_once() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let scope = Scope::system_in(tenant_of(&ada));
    let id = bench.conversation(&ada, MODEL).await.id;
    let process = Process::new();
    let (answer, stream) = process.send(&bench, &ada, id).await;
    let call = models.call().await;
    // Whoever hears of the call finds it on record: it was written before.
    let found = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
    let request = found.request_id;
    assert_eq!(found.estimated_input_tokens, Some(estimate::tokens_of_messages(["Tell me."])));
    say(&bench, &call, &scope, stream, &["Once ", "upon"]).await;
    process.kill().await;

    // Before the lease runs out nobody touches it.
    bench.clock.advance(chrono::TimeDelta::seconds(5));
    bench.recover().await;
    assert_eq!(bench.message(&ada, id, answer).await.status, MessageStatus::Pending);
    let (elsewhere, _) = bench.instance(None, app::Settings::default());
    let reading = {
        let (elsewhere, ada) = (elsewhere.clone(), ada.clone());
        tokio::spawn(async move { crate::support::events_of(&elsewhere, &ada, stream, 0).await })
    };
    for _ in 0..2 {
        bench.recover_after_leases().await;
        let written = bench.message(&ada, id, answer).await;
        assert_eq!((written.status, &written.parts), (MessageStatus::Interrupted, &Parts::text("Once upon")));
        let rows = bench.ledger(&ada).await;
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].request_id, rows[0].is_estimated), (request, true));
        let prompt = estimate::tokens_of_messages(["Tell me."]);
        assert_eq!((rows[0].tokens.input_tokens, rows[0].tokens.output_tokens), (prompt, 3));
        assert_eq!((written.cost, written.input_tokens), (rows[0].cost, Some(prompt)));
        assert_eq!(bench.audited(&ada, "turn_interrupted").await, 1);
        let state = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap().state;
        assert_eq!(state, StreamState::Interrupted);
    }
    let events = reading.await.unwrap();
    assert_eq!(text_of(&events), "Once upon");
    let TurnEvent::TurnFailed { error } = &events.last().unwrap().event else { panic!("it ends as a failure") };
    assert_eq!(error.code, "interrupted");
    bench.check_books().await;
    // The conversation goes on from there.
    let opened = bench.send(&ada, id, "Go on.").await;
    models.call().await.finish(1, 1);
    bench.events(&ada, opened.answers[0].1).await;
    bench.check_books().await;
}

#[tokio::test]
async fn a_call_that_was_never_made_is_never_paid() {
    let models = ManualModels::new();
    let (embedder, gate) = crate::support::GatedEmbedder::new();
    let bench = Bench::with(Choice { models: Some(models), embedder: Some(embedder), ..Choice::default() });
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "a.md", "# Trees\n\nThe banyan is a fig.").await;
    let ingested = bench.ledger(&ada).await.len();
    let id = bench.conversation(&ada, MODEL).await.id;
    gate.close();
    let process = Process::new();
    let (answer, _) = process.send(&bench, &ada, id).await;
    // It dies while it looks for passages: the model was not asked yet.
    gate.held().await;
    process.kill().await;
    bench.recover_after_leases().await;
    let written = bench.message(&ada, id, answer).await;
    assert_eq!((written.status, written.cost, written.input_tokens), (MessageStatus::Interrupted, None, None));
    let rows = bench.ledger(&ada).await;
    let after: Vec<_> = rows[ingested..].iter().map(|row| (row.agent_type, row.is_estimated)).collect();
    assert_eq!(after, [(AgentType::Embedding, true)]);
    bench.check_books().await;
}

#[tokio::test]
async fn a_pump_that_comes_back_late_finds_its_turn_settled() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let scope = Scope::system_in(tenant_of(&ada));
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Tell me.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    say(&bench, &call, &scope, stream, &["Too "]).await;
    // The pump lives and renews its lease now and then, so this may need more than one try.
    until("the turn is taken over", async || {
        bench.recover_after_leases().await;
        let found = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
        found.state == StreamState::Interrupted
    })
    .await;
    let before = bench.ledger(&ada).await;
    call.say("late.");
    call.finish(900, 900);
    let events = bench.events(&ada, stream).await;
    assert!(events.last().unwrap().event.is_last());
    assert!(bench.app.shutdown(Duration::from_secs(30)).await, "the late pump ends");
    assert_eq!(bench.ledger(&ada).await, before);
    assert!(before.len() <= 1);
    let written = bench.message(&ada, id, answer).await;
    assert_eq!((written.status, written.parts), (MessageStatus::Interrupted, Parts::text("Too ")));
    let stored = bench.world.read(&scope, async |tx| tx.streams().events(stream, 0, 100).await).await;
    assert_eq!(stored.iter().filter(|event| event.event.is_last()).count(), 1);
    bench.check_books().await;
}

#[tokio::test]
async fn a_completion_whose_process_is_gone_is_paid_once() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let process = Process::new();
    let asked = crate::completion::asked("Tell me.");
    let (openai, actor) = (bench.app.openai(), ada.clone());
    let begun = process.runtime.spawn(async move { openai.complete(&actor, asked).await.unwrap().request_id });
    let request = begun.await.unwrap();
    let call = models.call().await;
    call.say("Once");
    let scope = Scope::system_in(tenant_of(&ada));
    until("the call is on record", async || {
        bench.world.read(&scope, async |tx| tx.usage().call(request).await).await.is_some()
    })
    .await;
    process.kill().await;
    bench.recover().await;
    assert_eq!(bench.ledger(&ada).await, []);
    for _ in 0..2 {
        bench.recover_after_leases().await;
        let rows = bench.ledger(&ada).await;
        assert_eq!((rows.len(), rows[0].request_id, rows[0].is_estimated), (1, request, true));
        assert_eq!(rows[0].tokens.input_tokens, estimate::tokens_of_messages(["Tell me."]));
    }
}

#[tokio::test]
async fn streams_are_flushed_after_the_flushers_runtime_has_ended() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let scope = Scope::system_in(tenant_of(&ada));
    let id = bench.conversation(&ada, MODEL).await.id;
    let process = Process::new();
    let (_, stream) = process.send(&bench, &ada, id).await;
    let call = models.call().await;
    say(&bench, &call, &scope, stream, &["One "]).await;
    process.kill().await;
    let other = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, other, "Tell me.").await;
    let call = models.call().await;
    say(&bench, &call, &scope, opened.answers[0].1, &["Two "]).await;
    call.finish(4, 3);
}
