//! Answers that are not what they are called, and events that are not what they should be.

use std::time::Duration;

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::{Script, ScriptedServer, Verbatim};

use crate::{Collected, answer, ask, chat, check};

const EVENTS: &str =
    "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const WHOLE: &str = r#"{"choices":[{"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}"#;

async fn answered(response: Verbatim) -> Collected {
    let server = ScriptedServer::start().await.unwrap();
    server.push(Script::verbatim(response));
    answer(&chat(&server), ask("hello")).await
}

#[tokio::test]
async fn an_answer_is_what_its_first_bytes_say() {
    let labels =
        ["application/json", "text/plain; charset=utf-8", "text/event-stream", "text/html", "application/octet-stream"];
    for label in labels {
        for body in
            [EVENTS, WHOLE, &format!("\n\r\n {WHOLE}"), &format!("\u{feff}{EVENTS}"), &format!("\u{feff}{WHOLE}\n")]
        {
            // In one piece, and byte by byte.
            for pieces in [vec![body.as_bytes().to_vec()], body.bytes().map(|byte| vec![byte]).collect()] {
                let answer = answered(Verbatim { pieces, ..Verbatim::new(200, label, "") }).await;
                assert!(answer.error.is_none(), "{label} {body}: {answer:?}");
                assert_eq!(
                    answer.deltas,
                    [ChatDelta::Text("Hi".into()), ChatDelta::Finished("stop".into())],
                    "{label} {body}"
                );
            }
        }
        check(
            answered(Verbatim::new(200, label, "<html>Sign in</html>")).await.error.as_ref().unwrap(),
            Kind::Protocol,
        );
        for nothing in ["", "\n\n", "{}", "[]", "{\"choices\":[]}", "Internal Server Error", "null", "\u{feff}"] {
            let error = answered(Verbatim::new(200, label, nothing)).await.error.unwrap();
            check(&error, Kind::Protocol);
        }
    }
}

#[tokio::test]
async fn what_is_compressed_without_being_asked_for_is_told_as_such() {
    for status in [200, 400] {
        let mut response = Verbatim::json(status, b"\x1f\x8b\x08\x00\x00".to_vec());
        response.headers.push_str("content-encoding: gzip\r\n");
        let error = answered(response).await.error.unwrap();
        check(&error, if status == 200 { Kind::Protocol } else { Kind::InvalidRequest });
        assert_eq!(error.message.contains("compressed"), status == 200, "{}", error.message);
    }
    for none in ["identity", "none", "UTF-8", ""] {
        let mut response = Verbatim::events(EVENTS);
        response.headers.push_str(&format!("content-encoding: {none}\r\n"));
        assert_eq!(answered(response).await.text, "Hi", "{none}");
    }
}

#[tokio::test]
async fn signs_of_life_end_no_answer_and_nonsense_does() {
    for harmless in ["ping", "\"ping\"", "keep-alive", "null", "1", "true", "[]", "{}", "{\"type\":\"ping\"}"] {
        let answer = answered(Verbatim::events(format!("data: {harmless}\n\n{EVENTS}"))).await;
        assert!(answer.error.is_none(), "{harmless} {answer:?}");
        assert_eq!(answer.text, "Hi", "{harmless}");
    }
    let long = format!("\"{}\"", "x".repeat(100));
    for nonsense in ["{\"choices\":[", "<p>", "[1,2", "\"ping", &long, &"x".repeat(100)] {
        let answer = answered(Verbatim::events(format!("data: {nonsense}\n\n{EVENTS}"))).await;
        check(answer.error.as_ref().unwrap(), Kind::Protocol);
    }
}

#[tokio::test]
async fn an_event_may_stand_on_several_lines() {
    let events = "data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n";
    assert_eq!(answered(Verbatim::events(events)).await.text, "Hi");
}

#[tokio::test]
async fn errors_of_every_form_end_an_answer() {
    for (error, kind) in [
        (r#"{"error":{"message":"m","code":429}}"#, Kind::RateLimited),
        (r#"{"error":"rate_limit_exceeded: m"}"#, Kind::Failed),
        (r#"{"error":{"message":"m","code":"context_length_exceeded"}}"#, Kind::ContextLength),
        (r#"{"object":"error","message":"m","code":400}"#, Kind::InvalidRequest),
        (r#"[{"error":{"code":400,"message":"m"}}]"#, Kind::InvalidRequest),
        (r#"{"detail":"m"}"#, Kind::Failed),
        (r#"{"detail":[{"loc":["body"],"msg":"m"}],"status":422}"#, Kind::InvalidRequest),
        (r#"{"errors":[{"message":"m"}]}"#, Kind::Failed),
        (r#"{"message":"m","status":404}"#, Kind::UnknownModel),
        (r#"{"error":{"message":"\ud83c half","code":400}}"#, Kind::InvalidRequest),
    ] {
        for response in [
            Verbatim::events(format!("data: {error}\n\n")),
            Verbatim::events(format!("event: error\ndata: {error}\n\ndata: [DONE]\n\n")),
            Verbatim::json(200, error),
        ] {
            let answer = answered(response.clone()).await;
            check(answer.error.as_ref().unwrap_or_else(|| panic!("{response:?}")), kind);
            assert!(answer.deltas.is_empty(), "{error}");
        }
    }
    check(answered(Verbatim::events("event: error\ndata: it broke\n\n")).await.error.as_ref().unwrap(), Kind::Failed);
    for none in [r#""error":null"#, r#""error":{}"#, r#""error":"""#, r#""error":false"#] {
        let events = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"Hi\"}}}}],{none}}}\n\ndata: [DONE]\n\n");
        assert_eq!(answered(Verbatim::events(events)).await.text, "Hi", "{none}");
    }
}

#[tokio::test]
async fn a_bare_text_is_told_and_a_page_is_not() {
    let said = answered(Verbatim::new(400, "text/plain", "no healthy upstream")).await.error.unwrap();
    check(&said, Kind::InvalidRequest);
    assert!(said.message.ends_with(": no healthy upstream"), "{}", said.message);
    let page = answered(Verbatim::new(400, "text/html", "<html><body>Bad Request</body></html>")).await.error.unwrap();
    check(&page, Kind::Protocol);
    assert!(page.message.contains("by a web page") && !page.message.contains("Bad Request"), "{}", page.message);
    let latin =
        answered(Verbatim::new(400, "application/json", b"{\"error\":\"ung\xfcltig\"}".to_vec())).await.error.unwrap();
    assert!(latin.message.ends_with("ung\u{fffd}ltig"), "{}", latin.message);
}

#[tokio::test]
async fn what_is_refused_in_a_stream_is_asked_again_as_well() {
    let server = ScriptedServer::start().await.unwrap();
    let refusal = r#"{"error":{"message":"stream_options: unknown field","code":400}}"#;
    server.push(Script::verbatim(Verbatim::events(format!("data: {refusal}\n\n"))));
    let answer = answer(&chat(&server), ask("hello")).await;
    assert!(answer.error.is_none(), "{answer:?}");
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].body.get("stream_options").is_none());
}

#[tokio::test]
async fn a_field_that_is_refused_without_a_name_or_fails_a_server_is_left_out_too() {
    for (status, refusal) in [
        (400, r#"{"error":"extra fields not permitted"}"#),
        (500, r#"{"detail":"TypeError: create() got an unexpected keyword argument 'stream_options'"}"#),
    ] {
        let server = ScriptedServer::start().await.unwrap();
        server.choose(move |request| {
            let has_options = request.body.get("stream_options").is_some();
            has_options.then(|| Script::verbatim(Verbatim::json(status, refusal)))
        });
        assert_eq!(answer(&chat(&server), ask("hello")).await.text, "The scripted model answers.", "{refusal}");
    }
}

#[tokio::test]
async fn what_only_sounds_like_a_refusal_of_ours_changes_nothing() {
    for (status, message, requests) in [
        (400, "unexpected end of the stream", 1),
        (400, "max_tokens must be at most 4096", 1),
        (400, "an unknown error", 1),
        (500, "an unexpected error occurred", 3),
        (500, "unsupported state of the stream", 3),
        (429, "stream_options: slow down", 3),
    ] {
        let server = ScriptedServer::start().await.unwrap();
        let refusal = serde_json::json!({ "error": { "message": message } }).to_string();
        server.set_default(Script::verbatim(Verbatim::json(status, refusal)));
        let mut request = ask("hello");
        request.options.max_output_tokens = Some(9);
        assert!(answer(&chat(&server), request).await.error.is_some(), "{message}");
        let bodies: Vec<_> = server.requests().iter().map(|request| request.body.clone()).collect();
        assert!(bodies.len() == requests && bodies.iter().all(|body| *body == bodies[0]), "{message}: {bodies:?}");
    }
}

#[tokio::test]
async fn a_provider_that_refuses_whatever_it_is_asked_is_asked_a_few_times() {
    let server = ScriptedServer::start().await.unwrap();
    let refusal = r#"{"error":{"message":"unsupported: stream_options, stream, max_tokens, max_completion_tokens"}}"#;
    server.set_default(Script::verbatim(Verbatim::json(400, refusal)));
    let mut request = ask("hello");
    request.options.max_output_tokens = Some(9);
    let model = chat(&server);
    check(answer(&model, request.clone()).await.error.as_ref().unwrap(), Kind::InvalidRequest);
    assert_eq!(server.requests().len(), 3);
    // Nothing is remembered of what did not help.
    check(answer(&model, request).await.error.as_ref().unwrap(), Kind::InvalidRequest);
    assert!(server.requests()[3].body.get("stream_options").is_some());
}

#[tokio::test]
async fn a_stream_that_trickles_is_read_as_it_comes() {
    let pieces = EVENTS.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    let pause = Duration::from_millis(5);
    assert_eq!(answered(Verbatim { pieces, pause, ..Verbatim::events("") }).await.text, "Hi");
}
