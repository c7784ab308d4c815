//! The turn from the question to the settled answer.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use app::{Settings, conversations::NewMessage};
use domain::{
    conversations::{MessageStatus, Parts, StreamState, TurnEvent},
    money::Money,
    usage::estimate,
};
use infra_providers::scripted::{Script, ScriptedServer, UsageMode};
use serde_json::json;

use crate::support::{
    Bench, Choice, MODEL, ManualModels, cost_of, done, events_of, message, refusal, tenant_of, text_of, until,
};

/// Lets the server complain about units of work that stay open while it is asked.
fn forbid_open_transactions(server: &ScriptedServer, bench: &Bench) {
    let open = bench.store.open();
    server.on_request(move |_| {
        let open = open.clone();
        async move {
            // Others may have one open for a moment; one that waits for this answer never closes.
            for _ in 0..1_000 {
                if open.load(SeqCst) == 0 {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err("a transaction is held across a call to the provider".to_owned())
        }
    });
}

#[tokio::test]
async fn an_answer_streams_and_is_settled_to_the_last_digit() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    forbid_open_transactions(&server, &bench);
    server.set_default(Script::reply("One two three four five six seven."));
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;

    let opened = bench.send(&ada, conversation.id, "How far can you count?").await;
    let events = bench.events(&ada, opened.answers[0].1).await;

    let (answer, stream) = opened.answers[0];
    let started = TurnEvent::TurnStarted {
        user_message_id: opened.user_message_id,
        assistant_message_id: answer,
        stream_id: stream,
        conversation_id: conversation.id,
        head_version: opened.head_version,
    };
    assert_eq!(events[0].event, started);
    let numbers: Vec<i64> = events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=events.len() as i64).collect::<Vec<_>>());
    assert_eq!(text_of(&events), "One two three four five six seven.");

    let bill = server.bill();
    assert_eq!((bill.len(), bill[0].output_tokens), (1, 7));
    let cost = Money(cost_of(bill[0].input_tokens, 7));
    let TurnEvent::TurnCompleted { usage, cost: told, finish_reason } = &events.last().unwrap().event else {
        panic!("the turn is complete")
    };
    assert_eq!((usage.input_tokens, usage.output_tokens), (bill[0].input_tokens, 7));
    assert_eq!((*told, finish_reason.as_deref()), (Some(cost), Some("stop")));

    let written = bench.message(&ada, conversation.id, answer).await;
    assert_eq!(written.status, MessageStatus::Complete);
    assert_eq!(written.parts, Parts::text("One two three four five six seven."));
    assert_eq!((written.input_tokens, written.output_tokens), (Some(bill[0].input_tokens), Some(7)));
    assert_eq!((written.cost, written.model.as_deref()), (Some(cost), Some(MODEL)));

    let rows = bench.ledger(&ada).await;
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].cost, rows[0].message_id, rows[0].is_estimated), (Some(cost), Some(answer), false));
    assert_eq!(rows[0].input_cost.unwrap().0 + rows[0].output_cost.unwrap().0, cost.0);
    assert!(rows[0].price_id.is_some());
    let scope = domain::access::Scope::system_in(tenant_of(&ada));
    let call = bench.world.read(&scope, async |tx| tx.usage().call(rows[0].request_id).await).await;
    assert_eq!(call, None);

    let conversation = bench.app.conversations().get(&ada, conversation.id).await.unwrap();
    assert_eq!((conversation.totals.requests, conversation.totals.cost), (1, cost));
    assert_eq!(conversation.totals.input_tokens, bill[0].input_tokens);
    assert_eq!((conversation.message_count, conversation.current_message_id), (2, Some(answer)));
    assert_eq!(conversation.last_context, Some(*usage));
    bench.check_books().await;
    for action in ["conversation_created", "turn_opened", "turn_settled"] {
        assert_eq!(bench.audited(&ada, action).await, 1, "{action}");
    }
    // What was told live is what is stored, and any place of it can be joined.
    assert_eq!(bench.events(&ada, stream).await, events);
    for place in 0..events.len() {
        let number = i64::try_from(place).unwrap();
        assert_eq!(events_of(&bench.app, &ada, stream, number).await, events[place..], "behind {place}");
    }
    assert_eq!(server.violations(), [] as [String; 0]);
}

#[tokio::test]
async fn without_the_providers_count_usage_is_estimated_and_marked() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    server.set_default(Script { usage: UsageMode::None, ..Script::reply("Twenty-five bytes of it.") });
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let answer = bench.ask(&ada, conversation.id, "How many bytes are there?").await;
    let rows = bench.ledger(&ada).await;
    assert!(rows.len() == 1 && rows[0].is_estimated);
    let prompt = estimate::tokens_of_messages(["How many bytes are there?"]);
    assert_eq!((rows[0].tokens.input_tokens, rows[0].tokens.output_tokens), (prompt, 6));
    assert_eq!(rows[0].cost, Some(Money(cost_of(prompt, 6))));
    assert_eq!((answer.output_tokens, answer.cost), (Some(6), rows[0].cost));
    bench.check_books().await;
}

#[tokio::test]
async fn an_unknown_price_is_unknown_and_never_nothing() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, "openai/unpriced").await;
    let answer = bench.ask(&ada, conversation.id, "What do you cost?").await;
    assert_eq!((answer.status, answer.cost), (MessageStatus::Complete, None));
    let totals = bench.app.conversations().get(&ada, conversation.id).await.unwrap().totals;
    assert_eq!((totals.requests, totals.cost, totals.unknown_costs), (1, Money::ZERO, 1));
    let free = bench.conversation(&ada, "banyan/extractive").await;
    assert_eq!(bench.ask(&ada, free.id, "And you?").await.cost, Some(Money::ZERO));
    bench.check_books().await;
}

#[tokio::test]
async fn the_prompt_is_the_system_prompt_and_the_branch() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let new = app::conversations::NewConversation {
        model: Some(MODEL.to_owned()),
        system_prompt: Some("Be brief.".to_owned()),
        ..Default::default()
    };
    let conversation = done(bench.app.conversations().create(&ada, new, None).await.unwrap());
    for (question, answer) in [("First?", "One."), ("Second?", "Two.")] {
        let opened = bench.send(&ada, conversation.id, question).await;
        let call = models.call().await;
        let prompt: Vec<&str> = call.request.messages.iter().map(|message| message.text.as_str()).collect();
        match question {
            "First?" => assert_eq!(prompt, ["Be brief.", "First?"]),
            _ => assert_eq!(prompt, ["Be brief.", "First?", "One.", "Second?"]),
        }
        call.say(answer);
        call.finish(1, 1);
        bench.events(&ada, opened.answers[0].1).await;
    }
}

#[tokio::test]
async fn readers_of_any_instance_see_a_running_answer() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let opened = bench.send(&ada, conversation.id, "Go on.").await;
    let (answer, stream) = opened.answers[0];
    let call = models.call().await;
    let (other, _) = bench.instance(None, Settings::default());
    assert_eq!(other.conversations().running_stream(&ada, conversation.id).await.unwrap(), Some(stream));
    let mut elsewhere = other.conversations().follow(&ada, stream, 0).await.unwrap();
    let mut here = bench.app.conversations().follow(&ada, stream, 0).await.unwrap();
    for following in [&mut elsewhere, &mut here] {
        assert_eq!(following.next().await.unwrap().unwrap().event.number, 1);
    }
    for word in ["One ", "two ", "three."] {
        call.say(word);
        for following in [&mut elsewhere, &mut here] {
            let followed = following.next().await.unwrap().unwrap();
            assert_eq!(followed.event.event, TurnEvent::TextDelta { text: word.to_owned() });
            assert!(followed.message.is_none());
        }
    }
    call.finish(4, 3);
    for following in [&mut elsewhere, &mut here] {
        let followed = following.next().await.unwrap().unwrap();
        assert!(followed.event.event.is_last());
        let view = followed.message.unwrap();
        assert_eq!((view.message.id, view.message.status), (answer, MessageStatus::Complete));
        assert!(following.next().await.unwrap().is_none());
    }
    assert_eq!(other.conversations().running_stream(&ada, conversation.id).await.unwrap(), None);
}

#[tokio::test]
async fn several_models_answer_one_question_and_the_first_is_the_head() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let models = vec![MODEL.to_owned(), "banyan/extractive".to_owned()];
    let asked = NewMessage { models, ..message("Who is better?") };
    let opened = done(bench.app.conversations().send(&ada, conversation.id, asked, None).await.unwrap());
    for (_, stream) in &opened.answers {
        assert!(matches!(bench.events(&ada, *stream).await.last().unwrap().event, TurnEvent::TurnCompleted { .. }));
    }
    let [(first, _), (second, _)] = opened.answers[..] else { panic!("two answers") };
    assert_eq!(opened.current_message_id, first);
    let view = bench.app.conversations().message(&ada, conversation.id, second).await.unwrap();
    assert_eq!((view.siblings, view.message.version), (vec![first, second], 2));
    assert_eq!(bench.ledger(&ada).await.len(), 2);
    bench.check_books().await;
}

#[tokio::test]
async fn nothing_follows_an_unfinished_answer_or_a_question() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let opened = bench.send(&ada, conversation.id, "First?").await;
    let call = models.call().await;

    let conversations = bench.app.conversations();
    let error = conversations.send(&ada, conversation.id, message("Second?"), None).await.unwrap_err();
    assert_eq!(error.code, "parent_not_ready");
    assert_eq!(error.details, Some(json!({ "message_id": opened.answers[0].0 })));
    let under = NewMessage { parent_id: Some(opened.user_message_id), ..message("Under a question?") };
    assert_eq!(refusal(conversations.send(&ada, conversation.id, under, None).await), "grammar");
    let blank = conversations.send(&ada, conversation.id, message(" \n"), None).await.unwrap_err();
    assert_eq!(blank.fields[0].field, "parts/0/text");

    call.say("Yes.");
    call.finish(1, 1);
    bench.events(&ada, opened.answers[0].1).await;
    bench.send(&ada, conversation.id, "Second?").await;
    assert_eq!(bench.app.conversations().tree(&ada, conversation.id, 0, 100).await.unwrap().items.len(), 4);
    models.call().await.finish(1, 0);
}

#[tokio::test]
async fn a_stale_head_is_refused_and_the_new_one_named() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let expecting = |version| NewMessage { expected_head: Some(version), ..message("Me first!") };
    let conversations = bench.app.conversations();
    let opened = done(conversations.send(&ada, conversation.id, expecting(0), None).await.unwrap());
    assert_eq!(opened.head_version, 1);
    bench.events(&ada, opened.answers[0].1).await;
    let error = conversations.send(&ada, conversation.id, expecting(0), None).await.unwrap_err();
    assert_eq!((error.kind, error.code), (app::ErrorKind::PreconditionFailed, "head_moved"));
    let head = json!({ "head_version": 1, "current_message_id": opened.answers[0].0 });
    assert_eq!(error.details, Some(head));
    let next = done(conversations.send(&ada, conversation.id, expecting(1), None).await.unwrap());
    assert_eq!(next.head_version, 2);
    bench.events(&ada, next.answers[0].1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_to_one_parent_at_once_become_siblings() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let conversation = bench.conversation(&ada, MODEL).await;
    let root = bench.ask(&ada, conversation.id, "Begin.").await;
    let sends = (0..6).map(|number| {
        let conversations = bench.app.conversations();
        let (ada, id) = (ada.clone(), conversation.id);
        let new = NewMessage { parent_id: Some(root.id), ..message(&format!("Branch {number}?")) };
        tokio::spawn(async move { done(conversations.send(&ada, id, new, None).await.unwrap()) })
    });
    let mut questions = Vec::new();
    for sent in sends.collect::<Vec<_>>() {
        let opened = sent.await.unwrap();
        bench.events(&ada, opened.answers[0].1).await;
        questions.push(bench.message(&ada, conversation.id, opened.user_message_id).await);
    }
    assert!(questions.iter().all(|question| question.parent_id == Some(root.id)));
    let mut versions: Vec<i32> = questions.iter().map(|question| question.version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    let conversation = bench.app.conversations().get(&ada, conversation.id).await.unwrap();
    assert_eq!((conversation.message_count, conversation.head_version, conversation.next_seq), (14, 7, 15));
    assert_eq!(conversation.totals.requests, 7);
    bench.check_books().await;
}

#[tokio::test]
async fn a_conversations_model_may_have_to_be_looked_for() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let (_, bare) = MODEL.split_once('/').unwrap();
    let conversation = bench.conversation(&ada, bare).await;
    let opened = bench.send(&ada, conversation.id, "Who writes?").await;
    models.call().await.finish(1, 1);
    let (answer, stream) = opened.answers[0];
    bench.events(&ada, stream).await;
    assert_eq!(bench.message(&ada, conversation.id, answer).await.model.as_deref(), Some(MODEL));
    bench.check_books().await;
}

#[tokio::test]
async fn only_so_many_answers_run_at_once() {
    let models = ManualModels::new();
    let settings = Settings { max_running_per_user: 2, ..Settings::default() };
    let bench = Bench::with(Choice { models: Some(models.clone()), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let mut running = Vec::new();
    for _ in 0..2 {
        let conversation = bench.conversation(&ada, MODEL).await;
        running.push(bench.send(&ada, conversation.id, "Run.").await);
    }
    let third = bench.conversation(&ada, MODEL).await;
    let conversations = bench.app.conversations();
    assert_eq!(refusal(conversations.send(&ada, third.id, message("Run."), None).await), "generation_active");
    models.call().await.finish(1, 0);
    let scope = domain::access::Scope::system_in(tenant_of(&ada));
    let (first, second) = (running[0].conversation_id, running[1].conversation_id);
    until("one of the answers ends", async || {
        let run = async |id| bench.world.read(&scope, async |tx| tx.streams().running(id).await).await.len();
        run(first).await + run(second).await == 1
    })
    .await;
    bench.send(&ada, third.id, "Run.").await;
    assert_eq!(running.len(), 2);
}

#[tokio::test]
async fn a_slow_search_neither_loses_the_lease_nor_the_turn() {
    let (embedder, gate) = crate::support::GatedEmbedder::new();
    let models = ManualModels::new();
    let choice = Choice { models: Some(models.clone()), embedder: Some(embedder), ..Choice::default() };
    let bench = Bench::with(choice);
    bench.start();
    let ada = bench.ada().await;
    let collection = bench.collection(&ada, "notes", domain::knowledge::CollectionVisibility::Private).await;
    bench.ingest(&ada, &collection, "a.md", "# Trees\n\nThe banyan is a fig.").await;
    let conversation = bench.conversation(&ada, MODEL).await;

    gate.close();
    let opened = bench.send(&ada, conversation.id, "What is the banyan?").await;
    let (answer, stream) = opened.answers[0];
    gate.held().await;
    let scope = domain::access::Scope::system_in(tenant_of(&ada));
    for _ in 0..2 {
        // Half a lease goes by; while the search lasts, the lease is renewed.
        bench.clock.advance(chrono::TimeDelta::seconds(12));
        let now = domain::clock::Clock::now(bench.clock.as_ref());
        until("the lease is renewed", async || {
            let found = bench.world.read(&scope, async |tx| tx.streams().get(stream).await).await.unwrap();
            found.state == StreamState::Running && found.lease_expires_at > now + chrono::TimeDelta::seconds(15)
        })
        .await;
    }
    bench.recover().await;
    gate.open();
    let call = models.call().await;
    call.say("A fig [1].");
    call.finish(20, 3);
    let events = bench.events(&ada, stream).await;
    assert!(matches!(events.last().unwrap().event, TurnEvent::TurnCompleted { .. }));
    let view = bench.app.conversations().message(&ada, conversation.id, answer).await.unwrap();
    assert_eq!(view.citations[0].citation.quote, "The banyan is a fig.");
}
