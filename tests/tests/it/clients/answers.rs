//! What clients get: counts, calls with what belongs to them, citations, texts completed, vectors of a length.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{
    chat, data_of, refused,
    upstream::{Upstream, chunk, last},
};
use crate::world::{Backend, PRICED, World, collection, settled, text, upload};

/// A server behind this provider.
async fn behind(upstream: &Upstream) -> Result<World> {
    World::start_with(Backend::Sqlite, |builder| builder.variable("OPENAI_BASE_URL", upstream.url.clone())).await
}

#[tokio::test]
async fn tokens_are_counted_out_and_calls_keep_what_they_came_with() -> Result<()> {
    let call = json!({ "index": 0, "id": "c1", "type": "function",
        "extra_content": { "google": { "thought_signature": "s" } }, "function": { "name": "f", "arguments": "{}" } });
    let usage = json!({ "prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14,
        "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens_details": { "reasoning_tokens": 2 } });
    let events = [
        chunk(&json!({ "role": "assistant", "reasoning_content": "hm" })),
        chunk(&json!({ "content": "Wait." })),
        chunk(&json!({ "tool_calls": [call] })),
        last("tool_calls", &usage),
    ];
    let upstream = Upstream::of_events(&events).await?;
    let world = behind(&upstream).await?;
    let ada = world.admin()?;
    let whole = ada.post("/v1/chat/completions", &chat(json!({}))).await?.expect(200)?;
    assert_eq!(whole["usage"], usage);
    let message = &whole["choices"][0]["message"];
    assert_eq!((&message["reasoning"], &message["reasoning_content"]), (&json!("hm"), &json!("hm")));
    let mut told = call.clone();
    told.as_object_mut().context("an object")?.remove("index");
    assert_eq!(message["tool_calls"], json!([told]));
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");

    let asked = chat(json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let events = ada.post_stream("/v1/chat/completions", &asked).await?.rest().await?;
    assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
    let chunks = data_of(&events)?;
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!(chunks[1]["choices"][0]["delta"], json!({ "reasoning": "hm", "reasoning_content": "hm" }));
    assert_eq!(chunks[3]["choices"][0]["delta"], json!({ "tool_calls": [call] }));
    assert_eq!(chunks[4]["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!((&chunks[5]["choices"], &chunks[5]["usage"]), (&json!([]), &usage));
    ensure!(chunks[..5].iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()), "{chunks:?}");
    assert_eq!(upstream.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_mark_is_resolved_by_an_annotation() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let source = upload(&ada, &docs, "figs.md", b"# Figs\n\nThe banyan is a tree. It grows from above.\n").await?;
    ensure!(settled(&ada, &source).await?["status"] == "processed");
    for store in [false, true] {
        let asked = |stream: bool| {
            json!({ "model": "banyan/extractive", "store": store, "stream": stream,
                "messages": [{ "role": "user", "content": "What is the banyan?" }] })
        };
        let whole = ada.post("/v1/chat/completions", &asked(false)).await?.expect(200)?;
        let message = &whole["choices"][0]["message"];
        check_annotation(&ada, &text(&message["content"])?, &message["annotations"], &source).await?;
        let chunks = data_of(&ada.post_stream("/v1/chat/completions", &asked(true)).await?.rest().await?)?;
        let mut said = String::new();
        for chunk in &chunks {
            said.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
        }
        let end = &chunks.last().context("no chunk")?["choices"][0];
        assert_eq!(end["finish_reason"], "stop");
        check_annotation(&ada, &said, &end["delta"]["annotations"], &source).await?;
    }
    // What cites nothing has none.
    let other = json!({ "model": PRICED, "messages": [{ "role": "user", "content": "What is the banyan?" }] });
    let whole = ada.post("/v1/chat/completions", &other).await?.expect(200)?;
    ensure!(whole["choices"][0]["message"].get("annotations").is_none(), "{whole}");
    Ok(())
}

async fn check_annotation(client: &e2e::Client, said: &str, annotations: &Value, source: &str) -> Result<()> {
    let cited = &annotations[0]["url_citation"];
    assert_eq!(annotations[0]["type"], "url_citation", "{annotations}");
    let place = |name: &str| cited[name].as_u64().and_then(|index| usize::try_from(index).ok()).context("an index");
    let mark: String = said.chars().take(place("end_index")?).skip(place("start_index")?).collect();
    assert_eq!((mark.as_str(), &cited["index"]), ("[1]", &json!(1)), "{said}");
    assert_eq!((&cited["filename"], &cited["title"]), (&json!("figs.md"), &json!("figs.md")));
    assert_eq!((&cited["source_id"], &cited["quote"]), (&json!(source), &json!("The banyan is a tree.")));
    let found = client.get(&text(&cited["url"])?).await?.expect(200)?;
    assert_eq!(found["id"], source);
    Ok(())
}

#[tokio::test]
async fn clients_of_the_time_before_chats_are_served() -> Result<()> {
    let usage = json!({ "prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4 });
    let events = [chunk(&json!({ "content": "Hello " })), chunk(&json!({ "content": "there." })), last("stop", &usage)];
    let upstream = Upstream::of_events(&events).await?;
    let world = behind(&upstream).await?;
    let ada = world.admin()?;
    let asked = json!({ "model": PRICED, "prompt": "Say hello.", "max_tokens": 16, "temperature": 0, "user": "ada",
        "logprobs": null, "echo": false, "top_k": 3 });
    let whole = ada.post("/v1/completions", &asked).await?.expect(200)?;
    assert_eq!((&whole["object"], &whole["model"]), (&json!("text_completion"), &json!(PRICED)));
    ensure!(text(&whole["id"])?.starts_with("cmpl-"), "{whole}");
    let choice = json!({ "text": "Hello there.", "index": 0, "logprobs": null, "finish_reason": "stop" });
    assert_eq!(whole["choices"], json!([choice]));
    assert_eq!((&whole["usage"]["total_tokens"], &whole["usage"]["completion_tokens"]), (&json!(4), &json!(2)));
    let sent = upstream.requests()[0].clone();
    assert_eq!(sent["messages"], json!([{ "role": "user", "content": "Say hello." }]));
    assert_eq!((&sent["max_tokens"], &sent["top_k"], sent.get("user")), (&json!(16), &json!(3), None));

    let stream = json!({ "model": PRICED, "prompt": ["Say hello."], "stream": true,
        "stream_options": { "include_usage": true } });
    let events = ada.post_stream("/v1/completions", &stream).await?.rest().await?;
    assert_eq!(events.last().map(|event| event.data.as_str()), Some("[DONE]"));
    let chunks = data_of(&events)?;
    let said: String = chunks.iter().filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect();
    assert_eq!(said, "Hello there.");
    ensure!(chunks.iter().all(|chunk| chunk["object"] == "text_completion"), "{chunks:?}");
    assert_eq!(chunks[chunks.len() - 2]["choices"][0]["finish_reason"], "stop");
    assert_eq!(chunks[chunks.len() - 1]["usage"]["total_tokens"], 4);
    assert_eq!(world.usage_rows().await?, 2);

    for (fields, param) in [
        (json!({}), "prompt"),
        (json!({ "prompt": ["a", null] }), "prompt[1]"),
        (json!({ "prompt": [15339, 11] }), "prompt"),
        (json!({ "prompt": "a", "suffix": "b" }), "suffix"),
        (json!({ "prompt": "a", "echo": true }), "echo"),
        (json!({ "prompt": "a", "best_of": 2 }), "best_of"),
        (json!({ "prompt": "a", "n": 2 }), "n"),
        (json!({ "prompt": "a", "logprobs": 1 }), "logprobs"),
    ] {
        let mut body = json!({ "model": PRICED });
        body.as_object_mut().context("an object")?.extend(fields.as_object().cloned().unwrap_or_default());
        assert_eq!(refused(&ada, "/v1/completions", &body, 400).await?["param"], param, "{body}");
    }
    world.nobody()?.post("/v1/completions", &asked).await?.expect(401)?;
    assert_eq!(upstream.requests().len(), 2);
    Ok(())
}

#[tokio::test]
async fn vectors_have_the_length_that_is_asked_for_or_are_refused() -> Result<()> {
    let model = "openai/text-embedding-3-small";
    let settings = |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", model);
    let world = World::start_with(Backend::Sqlite, settings).await?;
    let ada = world.admin()?;
    let asked = |fields: Value| {
        let mut body = json!({ "model": model, "input": "red rose", "user": "ada", "encoding_format": null });
        body.as_object_mut().into_iter().for_each(|body| body.extend(fields.as_object().cloned().unwrap_or_default()));
        body
    };
    let own = ada.post("/v1/embeddings", &asked(json!({ "dimensions": null }))).await?.expect(200)?;
    assert_eq!(own["data"][0]["embedding"].as_array().map(Vec::len), Some(256));
    let shorter = infra_providers::scripted::EmbeddingScript { dimension: 128, ..Default::default() };
    world.upstream.push_embeddings(shorter);
    let short = ada.post("/v1/embeddings", &asked(json!({ "dimensions": 128 }))).await?.expect(200)?;
    assert_eq!(short["data"][0]["embedding"].as_array().map(Vec::len), Some(128));
    let sent = world.upstream.requests();
    assert_eq!((sent[0].body.get("dimensions"), &sent[1].body["dimensions"]), (None, &json!(128)));
    ensure!(sent.iter().all(|request| request.body.get("user").is_none()));
    // A provider that does not know the field is told of with the length that it has.
    let error = refused(&ada, "/v1/embeddings", &asked(json!({ "dimensions": 64 })), 400).await?;
    assert_eq!((&error["param"], &error["code"]), (&json!("dimensions"), &json!("not_supported")));
    ensure!(text(&error["message"])?.contains("256"), "{error}");
    for wrong in [json!(-1), json!("many"), json!(1.5)] {
        let error = refused(&ada, "/v1/embeddings", &asked(json!({ "dimensions": wrong })), 400).await?;
        assert_eq!(error["param"], "dimensions");
    }
    let unknown = refused(&ada, "/v1/embeddings", &asked(json!({ "model": "nobody/knows" })), 404).await?;
    assert_eq!((&unknown["param"], &unknown["code"]), (&json!("model"), &json!("model_not_found")));
    Ok(())
}
