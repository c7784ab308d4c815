//! Connections that are kept, and die while nobody looks.

use std::time::Duration;

use domain::gateways::GatewayErrorKind as Kind;
use infra_providers::{
    OpenAiChat,
    scripted::{Fault, Script, ScriptedServer},
};

use crate::{answer, ask, chat, check};

async fn say(model: &OpenAiChat) -> String {
    let answer = answer(model, ask("hello")).await;
    assert!(answer.error.is_none(), "{answer:?}");
    answer.text
}

fn connections(server: &ScriptedServer) -> Vec<u64> {
    server.requests().iter().map(|request| request.connection).collect()
}

#[tokio::test]
async fn a_kept_connection_that_is_reset_before_a_byte_of_the_answer_is_replaced() {
    for fault in [Fault::Refusal, Fault::Goodbye] {
        let server = ScriptedServer::start().await.unwrap();
        let model = chat(&server);
        for _ in 0..2 {
            say(&model).await;
        }
        server.push(Script::fault(fault));
        assert_eq!(say(&model).await, "The scripted model answers.");
        // The second came on the kept connection; the third died on it and was sent once more on a new one.
        assert_eq!(connections(&server), [1, 1, 1, 2]);
        assert_eq!(server.bill().len(), 3);
    }
}

#[tokio::test]
async fn it_is_replaced_once_and_then_the_failure_is_told() {
    let server = ScriptedServer::start().await.unwrap();
    let model = chat(&server);
    say(&model).await;
    server.push(Script::fault(Fault::Refusal));
    server.push(Script::fault(Fault::Refusal));
    let error = answer(&model, ask("hello")).await.error.unwrap();
    check(&error, Kind::Interrupted);
    assert_eq!(connections(&server), [1, 1, 2]);
}

#[tokio::test]
async fn of_many_dead_connections_none_is_tried_after_the_first() {
    let server = ScriptedServer::start().await.unwrap();
    let model = chat(&server);
    server.set_default(Script { first_delay: Duration::from_millis(100), ..Script::default() });
    futures::future::join_all((0..8).map(|_| say(&model))).await;
    server.set_default(Script::fault(Fault::Refusal));
    server.choose(|request| (request.connection > 8).then(Script::default));
    assert_eq!(say(&model).await, "The scripted model answers.");
    assert_eq!(server.requests().len(), 10);
}

#[tokio::test]
async fn what_may_have_been_worked_on_is_not_sent_again() {
    let server = ScriptedServer::start().await.unwrap();
    // On a new connection a reset may be the work breaking off.
    server.push(Script::fault(Fault::Refusal));
    check(answer(&chat(&server), ask("hello")).await.error.as_ref().unwrap(), Kind::Interrupted);
    assert_eq!(server.requests().len(), 1);
    // On a kept one the answer had begun.
    for fault in [Fault::HalfHead, Fault::Reset] {
        let model = chat(&server);
        say(&model).await;
        let before = server.requests().len();
        server.push(Script::fault(fault.clone()));
        let error = answer(&model, ask("hello")).await.error.unwrap();
        check(&error, Kind::Interrupted);
        assert_eq!(server.requests().len() - before, 1, "{fault:?}");
        assert_eq!(connections(&server)[before], connections(&server)[before - 1], "{fault:?}: it was kept");
    }
}

#[tokio::test]
async fn connections_are_given_up_before_servers_of_models_close_them() {
    let server = ScriptedServer::start().await.unwrap();
    let model = chat(&server);
    say(&model).await;
    tokio::time::sleep(Duration::from_millis(4500)).await;
    say(&model).await;
    assert_eq!(connections(&server), [1, 2]);
}
