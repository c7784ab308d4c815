//! Deltas out of chunks as peers really send them.

use domain::gateways::ToolCall;
use serde_json::{Value, json};

use super::*;
use crate::openai::calls::{MADE_ID_LENGTH, MAX_ARGUMENT_BYTES, MAX_TOOL_CALLS};

fn assemble(chunks: &[&str]) -> Vec<ChatDelta> {
    let mut assembler = Assembler::default();
    let mut deltas = VecDeque::new();
    for chunk in chunks {
        assembler.take(json::read::<Value>(chunk.as_bytes()).unwrap().into(), &mut deltas).unwrap();
    }
    assembler.end(&mut deltas);
    deltas.into()
}

fn called(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall { id: id.into(), name: name.into(), arguments: arguments.into(), ..ToolCall::default() }
}

fn call(id: &str, name: &str, arguments: &str) -> ChatDelta {
    ChatDelta::ToolCall(called(id, name, arguments))
}

fn fields(value: Value) -> Extra {
    value.as_object().cloned().unwrap()
}

fn beside(answer: Value) -> ChatDelta {
    ChatDelta::Extra(AnswerExtra { answer: fields(answer), ..AnswerExtra::default() })
}

fn calls_tools() -> ChatDelta {
    ChatDelta::Finished("tool_calls".into())
}

#[test]
fn what_peers_really_send_is_read() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"role":"","content":null}}],"service_tier":"on_demand","usage":null}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#,
        r#"{"choices":[{"index":0,"delta":{"reasoning":"so","content":[{"type":"text","text":"A"}]}}]}"#,
        r#"{"choices":[{"index":1,"delta":{"content":"other"}}],"x":{"y":1}}"#,
        r#"{"choices":[{"delta":{"refusal":"no"},"finish_reason":"","logprobs":null}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"slept"}],"usage":{}}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        r#"{"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2,"prompt_tokens_details":null}}"#,
    ]);
    let usage = TokenUsage { input_tokens: 3, output_tokens: 2, ..TokenUsage::default() };
    assert_eq!(
        deltas,
        [
            beside(json!({ "service_tier": "on_demand" })),
            ChatDelta::Reasoning("hm".into()),
            ChatDelta::Reasoning("so".into()),
            ChatDelta::Text("A".into()),
            beside(json!({ "x": { "y": 1 } })),
            ChatDelta::Text("no".into()),
            ChatDelta::Finished("slept".into()),
            ChatDelta::Usage(usage),
        ]
    );
}

#[test]
fn tool_calls_are_put_together_before_the_end() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}},{"index":1,"function":{"arguments":":1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
    ]);
    assert_eq!(deltas, [call("a", "f", "{}"), call("b", "g", "{\"x\":1}"), ChatDelta::Finished("tool_calls".into())]);
}

#[test]
fn the_input_of_a_custom_call_is_put_together() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"shell","input":""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"custom":{"input":"ls "}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"custom":{"input":"-l\n"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"custom":{"input":"% \ud83c"}},{"index":1,"id":"b","custom":{"name":"sql","input":"SELECT 1"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"custom":{"input":"\udf32"}}]}}]}"#,
    ]);
    let custom = |delta: &ChatDelta| match delta {
        ChatDelta::ToolCall(call) => (call.id.clone(), call.extra["custom"].clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(deltas.last(), Some(&calls_tools()));
    assert_eq!(
        deltas[..deltas.len() - 1].iter().map(custom).collect::<Vec<_>>(),
        [
            ("a".to_owned(), json!({ "name": "shell", "input": "ls -l\n% \u{1f332}" })),
            ("b".to_owned(), json!({ "name": "sql", "input": "SELECT 1" })),
        ]
    );
}

#[test]
fn tool_calls_without_an_index_or_as_objects() {
    let deltas = assemble(&[
        r#"{"choices":[{"message":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":{"x":1}}},{"id":"b","function":{"name":"g"}}]}}]}"#,
    ]);
    assert_eq!(deltas, [call("a", "f", "{\"x\":1}"), call("b", "g", ""), calls_tools()]);
}

#[test]
fn whole_calls_without_an_index_or_an_id_stay_apart() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"","function":{"name":"f","arguments":":1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"g","arguments":"{}"}}]},"finish_reason":"stop"}]}"#,
    ]);
    let [ChatDelta::ToolCall(one), ChatDelta::ToolCall(two), ChatDelta::Finished(reason)] = deltas.as_slice() else {
        panic!("two calls and their end: {deltas:?}")
    };
    assert_eq!((one.arguments.as_str(), two.arguments.as_str()), ("{\"x\":1}", "{}"));
    assert!(one.id.len() == MADE_ID_LENGTH && two.id.len() == MADE_ID_LENGTH && one.id != two.id);
    assert_eq!(reason, "tool_calls");
}

#[test]
fn a_function_call_of_before_tools_is_a_tool_call() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}}}]}"#,
        r#"{"choices":[{"delta":{"function_call":{"arguments":"{\"x\":"}}}]}"#,
        r#"{"choices":[{"delta":{"function_call":{"arguments":"1}"}}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"function_call"}]}"#,
    ]);
    let [ChatDelta::ToolCall(call), ChatDelta::Finished(reason)] = deltas.as_slice() else { panic!("{deltas:?}") };
    assert_eq!((call.name.as_str(), call.arguments.as_str(), reason.as_str()), ("f", "{\"x\":1}", "tool_calls"));
}

#[test]
fn what_stands_beside_a_call_is_merged_and_never_taken_back() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"extra_content":{"google":{"more":[1]},"x":"y"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":null,"extra_content":null}]},"finish_reason":"tool_calls"}]}"#,
    ]);
    let extra = json!({ "extra_content": { "google": { "thought_signature": "s", "more": [1] }, "x": "y" } });
    let expected = ToolCall { extra: extra.as_object().cloned().unwrap(), ..called("a", "f", "{}") };
    assert_eq!(deltas[0], ChatDelta::ToolCall(expected));
}

#[test]
fn further_fields_of_a_piece_are_handed_on_and_what_only_describes_it_is_not() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":"a","reasoning":"hm","reasoning_details":[{"type":"reasoning.encrypted","data":"s"}],"annotations":[],"audio":{"id":"x"},"channel":"final","token_id":-1,"name":null}}]}"#,
        r#"{"choices":[{"message":{"content":"b","thinking_blocks":[{"signature":"\ud83c"}]}}]}"#,
    ]);
    let extra = |value: Value| ChatDelta::Extra(AnswerExtra::of_message(fields(value)));
    assert_eq!(
        deltas,
        [
            ChatDelta::Reasoning("hm".into()),
            ChatDelta::Text("a".into()),
            extra(json!({ "reasoning_details": [{ "type": "reasoning.encrypted", "data": "s" }] })),
            ChatDelta::Text("b".into()),
            extra(json!({ "thinking_blocks": [{ "signature": "\u{fffd}" }] })),
        ]
    );
}

#[test]
fn reasons_to_stop_that_are_no_words_say_that_the_model_stopped() {
    for (reason, expected) in [
        ("1", "stop"),
        ("\"eos\"", "stop"),
        ("\"STOP\"", "stop"),
        ("\"end_turn\"", "stop"),
        ("\"MAX_TOKENS\"", "length"),
        ("\"SAFETY\"", "content_filter"),
        ("\"of_their_own\"", "of_their_own"),
        ("true", "stop"),
        ("{\"type\":\"x\"}", "stop"),
    ] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
        assert_eq!(assemble(&[&chunk]), [ChatDelta::Finished(expected.into())], "{reason}");
    }
    for reason in ["null", "\"\"", "0", "[]", "\"error\"", "\"abort\"", "\"null\"", "\"None\""] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{}},"finish_reason":{reason}}}]}}"#);
        assert_eq!(assemble(&[&chunk]), [], "{reason}");
    }
}

#[test]
fn usage_is_read_in_every_place() {
    let usage = |input, output, cached| {
        ChatDelta::Usage(TokenUsage {
            input_tokens: input,
            output_tokens: output,
            cached_input_tokens: cached,
            ..TokenUsage::default()
        })
    };
    let deltas = assemble(&[
        r#"{"choices":[],"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":1}}}"#,
        r#"{"choices":[{"index":0,"delta":{},"usage":{"prompt_tokens":4.0,"completion_tokens":2}}]}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_cache_hit_tokens":2}}"#,
        r#"{"choices":[],"usage":{"prompt_tokens":"six"}}"#,
    ]);
    assert_eq!(deltas, [usage(3, 1, 0), usage(4, 2, 0), usage(5, 3, 2)]);
}

#[test]
fn arguments_may_come_behind_an_empty_object() {
    let piece = |call: &str| format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{call}]}}}}]}}"#);
    let begun = piece(r#"{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}"#);
    let told = piece(r#"{"index":0,"function":{"arguments":"{\"x\":"}}"#);
    let rest = piece(r#"{"index":0,"function":{"arguments":"1}"}}"#);
    assert_eq!(assemble(&[&begun, &told, &rest]), [call("a", "f", "{\"x\":1}"), calls_tools()]);
    assert_eq!(assemble(&[&begun, &begun]), [call("a", "f", "{}"), calls_tools()]);
}

#[test]
fn a_count_stands_until_more_is_said_and_a_zero_takes_none_back() {
    let usage = |input_tokens, output_tokens| {
        ChatDelta::Usage(TokenUsage { input_tokens, output_tokens, ..TokenUsage::default() })
    };
    let counts = |chunks: &[&str]| -> Vec<ChatDelta> {
        let is_count = |delta: &ChatDelta| matches!(delta, ChatDelta::Usage(_) | ChatDelta::UsageOutdated);
        assemble(chunks).into_iter().filter(is_count).collect()
    };
    let told = |words: &str, input: u64, output: u64| {
        format!(
            r#"{{"choices":[{{"delta":{{"content":"{words}"}}}}],"usage":{{"prompt_tokens":{input},"completion_tokens":{output}}}}}"#
        )
    };
    let (begun, silent) = (told("", 100, 0), r#"{"choices":[{"delta":{"content":"words"}}]}"#);
    assert_eq!(counts(&[&begun, silent, silent]), [usage(100, 0), ChatDelta::UsageOutdated]);
    assert_eq!(counts(&[&begun, silent, &told("", 100, 2)]), [usage(100, 0), ChatDelta::UsageOutdated, usage(100, 2)]);
    // What was told last is what counts, be it nothing.
    assert_eq!(counts(&[silent, &told("", 7, 0)]), [usage(7, 0)]);
    assert_eq!(counts(&[&told("a", 7, 1), &told("b", 7, 2)]), [usage(7, 1), usage(7, 2)]);
    assert_eq!(counts(&[&told("a", 7, 3), &told("", 7, 0)]), [usage(7, 3)]);
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}"#;
    assert_eq!(counts(&[call, &told("", 7, 3)]), [usage(7, 3)]);
}

#[test]
fn a_choice_that_is_none_takes_no_other_with_it() {
    let deltas = assemble(&[
        r#"{"choices":[null,7,{"delta":{"content":"a","tool_calls":[null,{"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}"#,
    ]);
    assert_eq!(deltas, [ChatDelta::Text("a".into()), call("c", "f", "{}"), calls_tools()]);
}

#[test]
fn a_new_id_begins_a_new_call_whatever_its_index() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a1","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a2","function":{"name":"f","arguments":"{}"}}]}}]}"#,
    ]);
    assert_eq!(deltas, [call("a1", "f", "{\"x\":1}"), call("a2", "f", "{}"), calls_tools()]);
}

#[test]
fn a_message_that_holds_all_so_far_is_said_once() {
    let text = |text: &str| ChatDelta::Text(text.into());
    let stop = || ChatDelta::Finished("stop".into());
    let message = |said: &str| format!(r#"{{"choices":[{{"message":{{"content":"{said}"}}}}]}}"#);
    let last = |said: &str| format!(r#"{{"choices":[{{"message":{{"content":"{said}"}},"finish_reason":"stop"}}]}}"#);
    let all = |chunks: &[String]| assemble(&chunks.iter().map(String::as_str).collect::<Vec<_>>());
    for chunks in [
        [message("Hel"), message("Hello"), last("Hello")],
        [message("Hel"), message("lo"), last("Hello")],
        [message("Hel"), message("lo"), last("")],
        [message(""), message("Hel"), last("Hello")],
        // Beside deltas that are there and say nothing, and behind deltas that say all of it.
        [message("Hel"), message("Hello"), last("Hello")].map(|chunk| chunk.replace("[{", r#"[{"delta":{},"#)),
        [message("Hel"), message("lo"), last("Hello")]
            .map(|chunk| if chunk.contains("stop") { chunk } else { chunk.replace("message", "delta") }),
    ] {
        assert_eq!(all(&chunks), [text("Hel"), text("lo"), stop()], "{chunks:?}");
    }
    let call = |arguments: &str| {
        format!(
            r#"{{"choices":[{{"message":{{"reasoning":"so","tool_calls":[{{"id":"a","function":{{"name":"f","arguments":"{arguments}"}}}}]}}}}]}}"#
        )
    };
    let deltas = all(&[call("{"), call("{}"), call("{}")]);
    assert_eq!(deltas, [ChatDelta::Reasoning("so".into()), super::tests::call("a", "f", "{}"), calls_tools()]);
}

#[test]
fn a_message_beside_a_delta_is_not_said_twice() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"content":"Hello"},"message":{"content":"Hello"}}]}"#,
        r#"{"choices":[{"delta":{"content":" world"},"message":{"content":"Hello world"}}]}"#,
        r#"{"choices":[{"delta":{},"message":{"content":"Hello world"}}]}"#,
    ]);
    assert_eq!(deltas, [ChatDelta::Text("Hello".into()), ChatDelta::Text(" world".into())]);
}

#[test]
fn tool_calls_are_bounded() {
    let piece = |index: usize, arguments: &str| {
        ChatChunk::from(json!({ "choices": [{ "delta": { "tool_calls": [
            { "index": index, "function": { "name": "f", "arguments": arguments } }] } }] }))
    };
    let mut assembler = Assembler::default();
    let mut deltas = VecDeque::new();
    for index in 0..MAX_TOOL_CALLS {
        assembler.take(piece(index, ""), &mut deltas).unwrap();
    }
    assert_eq!(assembler.take(piece(MAX_TOOL_CALLS, ""), &mut deltas), Err(TooManyToolCalls));
    assert_eq!(assembler.take(piece(0, &"x".repeat(MAX_ARGUMENT_BYTES + 1)), &mut deltas), Err(TooManyToolCalls));
}

/// The calls, as name and arguments, that come of pieces given as JSON, and the reason to stop.
fn calls_of(pieces: &[Value], reason: Option<&str>) -> (Vec<(String, String)>, Option<String>) {
    let mut chunks: Vec<Value> =
        pieces.iter().map(|piece| json!({ "choices": [{ "delta": { "tool_calls": [piece] } }] })).collect();
    chunks.extend(reason.map(|reason| json!({ "choices": [{ "delta": {}, "finish_reason": reason }] })));
    let chunks: Vec<String> = chunks.iter().map(Value::to_string).collect();
    let deltas = assemble(&chunks.iter().map(String::as_str).collect::<Vec<_>>());
    let mut calls = Vec::new();
    let mut told = None;
    for delta in deltas {
        match delta {
            ChatDelta::ToolCall(call) => calls.push((call.name, call.arguments)),
            ChatDelta::Finished(reason) => told = Some(reason),
            other => panic!("{other:?}"),
        }
    }
    (calls, told)
}

#[test]
fn pieces_find_their_call_however_peers_name_it() {
    let piece = |index: Option<u32>, id: &str, name: &str, arguments: &str| json!({ "index": index, "id": id, "function": { "name": name, "arguments": arguments } });
    let (f, g) = (("f", r#"{"x":1}"#), ("g", r#"{"y":2}"#));
    let (zero, none) = (Some(0), None);
    for (kind, pieces, expected) in [
        (
            "a new id with each piece",
            vec![piece(zero, "a", "f", ""), piece(zero, "b", "", r#"{"x""#), piece(zero, "c", "", ":1}")],
            vec![f],
        ),
        ("the same without indices", vec![piece(none, "a", "f", r#"{"x""#), piece(none, "b", "", ":1}")], vec![f]),
        (
            "ids alone, and one after the other",
            vec![
                piece(none, "a", "f", r#"{"x""#),
                piece(none, "b", "g", r#"{"y""#),
                piece(none, "a", "", ":1}"),
                piece(none, "b", "", ":2}"),
            ],
            vec![f, g],
        ),
        (
            "no ids, the second in pieces",
            vec![piece(zero, "", "f", r#"{"x":1}"#), piece(zero, "", "g", ""), piece(zero, "", "", r#"{"y":2}"#)],
            vec![f, g],
        ),
        (
            "neither, and no arguments",
            vec![piece(none, "", "f", ""), piece(none, "", "g", "")],
            vec![("f", ""), ("g", "")],
        ),
        (
            "no arguments behind a whole call",
            vec![piece(zero, "", "f", r#"{"x":1}"#), piece(zero, "", "g", "")],
            vec![f, ("g", "")],
        ),
        (
            "the whole call once more",
            vec![piece(zero, "a", "f", r#"{"x""#), piece(zero, "a", "", ":1}"), piece(zero, "a", "f", r#"{"x":1}"#)],
            vec![f],
        ),
        ("one id for all", vec![piece(none, "a", "f", r#"{"x":1}"#), piece(none, "a", "g", r#"{"y":2}"#)], vec![f, g]),
        (
            "one id at two indices",
            vec![piece(zero, "a", "f", r#"{"x":1}"#), piece(Some(1), "a", "g", r#"{"y":2}"#)],
            vec![f, g],
        ),
        (
            "a name in pieces",
            vec![piece(zero, "a", "get_", ""), piece(zero, "", "weather", ""), piece(zero, "", "", "{}")],
            vec![("get_weather", "{}")],
        ),
        (
            "a name that grows",
            vec![piece(zero, "a", "get", ""), piece(zero, "a", "get_x", ""), piece(zero, "a", "get_x", "{}")],
            vec![("get_x", "{}")],
        ),
        ("a name in every piece", vec![piece(zero, "a", "f", r#"{"x""#), piece(zero, "a", "f", ":1}")], vec![f]),
        (
            "braces in a text",
            vec![piece(zero, "", "f", r#"{"a":"}\""#), piece(zero, "", "f", r#"}"}"#)],
            vec![("f", r#"{"a":"}\"}"}"#)],
        ),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let told = Some("tool_calls".to_owned());
        for reason in [Some("tool_calls"), Some("stop"), Some("tool_use"), None] {
            assert_eq!(calls_of(&pieces, reason), (expected.clone(), told.clone()), "{kind}");
        }
    }
}

#[test]
fn a_call_that_is_told_once_more_may_bring_its_signature_only_then() {
    let deltas = assemble(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"signature":"s"}}]}}]}"#,
    ]);
    let extra = json!({ "extra_content": { "signature": "s" } }).as_object().cloned().unwrap();
    assert_eq!(deltas, [ChatDelta::ToolCall(ToolCall { extra, ..called("a", "f", "{}") }), calls_tools()]);
}

#[test]
fn what_comes_behind_the_reason_to_stop_is_given_out_and_nothing_twice() {
    let call =
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#;
    let stop = r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let [f, calls_tools] = [self::call("a", "f", "{}"), ChatDelta::Finished("tool_calls".into())];
    assert_eq!(assemble(&[stop, call]), [ChatDelta::Finished("stop".into()), f.clone(), calls_tools.clone()]);
    assert_eq!(assemble(&[call, stop, call]), [f, calls_tools]);
}

#[test]
fn thoughts_beside_the_answer_are_counted_and_zeros_at_the_end_take_nothing_back() {
    let told = |usage: Value| assemble(&[&json!({ "choices": [], "usage": usage }).to_string()]);
    let counted = |input, output, reasoning| {
        let usage = TokenUsage { input_tokens: input, output_tokens: output, ..TokenUsage::default() };
        vec![ChatDelta::Usage(TokenUsage { reasoning_tokens: reasoning, ..usage })]
    };
    let thought = json!({ "reasoning_tokens": 300 });
    for (usage, expected) in [
        (json!({ "prompt_tokens": 8, "completion_tokens": 9, "total_tokens": 453 }), counted(8, 445, 0)),
        (
            json!({ "prompt_tokens": 8, "completion_tokens": 9, "total_tokens": 317, "completion_tokens_details": thought }),
            counted(8, 309, 300),
        ),
        (
            json!({ "prompt_tokens": 8, "completion_tokens": 9, "completion_tokens_details": thought }),
            counted(8, 309, 300),
        ),
        (
            json!({ "prompt_tokens": 8, "completion_tokens": 400, "total_tokens": 408, "completion_tokens_details": thought }),
            counted(8, 400, 300),
        ),
        (json!({ "prompt_tokens": "7", "completion_tokens": "3" }), counted(7, 3, 0)),
        (json!({ "input_tokens": 7, "output_tokens": 3 }), counted(7, 3, 0)),
        (json!({ "prompt_tokens": 7, "completion_tokens": null, "total_tokens": 10 }), counted(7, 3, 0)),
        (json!({ "prompt_tokens": 7, "completion_tokens": null, "total_tokens": 7 }), Vec::new()),
        (json!({ "prompt_tokens": 0, "completion_tokens": 0 }), counted(0, 0, 0)),
    ] {
        assert_eq!(told(usage.clone()), expected, "{usage}");
    }
    let zeros = r#"{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}"#;
    let count = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
    assert_eq!(assemble(&[zeros, count, zeros]), [counted(0, 0, 0), counted(7, 3, 0)].concat());
}

#[test]
fn an_answer_is_heard_wherever_it_stands() {
    assert_eq!(assemble(&[r#"{"choices":[{"text":"Hi","index":0}]}"#]), [ChatDelta::Text("Hi".into())]);
    let second = r#"{"choices":[{"index":1,"delta":{"content":"Hi"}},{"index":0,"delta":{"content":"no"}}]}"#;
    assert_eq!(assemble(&[second]), [ChatDelta::Text("Hi".into())]);
}
