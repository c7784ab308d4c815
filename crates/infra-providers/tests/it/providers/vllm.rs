//! vLLM.

use domain::gateways::{ChatDelta, GatewayErrorKind as Kind};
use infra_providers::scripted::Verbatim;

use super::{asked_after, call, deltas, error, finished, ours, reasoning, text, usage};
use crate::check;

#[tokio::test]
async fn usage_comes_with_every_chunk_and_the_last_counts() {
    let events = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"Qwen/Qwen3-8B","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":{"prompt_tokens":12,"total_tokens":12,"completion_tokens":0},"prompt_token_ids":null}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"Qwen/Qwen3-8B","choices":[{"index":0,"delta":{"reasoning_content":"Hm"},"logprobs":null,"finish_reason":null,"token_ids":null}],"usage":{"prompt_tokens":12,"total_tokens":13,"completion_tokens":1}}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"Qwen/Qwen3-8B","choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":"stop","stop_reason":151645}],"usage":{"prompt_tokens":12,"total_tokens":14,"completion_tokens":2}}

data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1764000000,"model":"Qwen/Qwen3-8B","choices":[],"usage":{"prompt_tokens":12,"total_tokens":15,"completion_tokens":3,"prompt_tokens_details":null}}

data: [DONE]

"#;
    let told = deltas(events).await;
    let said: Vec<&ChatDelta> = told.iter().filter(|delta| !matches!(delta, ChatDelta::Usage(_))).collect();
    assert_eq!(said, [&reasoning("Hm"), &text("Hi"), &finished("stop")]);
    assert_eq!(told.last(), Some(&ChatDelta::Usage(usage(12, 3))));
}

#[tokio::test]
async fn names_of_tools_are_repeated_and_arguments_split() {
    let events = r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"id":"chatcmpl-tool-1","type":"function","index":0,"function":{"name":"weather"}}]},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"weather","arguments":"{\"city\": "}}]},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"weather","arguments":"\"Oslo\"}"}}]},"finish_reason":null}]}

data: {"choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"tool_calls","stop_reason":null}]}

data: [DONE]

"#;
    let called = ChatDelta::ToolCall(call("chatcmpl-tool-1", "weather", "{\"city\": \"Oslo\"}"));
    assert_eq!(deltas(events).await, [called, finished("tool_calls")]);
}

#[tokio::test]
async fn errors_are_objects_with_a_status_of_success_in_a_stream() {
    let events = r#"data: {"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","param":null,"code":400}

data: [DONE]

"#;
    let refused = error(Verbatim::events(events)).await;
    check(&refused, Kind::ContextLength);
    assert!(refused.message.contains("maximum context length is 4096"), "{}", refused.message);
    let no_model = r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","param":null,"code":404}"#;
    check(&error(Verbatim::json(404, no_model)).await, Kind::UnknownModel);
    check(&error(Verbatim::json(404, r#"{"detail":"Not Found"}"#)).await, Kind::Protocol);
    check(&error(Verbatim::json(401, r#"{"error":"Unauthorized"}"#)).await, Kind::Unauthorized);
}

#[tokio::test]
async fn older_ones_refuse_what_they_do_not_know_in_the_words_of_python() {
    let refusal = r#"{"object":"error","message":"[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs are not permitted', 'input': {'include_usage': True}}]","type":"BadRequestError","param":null,"code":400}"#;
    let bodies = asked_after(400, &[refusal]).await;
    assert_eq!(
        bodies.iter().map(ours).collect::<Vec<_>>(),
        [vec!["stream_options", "max_tokens"], vec!["max_tokens"], vec!["max_tokens"]]
    );
}
