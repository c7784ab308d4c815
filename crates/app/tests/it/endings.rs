//! Answers that end before they are whole.

use domain::{
    access::Scope,
    conversations::{MessageStatus, Parts, StreamState, TurnEvent},
    money::Money,
    usage::estimate,
};
use infra_providers::scripted::{Fault, Script, ScriptedServer};

use crate::support::{Bench, MODEL, ManualModels, cost_of, refusal, registry, tenant_of, text_of, until};

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
    let prompt = server.requests().last().unwrap().prompt();
    assert_eq!(prompt, "Will you?\nAnd now?");
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
    assert!(!bench.app.shutdown(std::time::Duration::ZERO).await, "the answer does not end by itself");
    let message = bench.message(&ada, id, opened.answers[0].0).await;
    assert_eq!((message.status, message.parts), (MessageStatus::Interrupted, Parts::text("Something")));
    assert_eq!(message.error.unwrap()["code"], "server_shutdown");
    let stream = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
    assert_eq!(stream.state, StreamState::Interrupted);
    assert_eq!(bench.ledger(&ada).await.len(), 1);
    assert_eq!(refusal(bench.app.ready().await), "shutting_down");
    bench.check_books().await;
}
