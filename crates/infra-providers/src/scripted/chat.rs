//! Answers of the scripted chat model.

use std::{io, time::Duration};

use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    State,
    http::Connection,
    record::{RecordedRequest, count_words},
    script::{Fault, Script, UsageMode},
};

const PAGE: &[u8] = b"<!doctype html>\n<html><body><h1>Sign in</h1></body></html>\n";

/// Answers a chat request; `false`: the connection is to end.
pub(super) async fn answer(connection: &mut Connection, state: &State, request: &RecordedRequest) -> io::Result<bool> {
    let script = state.script_for(request);
    if let Some(verbatim) = &script.verbatim {
        state.progress.send_modify(|progress| progress.begun += 1);
        connection.verbatim(verbatim).await?;
        state.progress.send_modify(|progress| progress.ended += 1);
        return Ok(true);
    }
    match &script.fault {
        Some(Fault::Status { code, retry_after, body }) => {
            let headers = retry_after.as_ref().map(|value| format!("retry-after: {value}\r\n")).unwrap_or_default();
            connection.whole(*code, "application/json", &headers, body.to_string().as_bytes()).await?;
            return Ok(true);
        }
        Some(Fault::HtmlPage) => {
            connection.whole(200, "text/html; charset=utf-8", "", PAGE).await?;
            return Ok(true);
        }
        Some(Fault::Silence) => {
            connection.hang().await?;
            return Ok(false);
        }
        Some(Fault::Refusal) => {
            connection.reset()?;
            return Ok(false);
        }
        Some(Fault::Goodbye) => return Ok(false),
        Some(Fault::HalfHead) => {
            connection.half_head().await?;
            return Ok(false);
        }
        _ => {}
    }
    let usage =
        Usage { input: request.prompt_tokens(), output: count_words(&script.reasoning) + count_words(&script.reply) };
    state.ledger().charge(request, usage.input, usage.output);
    if request.body["stream"] == true {
        stream(connection, state, request, &script, usage).await
    } else {
        whole(connection, state, request, &script, usage).await
    }
}

#[derive(Clone, Copy)]
struct Usage {
    input: u64,
    output: u64,
}

impl Usage {
    fn json(self) -> Value {
        json!({
            "prompt_tokens": self.input, "completion_tokens": self.output,
            "total_tokens": self.input.saturating_add(self.output),
        })
    }
}

/// Why a stream ends before its time.
enum End {
    Whole,
    Broken,
}

async fn stream(
    connection: &mut Connection,
    state: &State,
    request: &RecordedRequest,
    script: &Script,
    usage: Usage,
) -> io::Result<bool> {
    let chunks = chunks(request, script, usage);
    connection.begin_events();
    pause(connection, script.first_delay).await?;
    for (index, chunk) in chunks.iter().enumerate() {
        if index == script.fault_after
            && let Some(fault) = &script.fault
        {
            connection.flush().await?;
            if matches!(break_off(connection, fault).await?, End::Broken) {
                return Ok(false);
            }
            connection.end_events().await?;
            return Ok(true);
        }
        if index > 0 {
            pause(connection, script.chunk_delay).await?;
        }
        connection.push_event(chunk);
        if index == 0 {
            if !script.chunk_delay.is_zero() {
                connection.flush().await?;
            }
            state.progress.send_modify(|progress| progress.begun += 1);
        }
    }
    connection.push_event("[DONE]");
    if script.usage == UsageMode::AfterDone {
        connection.push_event(&usage_chunk(request, usage).to_string());
    }
    connection.end_events().await?;
    state.progress.send_modify(|progress| progress.ended += 1);
    Ok(true)
}

/// Waits, with everything sent that is there so far. No time is none: the shortest sleep takes a
/// millisecond.
pub(super) async fn pause(connection: &mut Connection, time: Duration) -> io::Result<()> {
    if !time.is_zero() {
        connection.flush().await?;
        sleep(time).await;
    }
    Ok(())
}

async fn break_off(connection: &mut Connection, fault: &Fault) -> io::Result<End> {
    match fault {
        Fault::Reset => {
            // The chunks before are to arrive: a reset takes back what was not read.
            sleep(Duration::from_millis(20)).await;
            connection.reset()?;
            return Ok(End::Broken);
        }
        Fault::Hang => {
            connection.hang().await?;
            return Ok(End::Broken);
        }
        Fault::ErrorObject(error) => connection.push_event(&json!({ "error": error }).to_string()),
        Fault::BadJson => connection.push_event("{\"choices\":[{\"delta\""),
        Fault::HalfCharacter => connection.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xe2\x82\"}}]}\n\n"),
        Fault::HtmlInside => connection.push(PAGE),
        Fault::LongLine(bytes) => {
            connection.push(b"data: \"");
            let piece = vec![b'x'; 64 * 1024];
            for _ in 0..bytes.div_ceil(piece.len()) {
                connection.push(&piece);
                connection.flush().await?;
            }
            connection.push(b"\"\n\n");
        }
        Fault::EarlyEnd
        | Fault::Status { .. }
        | Fault::HtmlPage
        | Fault::Silence
        | Fault::Refusal
        | Fault::Goodbye
        | Fault::HalfHead => {}
    }
    Ok(End::Whole)
}

/// The events of a whole answer, but for its end.
fn chunks(request: &RecordedRequest, script: &Script, usage: Usage) -> Vec<String> {
    let asked = request.body["stream_options"]["include_usage"] == true;
    let mut chunks = Vec::new();
    let mut push = |delta: Value, finish: Option<&str>, usage: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        chunks.push(chunk(request, json!([choice]), usage).to_string());
    };
    push(json!({ "role": "assistant", "content": "" }), None, Value::Null);
    for piece in pieces(&script.reasoning, script.words_per_chunk) {
        push(json!({ "reasoning_content": piece }), None, Value::Null);
    }
    for piece in pieces(&script.reply, script.words_per_chunk) {
        push(json!({ "content": piece }), None, Value::Null);
    }
    for (index, (name, arguments)) in script.tool_calls.iter().enumerate() {
        let call = |function: Value| json!({ "tool_calls": [{ "index": index, "function": function }] });
        let mut first = call(json!({ "name": name, "arguments": "" }));
        first["tool_calls"][0]["id"] = format!("call-{}-{index}", request.number).into();
        push(first, None, Value::Null);
        for piece in pieces(arguments, 1) {
            push(call(json!({ "arguments": piece })), None, Value::Null);
        }
    }
    let with_finish = if asked && script.usage == UsageMode::WithFinish { usage.json() } else { Value::Null };
    push(json!({}), Some(&script.finish_reason), with_finish);
    let times = match script.usage {
        UsageMode::Right | UsageMode::Zero | UsageMode::Lie(_) => 1,
        UsageMode::Twice => 2,
        UsageMode::WithFinish | UsageMode::None | UsageMode::AfterDone => 0,
    };
    let told = match script.usage {
        UsageMode::Zero => Usage { input: 0, output: 0 },
        UsageMode::Lie(number) => Usage { input: number, output: number },
        _ => usage,
    };
    for _ in 0..if asked { times } else { 0 } {
        chunks.push(usage_chunk(request, told).to_string());
    }
    chunks
}

fn usage_chunk(request: &RecordedRequest, usage: Usage) -> Value {
    chunk(request, json!([]), usage.json())
}

fn chunk(request: &RecordedRequest, choices: Value, usage: Value) -> Value {
    json!({
        "id": format!("chatcmpl-{}", request.number), "object": "chat.completion.chunk", "created": 7,
        "model": request.model(), "choices": choices, "usage": usage,
    })
}

async fn whole(
    connection: &mut Connection,
    state: &State,
    request: &RecordedRequest,
    script: &Script,
    usage: Usage,
) -> io::Result<bool> {
    pause(connection, script.first_delay).await?;
    let mut message = json!({ "role": "assistant", "content": script.reply });
    if !script.reasoning.is_empty() {
        message["reasoning_content"] = script.reasoning.as_str().into();
    }
    let calls = script.tool_calls.iter().enumerate().map(|(index, (name, arguments))| {
        json!({ "id": format!("call-{}-{index}", request.number), "type": "function",
            "function": { "name": name, "arguments": arguments } })
    });
    if !script.tool_calls.is_empty() {
        message["tool_calls"] = calls.collect();
    }
    let told = match script.usage {
        UsageMode::None => Value::Null,
        UsageMode::Zero => Usage { input: 0, output: 0 }.json(),
        UsageMode::Lie(number) => Usage { input: number, output: number }.json(),
        _ => usage.json(),
    };
    let body = json!({
        "id": format!("chatcmpl-{}", request.number), "object": "chat.completion", "created": 7,
        "model": request.model(), "usage": told,
        "choices": [{ "index": 0, "message": message, "finish_reason": script.finish_reason }],
    });
    state.progress.send_modify(|progress| progress.begun += 1);
    connection.json(200, &body).await?;
    state.progress.send_modify(|progress| progress.ended += 1);
    Ok(true)
}

/// The text in pieces of a few words, blanks included.
fn pieces(text: &str, words: usize) -> Vec<String> {
    let all: Vec<&str> = text.split_inclusive(' ').collect();
    all.chunks(words.max(1)).map(<[&str]>::concat).collect()
}
