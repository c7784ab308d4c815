//! F15 to F17: silence, refusals and answers that break.

use std::time::{Duration, Instant};

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::{
    AllowList, Egress, OpenAiChat, OpenAiConnection,
    scripted::{Fault, Script, ScriptedServer, Verbatim},
};
use serde_json::json;

use crate::{KEY, TestClock, answer, ask, chat, check, connect, timeouts};

#[tokio::test]
async fn f15_silence_ends_in_time() {
    let server = ScriptedServer::start().await.unwrap();
    let late = Script { first_delay: Duration::from_secs(30), ..Script::default() };
    for script in [Script::fault(Fault::Silence), Script::fault(Fault::Hang), late] {
        server.push(script.clone());
        let answer = answer(&chat(&server), ask("hello")).await;
        check(answer.error.as_ref().unwrap(), Kind::Timeout);
        assert!(answer.deltas.is_empty(), "{script:?}");
    }
    assert_eq!(server.requests().len(), 3, "a timeout is not tried again");
    server.push(Script::fault(Fault::Hang).after(3));
    let answer = answer(&chat(&server), ask("hello")).await;
    check(answer.error.as_ref().unwrap(), Kind::Timeout);
    assert_eq!(answer.text, "The scripted ");
}

#[tokio::test]
async fn f16_refusals_are_tried_again_twice_and_only_before_the_answer() {
    let server = ScriptedServer::start().await.unwrap();
    for code in [429, 500, 502, 503, 529] {
        server.push(Script::status(code));
        server.push(Script::status(code));
        let before = server.requests().len();
        let answer = answer(&chat(&server), ask("hello")).await;
        assert!(answer.error.is_none(), "{code} {answer:?}");
        assert_eq!(server.requests().len() - before, 3, "{code}");
    }
    for (code, kind) in [(429, Kind::RateLimited), (503, Kind::Failed)] {
        server.set_default(Script::status(code));
        let before = server.requests().len();
        let answer = answer(&chat(&server), ask("hello")).await;
        check(answer.error.as_ref().unwrap(), kind);
        assert_eq!(server.requests().len() - before, 3, "{code}");
    }
    assert_eq!(server.bill().len(), 5, "refusals cost nothing");
}

#[tokio::test]
async fn f16_what_stays_wrong_is_not_tried_again() {
    let server = ScriptedServer::start().await.unwrap();
    let quota = json!({ "error": { "message": "You exceeded your quota", "code": "insufficient_quota" } });
    let telling =
        json!({ "error": { "message": format!("Wrong key {KEY} at http://127.0.0.1/v1: too long"), "type": "x" } });
    let empty = json!(null);
    for (code, body, kind) in [
        (401, &telling, Kind::Unauthorized),
        (403, &empty, Kind::Unauthorized),
        (404, &telling, Kind::UnknownModel),
        (404, &empty, Kind::Protocol),
        (400, &telling, Kind::InvalidRequest),
        (422, &json!({ "detail": "bad field" }), Kind::InvalidRequest),
        (400, &json!({ "error": { "code": "model_not_found" } }), Kind::UnknownModel),
        (302, &empty, Kind::Protocol),
        (429, &quota, Kind::RateLimited),
        (
            400,
            &json!([{ "error": { "message": "API key not valid. Please pass a valid API key." } }]),
            Kind::Unauthorized,
        ),
        (407, &empty, Kind::Unauthorized),
        (413, &json!({ "error": { "message": "too large", "code": "rate_limit_exceeded" } }), Kind::InvalidRequest),
        (413, &json!({ "error": { "message": "prompt is too long" } }), Kind::ContextLength),
    ] {
        let before = server.requests().len();
        server.push(Script::fault(Fault::Status { code, retry_after: None, body: body.clone() }));
        let answer = answer(&chat(&server), ask("hello")).await;
        let error = answer.error.unwrap();
        check(&error, kind);
        assert_eq!(server.requests().len() - before, 1, "{code} {error:?}");
        if code == 400 && *body == telling {
            assert!(error.message.ends_with(": Wrong key … at … too long"), "{}", error.message);
        }
    }
}

#[tokio::test]
async fn pages_of_what_stands_before_a_provider_are_told_as_such() {
    let server = ScriptedServer::start().await.unwrap();
    for (status, kind, part) in [
        (400, Kind::Protocol, "a web page of status 400"),
        (403, Kind::Protocol, "a web page of status 403"),
        (401, Kind::Unauthorized, "refused the key"),
        (413, Kind::InvalidRequest, "takes no request so large"),
    ] {
        let page = "<html><title>The plain HTTP request was sent to HTTPS port</title>";
        server.push(Script::verbatim(Verbatim::new(status, "text/html", page)));
        let error = answer(&chat(&server), ask("hello")).await.error.unwrap();
        check(&error, kind);
        assert!(error.message.contains(part), "{}", error.message);
    }
}

#[tokio::test]
async fn a_stream_of_any_pieces_lets_others_go_on() {
    let server = ScriptedServer::start().await.unwrap();
    let chunk = r#"data: {"choices":[{"delta":{"content":"x"}}]}"#;
    let events = format!("{}data: [DONE]\n\n", format!("{chunk}\n\n").repeat(20_000));
    server.push(Script::verbatim(Verbatim::events(events)));
    let turns = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&turns);
    tokio::spawn(async move {
        loop {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(answer(&chat(&server), ask("hello")).await.text.len(), 20_000);
    let turns = turns.load(std::sync::atomic::Ordering::Relaxed);
    assert!(turns > 100, "another task had {turns} turns");
}

#[tokio::test]
async fn f16_retry_after_is_heeded_up_to_a_bound() {
    let server = ScriptedServer::start().await.unwrap();
    let wait = |value: &str| {
        let body = json!({ "error": "slow down" });
        Script::fault(Fault::Status { code: 429, retry_after: Some(value.to_owned()), body })
    };
    server.push(wait("1"));
    let began = Instant::now();
    assert!(answer(&chat(&server), ask("hello")).await.error.is_none());
    assert!(began.elapsed() >= Duration::from_secs(1));
    // Within the timeouts, but longer than a person waits for nothing to happen.
    server.push(wait("11"));
    let patient = crate::Timeouts { first_token: Duration::from_secs(60), ..timeouts() };
    let model = OpenAiChat::new(crate::connect_with(&server.base_url(), patient));
    let error = answer(&model, ask("hello")).await.error.unwrap();
    assert_eq!(error.retry_after, Some(Duration::from_secs(11)));
    // The test clock stands at 2027-01-15 08:00:00.
    for (value, seconds) in [("3600", 3600), ("Fri, 15 Jan 2027 09:00:00 GMT", 3600)] {
        let before = server.requests().len();
        server.push(wait(value));
        let error = answer(&chat(&server), ask("hello")).await.error.unwrap();
        check(&error, Kind::RateLimited);
        assert_eq!(error.retry_after, Some(Duration::from_secs(seconds)));
        assert_eq!(server.requests().len() - before, 1, "{value}");
    }
}

#[tokio::test]
async fn f16_a_peer_that_is_not_there() {
    let url = ScriptedServer::refused_url().await.unwrap();
    let answer = answer(&OpenAiChat::new(connect(&url)), ask("hello")).await;
    check(answer.error.as_ref().unwrap(), Kind::Unreachable);
}

#[tokio::test]
async fn a_peer_that_comes_back_is_found_again() {
    let server = ScriptedServer::start().await.unwrap();
    let (address, url) = (server.address(), server.base_url());
    server.stop().await;
    let call = tokio::spawn(async move {
        let slow = crate::Timeouts { retry: Duration::from_millis(300), ..timeouts() };
        answer(&OpenAiChat::new(crate::connect_with(&url, slow)), ask("hello")).await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let _server = ScriptedServer::start_on(address).await.unwrap();
    assert_eq!(call.await.unwrap().text, "The scripted model answers.");
}

#[tokio::test]
async fn an_address_that_is_not_listed_is_refused() {
    let server = ScriptedServer::start().await.unwrap();
    let egress = std::sync::Arc::new(Egress::new(AllowList::default()).unwrap());
    let connection = OpenAiConnection::new("openai", server.base_url(), None, egress, TestClock::new(), timeouts());
    let answer = answer(&OpenAiChat::new(connection.into()), ask("hello")).await;
    check(answer.error.as_ref().unwrap(), Kind::Forbidden);
    assert_eq!(server.progress().borrow().arrived, 0);
}

#[tokio::test]
async fn f17_answers_that_break_keep_their_text_and_tell_why() {
    let server = ScriptedServer::start().await.unwrap();
    let overloaded = json!({ "message": "The server is overloaded", "type": "server_error", "code": 503 });
    let limited = json!({ "message": "Slow down", "code": "rate_limit_exceeded" });
    for (fault, kind) in [
        (Fault::Reset, Kind::Interrupted),
        (Fault::EarlyEnd, Kind::Interrupted),
        (Fault::HtmlInside, Kind::Interrupted),
        (Fault::BadJson, Kind::Protocol),
        (Fault::HalfCharacter, Kind::Interrupted),
        (Fault::LongLine(10_000_000), Kind::Protocol),
        (Fault::ErrorObject(overloaded), Kind::Failed),
        (Fault::ErrorObject(limited), Kind::RateLimited),
        (Fault::ErrorObject(json!(KEY)), Kind::Failed),
    ] {
        let before = server.requests().len();
        server.push(Script::fault(fault.clone()).after(3));
        let answer = answer(&chat(&server), ask("hello")).await;
        check(answer.error.as_ref().unwrap(), kind);
        // Of half a character it is told that there was one.
        assert_eq!(answer.text.trim_end_matches(char::REPLACEMENT_CHARACTER), "The scripted ", "{fault:?}");
        assert!(!answer.deltas.iter().any(|delta| matches!(delta, ChatDelta::Finished(_))));
        assert_eq!(server.requests().len() - before, 1, "{fault:?} is not tried again");
    }
}

#[tokio::test]
async fn f17_answers_that_break_before_their_first_piece() {
    let server = ScriptedServer::start().await.unwrap();
    for (fault, kind) in [
        (Fault::HtmlPage, Kind::Protocol),
        (Fault::HtmlInside, Kind::Protocol),
        (Fault::Refusal, Kind::Interrupted),
        (Fault::Reset, Kind::Interrupted),
        (Fault::BadJson, Kind::Protocol),
        (Fault::ErrorObject(json!({ "message": "x" })), Kind::Failed),
    ] {
        let before = server.requests().len();
        server.push(Script::fault(fault.clone()));
        let answer = answer(&chat(&server), ask("hello")).await;
        check(answer.error.as_ref().unwrap(), kind);
        assert!(answer.deltas.is_empty());
        assert_eq!(server.requests().len() - before, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_tool_call_that_is_cut_off_is_not_called() {
    let server = ScriptedServer::start().await.unwrap();
    let call = ("drop".to_owned(), "{\"all\": true}".to_owned());
    server.push(Script { tool_calls: vec![call], fault: Some(Fault::EarlyEnd), fault_after: 7, ..Script::default() });
    let answer = answer(&chat(&server), ask("hello")).await;
    check(answer.error.as_ref().unwrap(), Kind::Interrupted);
    assert!(!answer.deltas.iter().any(|delta| matches!(delta, ChatDelta::ToolCall(_))), "{answer:?}");
}

#[tokio::test]
async fn f15_signs_of_life_are_no_silence_but_do_not_go_on_for_ever() {
    let server = ScriptedServer::start().await.unwrap();
    let said =
        |text: &str| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n").into_bytes();
    let comments = |count: usize| std::iter::repeat_n(b": keep-alive\n\n".to_vec(), count);
    let done = b"data: [DONE]\n\n".to_vec();
    let slow =
        |pieces| Script::verbatim(Verbatim { pieces, pause: Duration::from_millis(200), ..Verbatim::events("") });
    // 2400 ms of comments before the first word, where 1500 ms of silence would end it; 1200 ms behind it, where 300 would.
    server.push(slow(comments(12).chain([said("hi")]).chain(comments(6)).chain([said("!"), done]).collect()));
    let answered = answer(&chat(&server), ask("hello")).await;
    assert!(answered.error.is_none(), "{answered:?}");
    assert_eq!(answered.text, "hi!");
    // Silence before the first word may be longer than within the answer.
    let pause = Duration::from_millis(700);
    server.push(Script::verbatim(Verbatim { pieces: vec![said("hi"), said("!")], pause, ..Verbatim::events("") }));
    let answered = answer(&chat(&server), ask("hello")).await;
    assert_eq!(answered.text, "hi");
    check(answered.error.as_ref().unwrap(), Kind::Timeout);
    server.push(slow(comments(60).collect()));
    let short = crate::Timeouts { whole: Duration::from_millis(900), ..timeouts() };
    let model = OpenAiChat::new(crate::connect_with(&server.base_url(), short));
    let began = Instant::now();
    check(answer(&model, ask("hello")).await.error.as_ref().unwrap(), Kind::Timeout);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_answer_that_said_why_it_stopped_is_whole_whatever_becomes_of_its_connection() {
    let server = ScriptedServer::start().await.unwrap();
    for fault in [
        Fault::Reset,
        Fault::Hang,
        Fault::EarlyEnd,
        Fault::BadJson,
        Fault::HtmlInside,
        Fault::LongLine(10_000_000),
        Fault::ErrorObject(json!({ "message": "usage unavailable", "code": 500 })),
    ] {
        // One chunk with the role, three of text, one with the reason; the usage and the end do not come.
        server.push(Script { fault: Some(fault.clone()), fault_after: 5, ..Script::reply("one two three") });
        let answer = answer(&chat(&server), ask("hello")).await;
        assert!(answer.error.is_none(), "{fault:?} {answer:?}");
        assert_eq!(answer.text, "one two three");
        assert_eq!(answer.deltas.last(), Some(&ChatDelta::Finished("stop".into())));
    }
}
