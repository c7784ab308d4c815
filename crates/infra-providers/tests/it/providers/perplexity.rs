//! Perplexity: what it found on the web stands beside the message, in every chunk, and the message grows beside its deltas.

use domain::gateways::{AnswerExtra, ChatDelta};
use infra_providers::scripted::Verbatim;
use serde_json::{Value, json};

use super::{answered, fields, finished, text};

const EVENTS: &str = r#"data: {"id":"p1","model":"sonar","created":1764000000,"usage":{"prompt_tokens":4,"completion_tokens":1,"total_tokens":5,"search_context_size":"low"},"citations":["https://a.example"],"search_results":[{"title":"A","url":"https://a.example","date":null}],"object":"chat.completion.chunk","choices":[{"index":0,"finish_reason":null,"message":{"role":"assistant","content":"Figs"},"delta":{"role":"assistant","content":"Figs"}}]}

data: {"id":"p1","model":"sonar","created":1764000000,"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6,"search_context_size":"low"},"citations":["https://a.example"],"search_results":[{"title":"A","url":"https://a.example","date":null}],"object":"chat.completion.chunk","choices":[{"index":0,"finish_reason":null,"message":{"role":"assistant","content":"Figs grow[1]."},"delta":{"role":"assistant","content":" grow[1]."}}]}

data: {"id":"p1","model":"sonar","created":1764000000,"usage":{"prompt_tokens":4,"completion_tokens":3,"total_tokens":7,"search_context_size":"low"},"citations":["https://a.example","https://b.example"],"search_results":[{"title":"A","url":"https://a.example","date":null}],"object":"chat.completion.done","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Figs grow[1]."},"delta":{"role":"assistant","content":""}}]}

"#;

fn beside(answer: Value) -> ChatDelta {
    ChatDelta::Extra(AnswerExtra { answer: fields(answer), ..AnswerExtra::default() })
}

#[tokio::test]
async fn what_it_found_is_told_once_and_once_more_where_it_has_changed() {
    let answer = answered(Verbatim::events(EVENTS)).await;
    let said = answer.deltas.into_iter().filter(|delta| !matches!(delta, ChatDelta::Usage(_)));
    let found = json!([{ "title": "A", "url": "https://a.example", "date": null }]);
    let expected = [
        beside(json!({ "citations": ["https://a.example"], "search_results": found })),
        text("Figs"),
        text(" grow[1]."),
        finished("stop"),
        beside(json!({ "citations": ["https://a.example", "https://b.example"] })),
    ];
    assert_eq!(said.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_whole_answer_is_read_with_what_it_found() {
    let body = json!({ "id": "p1", "model": "sonar", "object": "chat.completion", "citations": ["https://a.example"],
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Figs" } }] });
    let answer = answered(Verbatim::json(200, body.to_string())).await;
    let expected = [beside(json!({ "citations": ["https://a.example"] })), text("Figs"), finished("stop")];
    assert_eq!(answer.deltas, expected);
}
