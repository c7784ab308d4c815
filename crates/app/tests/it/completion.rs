//! The OpenAI face's completions: alone, in a conversation, kept as a new one.

use std::time::{Duration, Instant};

use app::{
    Settings,
    openai::{ChatCompletion, Completion, CompletionEvent},
};
use domain::{
    access::Scope,
    conversations::{MessageRole, MessageStatus, Origin},
    gateways::{ChatDelta, ChatOptions, ChatRequest, PromptMessage, PromptRole, ToolCall},
    knowledge::CollectionVisibility,
    money::Money,
    usage::estimate,
};
use futures::{FutureExt, future::join_all};
use infra_providers::{
    Timeouts,
    scripted::{Fault, Script, ScriptedServer, UsageMode, Verbatim},
};

use crate::support::{Bench, Choice, MODEL, ManualModels, cost_of, refusal, registry, tenant_of, until};

/// A completion of one question.
pub(crate) fn asked(question: &str) -> ChatCompletion {
    asking(&[(PromptRole::User, question)])
}

fn asking(messages: &[(PromptRole, &str)]) -> ChatCompletion {
    let messages = messages.iter().map(|(role, text)| PromptMessage::text(*role, *text)).collect();
    let request = ChatRequest { messages, ..ChatRequest::default() };
    ChatCompletion { model: MODEL.to_owned(), request, ..ChatCompletion::default() }
}

/// The text, and the last event.
async fn read(mut completion: Completion) -> (String, CompletionEvent) {
    let mut text = String::new();
    loop {
        match completion.next().await.expect("the end is said") {
            CompletionEvent::Delta(ChatDelta::Text(piece)) => text.push_str(&piece),
            CompletionEvent::Delta(_) => {}
            last => {
                assert!(completion.next().await.is_none());
                return (text, last);
            }
        }
    }
}

#[tokio::test]
async fn a_completion_alone_leaves_one_row_of_the_ledger_and_one_of_the_audit() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    server.set_default(Script::reply("Just this."));
    let completion = bench.app.openai().complete(&ada, asked("What?")).await.unwrap();
    let request = completion.request_id;
    assert_eq!(completion.conversation_id, None);
    let (text, last) = read(completion).await;
    assert_eq!(text, "Just this.");
    let CompletionEvent::Finished { finish_reason, usage } = last else { panic!("it is whole") };
    let bill = server.bill();
    assert_eq!((finish_reason.as_str(), usage.input_tokens, usage.output_tokens), ("stop", bill[0].input_tokens, 2));
    let rows = bench.ledger(&ada).await;
    assert_eq!((rows.len(), rows[0].request_id, rows[0].conversation_id), (1, request, None));
    assert_eq!(rows[0].cost, Some(Money(cost_of(bill[0].input_tokens, 2))));
    assert_eq!(bench.audited(&ada, "completion_settled").await, 1);
    assert_eq!(bench.audit(tenant_of(&ada)).await.len(), 1);
    let kept = bench.app.conversations().list(&ada, &Default::default(), Default::default()).await.unwrap();
    assert_eq!(kept.items, []);
    bench.recover_after_leases().await;
    assert_eq!(bench.ledger(&ada).await, rows);
}

#[tokio::test]
async fn a_client_that_leaves_cancels_nothing() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let mut completion = bench.app.openai().complete(&ada, asked("What?")).await.unwrap();
    let call = models.call().await;
    call.say("Half");
    assert_eq!(completion.next().await, Some(CompletionEvent::Delta(ChatDelta::Text("Half".to_owned()))));
    drop(completion);
    call.say(" and whole.");
    call.finish(7, 5);
    until("it is settled", async || bench.ledger(&ada).await.len() == 1).await;
    let row = bench.ledger(&ada).await.remove(0);
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (7, 5, false));
    // One that leaves before the first word, and even before the call.
    let openai = bench.app.openai();
    assert!(openai.complete(&ada, asked("What?")).now_or_never().is_none());
    let call = models.call().await;
    call.finish(7, 0);
    until("it is settled too", async || bench.ledger(&ada).await.len() == 2).await;
    assert_eq!(bench.audited(&ada, "completion_settled").await, 2);
}

#[tokio::test]
async fn what_nobody_reads_is_bounded_in_time() {
    let models = ManualModels::new();
    let max_unread_time = Duration::from_millis(100);
    let settings = Settings { max_unread_time, max_running_per_user: 1, ..Settings::default() };
    let bench = Bench::with(Choice { models: Some(models.clone()), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let mut read = bench.app.openai().complete(&ada, asked("What?")).await.unwrap();
    let call = models.call().await;
    tokio::time::sleep(2 * max_unread_time).await;
    call.say("It is read.");
    call.finish(7, 3);
    assert_eq!(read.whole().await.unwrap().text, "It is read.");

    let unread = bench.app.openai().complete(&ada, asked("What?")).await.unwrap();
    let call = models.call().await;
    call.say("Nobody ");
    drop(unread);
    until("it is cut off", async || bench.ledger(&ada).await.len() == 2).await;
    let row = bench.ledger(&ada).await.remove(1);
    let prompt = estimate::tokens_of_messages(["What?"]);
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (prompt, 2, true));
    assert_eq!(row.metadata["error"], "unread");
    until("its place is free again", async || {
        bench.app.openai().complete(&ada, asked("What?")).await.is_ok_and(|next| next.conversation_id.is_none())
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_begin_is_cut_off_and_may_have_been_paid_for() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_default(Script::fault(Fault::Silence));
    let models = Some(registry(&server.base_url()));
    let settings = Settings { max_answer_time: Duration::from_millis(300), ..Settings::default() };
    let bench = Bench::with(Choice { models, settings, ..Choice::default() });
    let ada = bench.ada().await;
    let begun = Instant::now();
    assert_eq!(refusal(bench.app.openai().complete(&ada, asked("What?")).await), "upstream_timeout");
    // The provider's own deadline would have ended it as well, but later.
    assert!(begun.elapsed() < Timeouts::default().first_token / 2, "{:?}", begun.elapsed());
    assert_eq!(server.requests().len(), 1, "it was asked once");
    let row = bench.ledger(&ada).await.pop().unwrap();
    let prompt = estimate::tokens_of_messages(["What?"]);
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (prompt, 0, true));
    assert_eq!(row.metadata["error"], "upstream_timeout");
    bench.recover_after_leases().await;
    assert_eq!(bench.ledger(&ada).await, [row], "and is booked once");
}

#[tokio::test]
async fn what_nobody_reads_is_bounded_in_number() {
    let models = ManualModels::new();
    let settings = Settings { max_unread: 1, ..Settings::default() };
    let bench = Bench::with(Choice { models: Some(models.clone()), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let mut calls = Vec::new();
    for _ in 0..2 {
        drop(bench.app.openai().complete(&ada, asked("What?")).await.unwrap());
        calls.push(models.call().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until("the first gives way", async || bench.ledger(&ada).await.len() == 1).await;
    assert_eq!(bench.ledger(&ada).await[0].metadata["error"], "unread");
    calls.remove(1).finish(7, 5);
    until("the second is read to its end", async || bench.ledger(&ada).await.len() == 2).await;
    let row = bench.ledger(&ada).await.remove(1);
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (7, 5, false));
}

/// What a provider may charge for, though nothing came of it, is booked by our estimate and marked so.
#[tokio::test]
async fn an_answer_that_is_lost_before_its_first_word_may_have_been_paid_for() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let prompt = estimate::tokens_of_messages(["What?"]);
    server.push(Script::fault(Fault::HalfHead));
    assert_eq!(refusal(bench.app.openai().complete(&ada, asked("What?")).await), "upstream_interrupted");
    let row = bench.ledger(&ada).await.pop().unwrap();
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (prompt, 0, true));

    server.push(Script::fault(Fault::HalfHead));
    let id = bench.conversation(&ada, MODEL).await.id;
    let stream = bench.send(&ada, id, "What?").await.answers[0].1;
    bench.events(&ada, stream).await;
    let row = bench.ledger(&ada).await.pop().unwrap();
    assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (prompt, 0, true));
    bench.check_books().await;
}

#[tokio::test]
async fn of_a_count_that_is_outdated_what_was_read_stands() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let events = r#"data: {"choices":[{"delta":{"content":""}}],"usage":{"prompt_tokens":1000001,"completion_tokens":1}}

data: {"choices":[{"delta":{"content":"sixteen letters."}}]}

"#;
    server.set_default(Script::verbatim(Verbatim::events(events)));
    let (_, last) = read(bench.app.openai().complete(&ada, asked("What?")).await.unwrap()).await;
    assert!(matches!(last, CompletionEvent::Failed(_)));
    let id = bench.conversation(&ada, MODEL).await.id;
    let stream = bench.send(&ada, id, "What?").await.answers[0].1;
    bench.events(&ada, stream).await;
    let rows = bench.ledger(&ada).await;
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!((row.tokens.input_tokens, row.tokens.output_tokens, row.is_estimated), (1_000_001, 4, true));
    }
    bench.check_books().await;
}

#[tokio::test]
async fn a_kept_completion_that_is_stopped_tells_what_was_booked() {
    let models = ManualModels::new();
    let bench = Bench::with_models(models.clone());
    let ada = bench.ada().await;
    let kept = ChatCompletion { store: true, ..asked("Talk.") };
    let openai = bench.app.openai();
    let (completion, call) = tokio::join!(openai.complete(&ada, kept), async {
        let call = models.call().await;
        call.say("As far as this");
        call
    });
    let completion = completion.unwrap();
    let chats = bench.app.conversations();
    let stream = chats.running_stream(&ada, completion.conversation_id.unwrap()).await.unwrap().unwrap();
    chats.stop(&ada, stream).await.unwrap();
    let CompletionEvent::Finished { usage, .. } = read(completion).await.1 else { panic!("it is stopped") };
    drop(call);
    let row = bench.ledger(&ada).await.pop().unwrap();
    assert!(row.tokens.input_tokens > 0 && row.is_estimated);
    assert_eq!(usage, row.tokens);
}

#[tokio::test]
async fn failures_are_told_and_accounted_as_they_were() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let openai = bench.app.openai();
    server.push(Script::status(400));
    assert_eq!(refusal(openai.complete(&ada, asked("What?")).await), "upstream_invalid_request");
    let row = bench.ledger(&ada).await.pop().unwrap();
    assert_eq!((row.tokens.total(), row.cost, row.is_estimated), (0, Some(Money::ZERO), false));
    assert_eq!(row.metadata["error"], "upstream_invalid_request");

    server.push(Script { reply: "one two three four".to_owned(), ..Script::fault(Fault::Reset).after(3) });
    let (text, last) = read(openai.complete(&ada, asked("Count.")).await.unwrap()).await;
    let CompletionEvent::Failed(failure) = last else { panic!("it breaks") };
    assert_eq!(failure.code, "upstream_interrupted");
    let row = bench.ledger(&ada).await.pop().unwrap();
    assert_eq!((row.tokens.output_tokens, row.is_estimated), (estimate::tokens_of(&text), true));

    // Arguments of tools are written too.
    let tool_calls = vec![("look_up".to_owned(), r#"{"word":"banyan"}"#.to_owned())];
    server.push(Script { usage: UsageMode::None, tool_calls, ..Script::reply("Wait.") });
    let (text, last) = read(openai.complete(&ada, asked("Look it up.")).await.unwrap()).await;
    assert!(matches!(last, CompletionEvent::Finished { .. }));
    let row = bench.ledger(&ada).await.pop().unwrap();
    let written = text.len() + r#"{"word":"banyan"}"#.len();
    assert_eq!((row.tokens.output_tokens, row.is_estimated), (written.div_ceil(4) as u64, true));

    for wrong in [asking(&[]), ChatCompletion { model: "nobody/knows".to_owned(), ..asked("x") }] {
        let before = bench.ledger(&ada).await.len();
        assert!(openai.complete(&ada, wrong).await.is_err());
        assert_eq!(bench.ledger(&ada).await.len(), before);
    }
}

#[tokio::test]
async fn f16_a_provider_that_fails_is_left_alone_for_a_while() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let openai = bench.app.openai();
    server.set_default(Script::status(503));
    let failing = join_all((0..20).map(|_| openai.complete(&ada, asked("What?")))).await;
    assert!(failing.into_iter().all(|failed| refusal(failed) == "upstream_failed"));
    let (calls, rows) = (server.requests().len(), bench.ledger(&ada).await.len());
    server.set_default(Script::reply("Well again."));
    let left_alone = openai.complete(&ada, asked("What?")).await.err().unwrap();
    assert_eq!(left_alone.code, "upstream_unreachable");
    assert!(left_alone.retry_after.is_some(), "it says when to ask again");
    let id = bench.conversation(&ada, MODEL).await.id;
    let answer = bench.ask(&ada, id, "And in a conversation?").await;
    assert_eq!(answer.status, MessageStatus::Error);
    assert_eq!((server.requests().len(), bench.ledger(&ada).await.len()), (calls, rows), "nobody was asked or paid");
}

#[tokio::test]
async fn in_a_conversation_the_question_goes_under_its_head() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let id = bench.conversation(&ada, MODEL).await.id;
    let root = bench.ask(&ada, id, "First?").await;
    let mut asked = ChatCompletion { conversation_id: Some(id), ..asked("Second?") };
    asked.request.options = ChatOptions { temperature: Some(0.5), ..ChatOptions::default() };
    let completion = bench.app.openai().complete(&ada, asked.clone()).await.unwrap();
    let request = completion.request_id;
    assert_eq!(completion.conversation_id, Some(id));
    let (text, last) = read(completion).await;
    assert_eq!(text, "The scripted model answers.");
    assert!(matches!(last, CompletionEvent::Finished { .. }));
    let branch = bench.app.conversations().branch(&ada, id, None, 10).await.unwrap().items;
    let texts: Vec<String> = branch.iter().map(|view| view.message.parts.plain_text()).collect();
    assert_eq!(texts, ["First?", &text, "Second?", &text]);
    assert_eq!(branch[2].message.parent_id, Some(root.id));
    // How it is to be answered goes to the provider, as without a conversation.
    let temperatures: Vec<_> = server.requests().iter().map(|request| request.body["temperature"].as_f64()).collect();
    assert_eq!(temperatures, [None, Some(0.5)]);
    let result = [(PromptRole::User, "Second?"), (PromptRole::Tool, "4")];
    let unfit = ChatCompletion { conversation_id: Some(id), ..asking(&result) };
    assert_eq!(refusal(bench.app.openai().complete(&ada, unfit).await), "invalid");
    assert_eq!(bench.ledger(&ada).await[1].request_id, request);
    bench.check_books().await;
    let other = bench.tenant("other").await;
    let eve = bench.user(&other, "eve", domain::access::SystemRole::TenantAdmin).await;
    assert_eq!(refusal(bench.app.openai().complete(&eve, asked).await), "not_found");
}

#[tokio::test]
async fn store_keeps_the_whole_prompt_as_a_conversation() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    use PromptRole::{Assistant, System, User};
    let prompt = [(System, "Be brief."), (User, "First?"), (Assistant, "One."), (User, "Second?")];
    let asked = ChatCompletion { store: true, ..asking(&prompt) };
    let completion = bench.app.openai().complete(&ada, asked).await.unwrap();
    let id = completion.conversation_id.unwrap();
    let (text, _) = read(completion).await;
    let conversation = bench.app.conversations().get(&ada, id).await.unwrap();
    assert_eq!((conversation.origin, conversation.system_prompt.as_deref()), (Origin::OpenAi, Some("Be brief.")));
    let branch = bench.app.conversations().branch(&ada, id, None, 10).await.unwrap().items;
    let told: Vec<_> = branch
        .iter()
        .map(|view| (view.message.role, view.message.parts.plain_text(), view.message.irregular))
        .collect();
    use MessageRole as R;
    let expected = [(R::User, "First?"), (R::Assistant, "One."), (R::User, "Second?"), (R::Assistant, text.as_str())];
    assert_eq!(told, expected.map(|(role, text)| (role, text.to_owned(), false)));
    assert_eq!(server.requests()[0].prompt(), "Be brief.\nFirst?\nOne.\nSecond?");
    assert_eq!(branch[3].message.status, MessageStatus::Complete);
    let scope = Scope::system_in(tenant_of(&ada));
    let running = bench.world.read(&scope, async |tx| tx.streams().running(id).await).await;
    assert_eq!((running, bench.ledger(&ada).await.len()), (vec![], 1));
    bench.check_books().await;
}

#[tokio::test]
async fn questions_in_a_row_are_kept_too() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let prompt = [(PromptRole::User, "A document."), (PromptRole::User, "What does it say?")];
    let asked = ChatCompletion { store: true, ..asking(&prompt) };
    let completion = bench.app.openai().complete(&ada, asked).await.unwrap();
    let id = completion.conversation_id.unwrap();
    read(completion).await;
    let branch = bench.app.conversations().branch(&ada, id, None, 10).await.unwrap().items;
    assert_eq!(branch.len(), 2);
    assert_eq!(branch[0].message.parts.plain_text(), "A document.\n\nWhat does it say?");
}

#[tokio::test]
async fn a_prompt_is_kept_whatever_it_ends_with() {
    let server = ScriptedServer::start().await.unwrap();
    let bench = Bench::over_wire(&server);
    let ada = bench.ada().await;
    let call = ToolCall { id: "c1".into(), name: "clock".into(), arguments: "{}".into(), extra: Default::default() };
    let mut called = PromptMessage { tool_calls: vec![call], ..PromptMessage::text(PromptRole::Assistant, "") };
    called.extra.insert("reasoning_content".to_owned(), "hm".into());
    let told = PromptMessage { tool_call_id: Some("c1".into()), ..PromptMessage::text(PromptRole::Tool, "noon") };
    let question = PromptMessage::text(PromptRole::User, "What time is it?");
    use MessageRole::{Assistant, System, Tool, User};
    for (prompt, roles) in [
        (vec![question.clone(), called, told], vec![User, Assistant, Tool, Assistant]),
        (vec![question.clone(), PromptMessage::text(PromptRole::Assistant, "It is")], vec![User, Assistant, Assistant]),
        (vec![PromptMessage::text(PromptRole::System, "Tell the time.")], vec![System, Assistant]),
    ] {
        let before = server.requests().len();
        let request = ChatRequest { messages: prompt.clone(), ..ChatRequest::default() };
        let asked = ChatCompletion { model: MODEL.to_owned(), store: true, request, ..ChatCompletion::default() };
        let alone = ChatCompletion { store: false, ..asked.clone() };
        read(bench.app.openai().complete(&ada, alone).await.unwrap()).await;
        let completion = bench.app.openai().complete(&ada, asked).await.unwrap();
        let id = completion.conversation_id.unwrap();
        assert_eq!(read(completion).await.0, "The scripted model answers.");
        let branch = bench.app.conversations().branch(&ada, id, None, 10).await.unwrap().items;
        assert_eq!(branch.iter().map(|view| view.message.role).collect::<Vec<_>>(), roles);
        assert_eq!(branch.last().unwrap().message.status, MessageStatus::Complete);
        // The provider gets the same as without.
        let sent: Vec<_> = server.requests()[before..].iter().map(|request| request.body.clone()).collect();
        assert_eq!(sent[0], sent[1]);
    }
    bench.check_books().await;
}

#[tokio::test]
async fn what_is_kept_fails_as_what_is_not() {
    let server = ScriptedServer::start().await.unwrap();
    let settings = Settings { max_running_per_user: 1, ..Settings::default() };
    let models = crate::support::registry(&server.base_url());
    let bench = Bench::with(Choice { models: Some(models), settings, ..Choice::default() });
    let ada = bench.ada().await;
    let openai = bench.app.openai();
    let hurried = Fault::Status { code: 429, retry_after: None, body: serde_json::json!({}) };
    for script in [Script::status(400), Script::status(401), Script::status(404), Script::fault(hurried)] {
        server.set_default(script.clone());
        let failed = async |store| {
            let error = openai.complete(&ada, ChatCompletion { store, ..asked("What?") }).await.err().unwrap();
            (error.kind, error.code, error.message)
        };
        assert_eq!(failed(true).await, failed(false).await, "{script:?}");
    }
    // In the middle of an answer that is waited for.
    for store in [false, true] {
        server.set_default(Script { reply: "one two three".into(), ..Script::fault(Fault::Reset).after(2) });
        let mut begun = openai.complete(&ada, ChatCompletion { store, ..asked("What?") }).await.unwrap();
        assert_eq!(refusal(begun.whole().await), "upstream_interrupted");
    }
    // Beyond the bound of who asks; what is refused leaves no conversation.
    server.set_default(Script::fault(Fault::Hang).after(2));
    let _running = openai.complete(&ada, ChatCompletion { store: true, ..asked("What?") }).await.unwrap();
    let count = async || {
        let filter = domain::conversations::ConversationFilter { origin: Some(Origin::OpenAi), ..Default::default() };
        bench.app.conversations().list(&ada, &filter, Default::default()).await.unwrap().items.len()
    };
    let before = count().await;
    let refused = openai.complete(&ada, ChatCompletion { store: true, ..asked("And?") }).await;
    assert_eq!(refusal(refused), "too_many_running");
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn the_marks_of_an_answer_are_told_with_what_they_cite() {
    let bench = Bench::plain();
    let ada = bench.ada().await;
    bench.start();
    let docs = bench.collection(&ada, "Docs", CollectionVisibility::Shared).await;
    bench.ingest(&ada, &docs, "figs.md", "# Figs\n\nThe banyan is a tree. It grows from above.\n").await;
    for store in [false, true] {
        let mut wanted = ChatCompletion { model: "banyan/extractive".into(), store, ..asked("What is the banyan?") };
        let mut answer = bench.app.openai().complete(&ada, wanted.clone()).await.unwrap().whole().await.unwrap();
        let mark = answer.annotations.remove(0);
        let letters: Vec<char> = answer.text.chars().collect();
        assert_eq!(
            letters[mark.start as usize..mark.end as usize].iter().collect::<String>(),
            "[1]",
            "{}",
            answer.text
        );
        assert_eq!(
            (mark.cited.index, mark.cited.filename.as_str(), mark.cited.quote.as_str()),
            (1, "figs.md", "The banyan is a tree.")
        );
        wanted.request.messages[0].text = "zzz".to_owned();
        let nothing = bench.app.openai().complete(&ada, wanted).await.unwrap().whole().await.unwrap();
        assert!(!nothing.text.contains("[1]") && nothing.annotations.is_empty(), "{}", nothing.text);
    }
}
