//! Answers that go well, in all the forms in which peers give them.

use domain::{
    gateways::{ChatDelta, ChatModel, ToolCall},
    usage::TokenUsage,
};
use futures::StreamExt;
use infra_providers::scripted::{Script, ScriptedServer, UsageMode};

use crate::{KEY, answer, ask, chat};

fn usages(deltas: &[ChatDelta]) -> Vec<TokenUsage> {
    let usage = |delta: &ChatDelta| match delta {
        ChatDelta::Usage(usage) => Some(*usage),
        _ => None,
    };
    deltas.iter().filter_map(usage).collect()
}

#[tokio::test]
async fn text_reasoning_and_tools_stream_in_order() {
    let server = ScriptedServer::start().await.unwrap();
    server.set_default(Script {
        reply: "Grüße aus 東京, 😀 one two.".to_owned(),
        reasoning: "let me think".to_owned(),
        tool_calls: vec![("look_up".to_owned(), "{\"q\": \"a b\"}".to_owned())],
        finish_reason: "tool_calls".to_owned(),
        ..Script::default()
    });
    let answer = answer(&chat(&server), ask("How are you today?")).await;
    assert!(answer.error.is_none(), "{answer:?}");
    assert_eq!(answer.text, "Grüße aus 東京, 😀 one two.");
    assert_eq!(answer.deltas[0], ChatDelta::Reasoning("let ".to_owned()));
    let call = ToolCall {
        id: "call-1-0".into(),
        name: "look_up".into(),
        arguments: "{\"q\": \"a b\"}".into(),
        extra: Default::default(),
    };
    let usage = TokenUsage { input_tokens: 4, output_tokens: 9, ..TokenUsage::default() };
    let end = [ChatDelta::ToolCall(call), ChatDelta::Finished("tool_calls".into()), ChatDelta::Usage(usage)];
    assert_eq!(answer.deltas[answer.deltas.len() - 3..], end);
}

#[tokio::test]
async fn the_key_goes_in_a_header_and_nowhere_else() {
    let server = ScriptedServer::start().await.unwrap();
    answer(&chat(&server), ask("hello")).await;
    let request = &server.requests()[0];
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(request.path, "/v1/chat/completions");
    assert!(!request.body.to_string().contains(KEY));
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(request.body["stream_options"]["include_usage"], true);
    assert_eq!(request.prompt(), "hello");
}

#[tokio::test]
async fn f04_usage_is_told_as_it_came() {
    let server = ScriptedServer::start().await.unwrap();
    let right = TokenUsage { input_tokens: 2, output_tokens: 4, ..TokenUsage::default() };
    let zero = TokenUsage::default();
    for (mode, expected) in [
        (UsageMode::Right, vec![right]),
        (UsageMode::WithFinish, vec![right]),
        (UsageMode::Zero, vec![zero]),
        (UsageMode::None, vec![]),
        (UsageMode::Twice, vec![right, right]),
        (UsageMode::AfterDone, vec![right]),
    ] {
        server.push(Script { usage: mode, ..Script::default() });
        let answer = answer(&chat(&server), ask("two words")).await;
        assert!(answer.error.is_none(), "{mode:?} {answer:?}");
        assert_eq!(usages(&answer.deltas), expected, "{mode:?}");
        assert_eq!(answer.text, "The scripted model answers.");
    }
    let bill = server.bill();
    assert_eq!(bill.len(), 6);
    assert!(bill.iter().all(|charge| (charge.input_tokens, charge.output_tokens) == (2, 4)));
}

#[tokio::test]
async fn an_answer_without_a_word_is_no_error() {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::reply(""));
    let answer = answer(&chat(&server), ask("hello")).await;
    assert!(answer.error.is_none(), "{answer:?}");
    assert_eq!(answer.text, "");
    assert_eq!(answer.deltas[0], ChatDelta::Finished("stop".to_owned()));
}

#[tokio::test]
async fn deltas_come_as_they_are_sent() {
    let server = ScriptedServer::start().await.unwrap();
    let pause = std::time::Duration::from_millis(100);
    server.push(Script { chunk_delay: pause, ..Script::reply("one two three") });
    let mut stream = chat(&server).chat(ask("hello")).await.unwrap();
    assert_eq!(stream.next().await.unwrap().unwrap(), ChatDelta::Text("one ".to_owned()));
    assert_eq!(server.progress().borrow().ended, 0, "the first piece is here before the last is sent");
    let rest: Vec<_> = stream.map(Result::unwrap).collect().await;
    assert_eq!(rest[0], ChatDelta::Text("two ".to_owned()));
}
