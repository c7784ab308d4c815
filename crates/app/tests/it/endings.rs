//! Answers that end before they are whole.

use std::{sync::Arc, time::Duration};

use app::Settings;
use domain::{
    access::{Actor, Scope},
    conversations::{MessageStatus, Parts, StreamState, TurnEvent},
    knowledge::CollectionVisibility,
    money::Money,
    usage::{AgentType, estimate},
};
use futures::FutureExt;
use infra_providers::scripted::{Fault, Script, ScriptedServer};

use crate::support::{
    Bench, Choice, Gate, GatedEmbedder, MODEL, ManualModels, cost_of, refusal, registry, tenant_of, text_of, until,
};

#[tokio::test]
async fn stop_keeps_the_text_and_settles_what_it_cost() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Talk.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    let mut following = bench.app.conversations().follow(&ada, stream, 0).await.unwrap();
    call.say("As far as this");
    following.next().await.unwrap();
    following.next().await.unwrap();

    bench.app.conversations().stop(&ada, stream).await.unwrap();
    let last = following.next().await.unwrap().unwrap();
    assert_eq!(last.event.event, TurnEvent::TurnStopped {});
    call.say(" and no further.");

    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Stopped, Parts::text("As far as this")));
    let rows = bench.ledger(&ada).await;
    let prompt = estimate::tokens_of_messages(["Talk."]);
    assert!(rows.len() == 1 && rows[0].is_estimated);
    assert_eq!(rows[0].cost, Some(Money(cost_of(prompt, 4))));
    assert_eq!(message.cost, rows[0].cost);
    // Once more changes nothing; somebody else's is not there.
    bench.app.conversations().stop(&ada, stream).await.unwrap();
    assert_eq!(bench.audited(&ada, "stream_stop_requested").await, 1);
    let other = bench.tenant("other").await;
    let eve = bench.user(&other, "eve", domain::access::SystemRole::TenantAdmin).await;
    assert_eq!(refusal(bench.app.conversations().stop(&eve, stream).await), "not_found");
    bench.check_books().await;
}

#[tokio::test]
async fn a_refusal_before_the_first_word_costs_nothing_and_says_why() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    server.push(Script::status(400));
    let opened = bench.send(&ada, id, "Will you?").await;
    let events = bench.events(&ada, opened.answers[0].1).await;
    let TurnEvent::TurnFailed { error } = &events.last().unwrap().event else { panic!("the turn fails") };
    assert_eq!(error.code, "upstream_invalid_request");
    assert!(error.message.contains("refused the request"), "{}", error.message);
    let message = bench.message(&ada, id, opened.answers[0].0).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Error, Parts::default()));
    assert_eq!(message.error.unwrap()["code"], "upstream_invalid_request");
    let rows = bench.ledger(&ada).await;
    assert_eq!((rows.len(), rows[0].tokens.total(), rows[0].cost), (1, 0, Some(Money::ZERO)));
    // The conversation goes on.
    assert_eq!(bench.ask(&ada, id, "And now?").await.status, MessageStatus::Complete);
    // The roles alternate: the question that failed stands before the new one, in one message.
    let asked = server.requests().last().unwrap().body["messages"].clone();
    assert_eq!(asked, serde_json::json!([{ "role": "user", "content": "Will you?\n\nAnd now?" }]));
    bench.check_books().await;
}

#[tokio::test]
async fn a_provider_that_was_never_reached_is_never_paid() {
    let bench = Bench::with_models(registry(&ScriptedServer::refused_url().await.unwrap()));
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let message = bench.ask(&ada, id, "Is anybody there?").await;
    assert_eq!(message.status, MessageStatus::Error);
    assert_eq!(message.error.unwrap()["code"], "upstream_unreachable");
    // The retries took long enough for the call to be put on record; it is taken off again.
    bench.recover_after_leases().await;
    assert_eq!(bench.ledger(&ada).await, []);
    let asked = app::openai::ChatCompletion {
        model: MODEL.to_owned(),
        request: domain::gateways::ChatRequest {
            messages: vec![domain::gateways::PromptMessage::text(domain::gateways::PromptRole::User, "Anybody?")],
            ..Default::default()
        },
        ..Default::default()
    };
    assert_eq!(refusal(bench.app.openai().complete(&ada, asked).await), "upstream_unreachable");
    bench.recover_after_leases().await;
    assert_eq!(bench.ledger(&ada).await, []);
    bench.check_books().await;
}

#[tokio::test]
async fn what_was_written_before_a_break_stays() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let error = serde_json::json!({ "message": "overloaded", "code": "500" });
    for (fault, code) in [
        (Fault::Reset, "upstream_interrupted"),
        (Fault::ErrorObject(error), "upstream_failed"),
        (Fault::EarlyEnd, "upstream_interrupted"),
    ] {
        let id = bench.conversation(&ada, MODEL).await.id;
        let script = Script { reply: "one two three four".to_owned(), ..Script::fault(fault.clone()).after(3) };
        server.push(script);
        let opened = bench.send(&ada, id, "Count.").await;
        let events = bench.events(&ada, opened.answers[0].1).await;
        let TurnEvent::TurnFailed { error } = &events.last().unwrap().event else { panic!("{fault:?} fails") };
        assert_eq!(error.code, code, "{fault:?}");
        let message = bench.message(&ada, id, opened.answers[0].0).await;
        assert_eq!(message.status, MessageStatus::Interrupted, "{fault:?}");
        let text = message.parts.plain_text();
        assert!(text.starts_with("one two") && !text.contains("four"), "{fault:?}: {text}");
        assert_eq!(text_of(&events), text);
        let row = bench.ledger(&ada).await.pop().unwrap();
        assert_eq!((row.message_id, row.is_estimated), (Some(message.id), true));
        assert_eq!(row.tokens.output_tokens, estimate::tokens_of(&text));
        assert_eq!(message.cost, row.cost);
    }
    bench.check_books().await;
}

#[tokio::test]
async fn an_answer_without_end_is_ended() {
    let models = ManualModels::new();
    let settings = Settings { max_answer_time: Duration::from_millis(100), ..Settings::default() };
    let bench = Bench::with(Choice { models: Some(models.clone()), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Talk.").await;
    let call = models.call().await;
    let talk = async {
        loop {
            call.say("on ");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let events = tokio::select! {
        () = talk => unreachable!(),
        events = bench.events(&ada, opened.answers[0].1) => events,
    };
    let TurnEvent::TurnFailed { error } = &events.last().unwrap().event else { panic!("the turn fails") };
    assert_eq!(error.code, "answer_too_slow");
    let message = bench.message(&ada, id, opened.answers[0].0).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Interrupted, Parts::text(text_of(&events))));
    let row = bench.ledger(&ada).await.remove(0);
    assert_eq!((row.is_estimated, row.tokens.output_tokens), (true, estimate::tokens_of(&text_of(&events))));
    bench.check_books().await;
}

/// A user with a document, and the gate before the embedder that looks for its passages.
async fn with_a_document() -> (Bench, Arc<ManualModels>, Gate, Actor) {
    let (embedder, gate) = GatedEmbedder::new();
    let models = ManualModels::new();
    let choice = Choice { models: Some(models.clone()), embedder: Some(embedder), ..Choice::default() };
    let bench = Bench::with(choice);
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "a.md", "# Trees\n\nThe banyan is a fig.").await;
    (bench, models, gate, ada)
}

#[tokio::test]
async fn a_stop_before_the_provider_is_asked_books_nothing() {
    let (bench, _, gate, ada) = with_a_document().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let before = bench.ledger(&ada).await.len();
    gate.close();
    let opened = bench.send(&ada, id, "What is the banyan?").await;
    let (answer, stream) = opened.answers[0];
    gate.held().await;
    bench.app.conversations().stop(&ada, stream).await.unwrap();
    let events = bench.events(&ada, stream).await;
    assert_eq!(events.last().unwrap().event, TurnEvent::TurnStopped {});
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.cost, message.output_tokens), (MessageStatus::Stopped, None, None));
    gate.open();
    bench.recover_after_leases().await;
    assert!(bench.ledger(&ada).await[before..].iter().all(|row| row.agent_type != AgentType::Chat));
    bench.check_books().await;
}

#[tokio::test]
async fn a_call_that_was_on_record_and_not_made_is_not_booked() {
    let (bench, models, gate, ada) = with_a_document().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    gate.close();
    let opened = bench.send(&ada, id, "What is the banyan?").await;
    let (answer, stream) = opened.answers[0];
    gate.held().await;
    // The server is shut down while the call is put on record.
    bench.store.hold(true);
    gate.open();
    bench.store.a_commit_is_held().await;
    let app = bench.app.clone();
    let ends = tokio::spawn(async move { app.shutdown(Duration::ZERO).await });
    until("nothing new begins", async || bench.app.ready().await.is_err()).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    bench.store.hold(false);
    assert!(!ends.await.unwrap());
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.cost, message.output_tokens), (MessageStatus::Interrupted, None, None));
    let scope = Scope::system_in(tenant_of(&ada));
    let stream = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
    assert!(stream.estimated_input_tokens.is_some(), "the call was on record");
    assert!(bench.ledger(&ada).await.iter().all(|row| row.agent_type != AgentType::Chat));
    assert!(models.call().now_or_never().is_none());
    bench.check_books().await;
}

#[tokio::test]
async fn a_settlement_that_is_tried_for_long_keeps_its_stream() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Talk.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    call.say("All of it.");
    let scope = Scope::system_in(tenant_of(&ada));
    until("it is flushed", async || {
        bench.world.read(&scope, async |tx| tx.streams().events(stream, 1, 10).await).await.len() == 1
    })
    .await;
    bench.store.be_away(true);
    call.finish(7, 3);
    for tries in 1..=3 {
        until("a try", async || bench.store.refused() >= tries).await;
        // The next one comes when most of the lease is over; by then two leases are.
        let now = domain::clock::Clock::now(bench.clock.as_ref());
        until("the lease is renewed", async || {
            let found = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
            found.lease_expires_at >= now + chrono::TimeDelta::seconds(20)
        })
        .await;
        bench.clock.advance(chrono::TimeDelta::seconds(15));
        bench.recover().await;
    }
    bench.store.be_away(false);
    let events = bench.events(&ada, stream).await;
    assert!(matches!(events.last().unwrap().event, TurnEvent::TurnCompleted { .. }));
    let message = bench.message(&ada, id, answer).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Complete, Parts::text("All of it.")));
    let rows = bench.ledger(&ada).await;
    assert_eq!((rows.len(), rows[0].tokens.output_tokens, rows[0].is_estimated), (1, 3, false));
    bench.check_books().await;
}

#[tokio::test]
async fn shutdown_ends_what_runs_as_interrupted_and_settles_it() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let opened = bench.send(&ada, id, "Talk.").await;
    let call = models.call().await;
    call.say("Something");
    let scope = Scope::system_in(tenant_of(&ada));
    let stream = opened.answers[0].1;
    until("the first word is stored", async || {
        bench.world.read(&scope, async |tx| tx.streams().events(stream, 1, 10).await).await.len() == 1
    })
    .await;
    assert!(!bench.app.shutdown(Duration::ZERO).await, "the answer does not end by itself");
    let message = bench.message(&ada, id, opened.answers[0].0).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Interrupted, Parts::text("Something")));
    assert_eq!(message.error.unwrap()["code"], "server_shutdown");
    let stream = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
    assert_eq!(stream.state, StreamState::Interrupted);
    assert_eq!(bench.ledger(&ada).await.len(), 1);
    assert_eq!(refusal(bench.app.ready().await), "shutting_down");
    bench.check_books().await;
}
