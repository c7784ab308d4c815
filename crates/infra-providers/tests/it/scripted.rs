//! The scripted server itself: what tests of other crates rely on.

use std::time::Duration;

use domain::gateways::ChatModel;
use futures::StreamExt;
use infra_providers::scripted::{Script, ScriptedServer};

use crate::{answer, ask, chat, connect};

#[tokio::test]
async fn progress_tells_when_to_kill() {
    let server = ScriptedServer::start().await.unwrap();
    let slow = Duration::from_millis(100);
    server.push(Script { first_delay: slow, chunk_delay: slow, ..Script::reply("one two") });
    let model = chat(&server);
    let call = tokio::spawn(async move { answer(&model, ask("hello")).await });
    server.wait_for(|progress| progress.arrived == 1).await;
    assert_eq!(server.progress().borrow().begun, 0);
    assert!(server.requests()[0].prompt() == "hello");
    server.wait_for(|progress| progress.begun == 1).await;
    assert_eq!(server.bill().len(), 1);
    assert_eq!(server.progress().borrow().ended, 0);
    server.wait_for(|progress| progress.ended == 1).await;
    assert_eq!(call.await.unwrap().text, "one two");
}

#[tokio::test]
async fn scripts_by_request_come_before_those_in_line() {
    let server = ScriptedServer::start().await.unwrap();
    server.choose(|request| request.prompt().contains("red").then(|| Script::reply("rose")));
    server.push(Script::reply("in line"));
    let model = chat(&server);
    for (question, reply) in [("red?", "rose"), ("blue?", "in line"), ("blue?", "The scripted model answers.")] {
        assert_eq!(answer(&model, ask(question)).await.text, reply);
    }
}

#[tokio::test]
async fn a_hook_sees_each_request_before_its_answer() {
    let server = ScriptedServer::start().await.unwrap();
    server.on_request(
        async |request| {
            if request.prompt().contains("bad") { Err("a transaction is open".to_owned()) } else { Ok(()) }
        },
    );
    let model = chat(&server);
    assert!(answer(&model, ask("good")).await.error.is_none());
    assert!(server.violations().is_empty());
    assert!(answer(&model, ask("bad")).await.error.is_some());
    assert!(!server.violations().is_empty());
    assert_eq!(server.bill().len(), 1);
}

#[tokio::test]
async fn what_is_cut_off_is_charged() {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script { chunk_delay: Duration::from_millis(50), ..Script::reply("one two three four") });
    let mut stream = chat(&server).chat(ask("hello you")).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    let charge = &server.bill()[0];
    assert_eq!((charge.number, charge.input_tokens, charge.output_tokens), (1, 2, 4));
    assert_eq!(charge.model, "scripted");
}

#[tokio::test]
async fn whole_answers_are_read_where_a_stream_was_asked_for() {
    // A peer that ignores `stream`: the server behind a proxy that takes the field out.
    let server = ScriptedServer::start().await.unwrap();
    let body = serde_json::json!({ "choices": [{ "message": { "role": "assistant", "content": "whole" },
        "finish_reason": "stop" }], "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    let fault = infra_providers::scripted::Fault::Status { code: 200, retry_after: None, body };
    server.push(Script::fault(fault));
    let answer = answer(&infra_providers::OpenAiChat::new(connect(&server.base_url())), ask("hello")).await;
    assert!(answer.error.is_none(), "{answer:?}");
    assert_eq!((answer.text.as_str(), answer.deltas.len()), ("whole", 3));
}
