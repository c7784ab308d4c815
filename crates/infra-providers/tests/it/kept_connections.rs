//! Connections that are kept, and die while nobody looks.

use std::time::Duration;

use domain::gateways::{ChatModel, GatewayErrorKind as Kind};
use futures::{FutureExt, StreamExt};
use infra_providers::{
    AllowList, Egress, OpenAiChat,
    egress::{Limits, Method, Request},
    scripted::{Fault, Script, ScriptedServer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::unconstrained,
    time::{sleep, timeout},
};
use url::Url;

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
async fn a_kept_connection_that_is_given_up_with_a_word_is_replaced_too() {
    let server = ScriptedServer::start().await.unwrap();
    let model = chat(&server);
    say(&model).await;
    server.push(Script::status(408));
    assert_eq!(say(&model).await, "The scripted model answers.");
    assert_eq!(connections(&server), [1, 1, 2]);
    // On a new one it is an answer.
    server.push(Script::status(408));
    let error = answer(&chat(&server), ask("hello")).await.error.unwrap();
    check(&error, Kind::Timeout);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_peer_that_had_time_to_work_on_the_request_is_not_asked_again() {
    let server = ScriptedServer::start().await.unwrap();
    server.on_request(|_| async {
        sleep(Duration::from_millis(1_200)).await;
        Ok(())
    });
    for (script, kind) in [(Script::fault(Fault::Refusal), Kind::Interrupted), (Script::status(408), Kind::Timeout)] {
        let model = chat(&server);
        say(&model).await;
        let before = server.requests().len();
        server.push(script);
        check(answer(&model, ask("hello")).await.error.as_ref().unwrap(), kind);
        assert_eq!(server.requests().len() - before, 1);
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
    sleep(Duration::from_millis(4500)).await;
    say(&model).await;
    assert_eq!(connections(&server), [1, 2]);
}

#[tokio::test]
async fn pieces_that_are_there_are_read_without_waiting() {
    let server = ScriptedServer::start().await.unwrap();
    let words: Vec<String> = (0..400).map(|number| format!("word{number}")).collect();
    server.set_default(Script::reply(words.join(" ")));
    let mut stream = chat(&server).chat(ask("hello")).await.unwrap();
    stream.next().await.unwrap().unwrap();
    sleep(Duration::from_millis(200)).await;
    let mut pieces = 1;
    while unconstrained(stream.next()).now_or_never().expect("nobody has to be waited for").is_some() {
        pieces += 1;
    }
    assert!(pieces > 400, "{pieces}");
}

/// A server that answers one request with these bytes, and the client's side of it.
async fn peer(answer: &'static str) -> (Egress, Request, impl Future<Output = TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let serving = async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        while !stream.read_u8().await.unwrap().is_ascii_control() {}
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    };
    (Egress::new(AllowList::new([&url])).unwrap(), Request::new(Method::GET, url), serving)
}

const LIMITS: Limits = Limits {
    headers: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    total: Duration::from_secs(5),
    max_bytes: 1_000,
};

/// Reads what is left of a request, until the client closes.
async fn closed(mut stream: TcpStream) {
    while stream.read(&mut [0; 1024]).await.unwrap_or(0) > 0 {}
}

#[tokio::test]
async fn an_idle_connection_is_closed_though_nobody_asks_again() {
    let (egress, request, serving) = peer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let (response, stream) = tokio::join!(egress.send(request, LIMITS), serving);
    assert_eq!(response.unwrap().bytes().await.unwrap(), "ok");
    let mut closing = Box::pin(closed(stream));
    timeout(Duration::from_secs(3), &mut closing).await.expect_err("it is kept");
    timeout(Duration::from_secs(10), closing).await.expect("it is closed");
}

#[tokio::test]
async fn an_answer_that_nobody_reads_any_more_is_hung_up_on() {
    let (egress, request, serving) = peer("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome").await;
    let (response, stream) = tokio::join!(egress.send(request, LIMITS), serving);
    let mut response = response.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "some");
    drop(response);
    timeout(Duration::from_secs(2), closed(stream)).await.expect("it is closed");
}
