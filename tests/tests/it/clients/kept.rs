//! Completions that are kept: answered, and refused, as those that are not.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use infra_providers::scripted::{Fault, Script, Verbatim};
use serde_json::{Value, json};

use super::{chat, data_of};
use crate::world::{Backend, World, branch, conversation, on_each_backend, text};

on_each_backend!(
    what_is_kept_fails_as_what_is_not,
    a_tool_loop_is_kept_step_by_step,
    further_fields_of_an_answer_reach_their_reader,
);

async fn what_is_kept_fails_as_what_is_not(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let id = conversation(&ada, &json!({ "collection_ids": [] })).await?;
    let said = |message: &str, code: &str| json!({ "error": { "message": message, "type": "invalid_request_error", "code": code } });
    let too_long = said("maximum context length is 4096 tokens", "context_length_exceeded");
    let status = |code, body: &Value| {
        let retry_after = (code == 429).then(|| "60".to_owned());
        Script::fault(Fault::Status { code, retry_after, body: body.clone() })
    };
    for (script, expected) in [
        (status(400, &too_long), 400),
        (status(404, &said("no such model", "model_not_found")), 404),
        (status(401, &json!({})), 502),
        (status(429, &said("slow down", "rate_limit_exceeded")), 429),
    ] {
        world.upstream.set_default(script);
        let alone = ada.post("/v1/chat/completions", &chat(json!({}))).await?;
        let expected = (expected, alone.json()?["error"].clone());
        assert_eq!(alone.header("retry-after"), (expected.0 == 429).then_some("60"));
        assert_eq!(alone.status, expected.0, "{}", alone.text());
        for fields in [json!({ "store": true }), json!({ "conversation_id": id })] {
            for stream in [false, true] {
                let mut asked = chat(fields.clone());
                asked["stream"] = json!(stream);
                let kept = ada.post("/v1/chat/completions", &asked).await?;
                assert_eq!((kept.status, kept.json()?["error"].clone()), expected, "{asked}");
                assert_eq!(kept.header("retry-after"), alone.header("retry-after"), "{asked}");
            }
        }
    }
    world.upstream.set_default(Script::default());
    for fields in [json!({ "store": true }), json!({ "conversation_id": id })] {
        let mut asked = chat(fields);
        asked["model"] = json!("nobody/knows");
        ada.post("/v1/chat/completions", &asked).await?.expect(404)?;
    }
    // A failure in the middle of a stream is told in it, in the same shape.
    for fields in [json!({ "stream": true }), json!({ "stream": true, "store": true })] {
        world.upstream.push(Script { reply: "one two three".into(), ..Script::fault(Fault::Reset).after(3) });
        let chunks = data_of(&ada.post_stream("/v1/chat/completions", &chat(fields)).await?.rest().await?)?;
        let error = &chunks.last().map(|chunk| chunk["error"].clone()).unwrap_or_default();
        assert_eq!((&error["code"], &error["type"]), (&json!("upstream_interrupted"), &json!("server_error")));
    }
    Ok(())
}

async fn a_tool_loop_is_kept_step_by_step(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let tools = json!([{ "type": "function", "function": { "name": "weather", "parameters": { "type": "object" } } }]);
    let call = ("weather".to_owned(), "{\"city\":\"Oslo\"}".to_owned());
    world.upstream.push(Script { tool_calls: vec![call], finish_reason: "tool_calls".into(), ..Script::reply("") });
    let question = json!({ "role": "user", "content": "How is the weather?" });
    let first = chat(
        json!({ "messages": [{ "role": "system", "content": "Be brief." }, question], "tools": tools, "store": true }),
    );
    let called = ada.post("/v1/chat/completions", &first).await?.expect(200)?;
    let mut message = called["choices"][0]["message"].clone();
    message["reasoning_content"] = json!("hm");
    let result = json!({ "role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain" });
    let history = json!([{ "role": "system", "content": "Be brief." }, question, message, result]);
    world.upstream.push(Script::reply("It rains."));
    let next = chat(json!({ "messages": history, "tools": tools, "store": true }));
    let answered = ada.post("/v1/chat/completions", &next).await?.expect(200)?;
    assert_eq!(answered["choices"][0]["message"]["content"], "It rains.");
    let kept = branch(&ada, &text(&answered["conversation_id"])?).await?;
    let roles: Vec<Value> = kept.iter().map(|message| message["role"].clone()).collect();
    assert_eq!(json!(roles), json!(["user", "assistant", "tool", "assistant"]));
    assert_eq!((&kept[3]["status"], &kept[2]["parts"][0]["content"]), (&json!("complete"), &json!("rain")));
    // The provider gets what the client sent, reasoning and all.
    let sent = world.upstream.requests().last().map(|request| request.body.clone()).unwrap_or_default();
    assert_eq!((&sent["messages"][2]["reasoning_content"], &sent["messages"][3]), (&json!("hm"), &result));
    assert_eq!(sent["tools"], tools);

    // One that ends with the beginning of an answer goes on under it.
    world.upstream.push(Script::reply(" rains."));
    let begun = chat(
        json!({ "messages": [question, { "role": "assistant", "content": "It" }], "store": true, "stream": true }),
    );
    let chunks = data_of(&ada.post_stream("/v1/chat/completions", &begun).await?.rest().await?)?;
    let id = text(&chunks[0]["conversation_id"])?;
    let texts: Vec<String> = branch(&ada, &id).await?.iter().map(crate::world::text_of).collect();
    assert_eq!(texts, ["How is the weather?", "It", " rains."]);
    // In a conversation that is there the last message is the question.
    let misplaced = chat(json!({ "messages": [question, result], "conversation_id": id }));
    let error = ada.post("/v1/chat/completions", &misplaced).await?.expect(400)?["error"].clone();
    assert_eq!((&error["param"], &error["code"]), (&json!("messages"), &json!("no_question")));
    ensure!(world.reconcile().await? == "0", "the books do not agree");
    Ok(())
}

/// Proxies give up a minute after the last byte, so the head does not wait for the first word for ever.
#[tokio::test]
async fn a_word_that_is_long_in_coming_is_waited_for_with_signs_of_life() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let first_delay = Duration::from_secs(17);
    let late = |fields: Value, script: Script| {
        world.upstream.push(Script { first_delay, ..script });
        let (ada, asked) = (ada.clone(), chat(fields));
        async move {
            let begun = Instant::now();
            let mut events = ada.post_stream("/v1/chat/completions", &asked).await?;
            ensure!(begun.elapsed() < first_delay, "the head waits for the word");
            data_of(&events.rest().await?)
        }
    };
    let refusal = json!({ "error": { "message": "the prompt is too long", "code": "context_length_exceeded" } });
    let failed = late(json!({ "stream": true }), Script::fault(Fault::ErrorObject(refusal))).await?;
    assert_eq!((failed.len(), &failed[0]["error"]["code"]), (1, &json!("context_length_exceeded")), "{failed:?}");
    let told = late(json!({ "stream": true, "store": true }), Script::reply("At last.")).await?;
    let said: Vec<&str> = told.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(said.concat(), "At last.");
    Ok(())
}

/// Fields that we do not know, of a message, its choice and the answer, in whatever way it is asked for.
async fn further_fields_of_an_answer_reach_their_reader(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let head = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m",
        "citations": ["https://a.example"], "usage": null });
    let chunk = |choice: Value| {
        let mut chunk = head.clone();
        chunk["choices"] = json!([choice]);
        format!("data: {chunk}\n\n")
    };
    let details = |piece: &str| json!([{ "type": "reasoning.text", "signature": piece }]);
    let events = [
        chunk(json!({ "index": 0, "delta": { "role": "assistant", "reasoning_content": "hm" } })),
        chunk(json!({ "index": 0, "delta": { "content": "Figs", "reasoning_details": details("s1") } })),
        chunk(json!({ "index": 0, "delta": { "content": " grow.", "reasoning_details": details("s2") },
            "finish_reason": "stop", "stop_reason": "END" })),
        "data: [DONE]\n\n".to_owned(),
    ];
    world.upstream.set_default(Script::verbatim(Verbatim::events(events.concat())));
    let path = "/v1/chat/completions";
    for fields in [json!({}), json!({ "store": true })] {
        let whole = ada.post(path, &chat(fields.clone())).await?.expect(200)?;
        let (choice, message) = (&whole["choices"][0], &whole["choices"][0]["message"]);
        assert_eq!((&whole["citations"], &choice["stop_reason"]), (&json!(["https://a.example"]), &json!("END")));
        assert_eq!((&message["content"], &message["reasoning_content"]), (&json!("Figs grow."), &json!("hm")));
        assert_eq!(message["reasoning_details"].as_array().map(Vec::len), Some(2), "{whole}");
        let mut streamed = fields.clone();
        streamed["stream"] = json!(true);
        let chunks = data_of(&ada.post_stream(path, &chat(streamed)).await?.rest().await?)?;
        let told = |pointer: &str| chunks.iter().filter_map(|chunk| chunk.pointer(pointer)).count();
        let places = ["/citations", "/choices/0/stop_reason", "/choices/0/delta/reasoning_details"].map(told);
        assert_eq!(places, [1, 1, 2], "{chunks:?}");
        ensure!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"), "{chunks:?}");
        if fields["store"] == true {
            let id = text(&whole["conversation_id"])?;
            let last = branch(&ada, &id).await?.pop().unwrap_or_default();
            let parts = last["parts"].as_array().cloned().unwrap_or_default();
            let extra = parts.iter().find(|part| part["type"] == "extra").cloned().unwrap_or_default();
            assert_eq!(extra["answer"], json!({ "citations": ["https://a.example"] }), "{last}");
            assert_eq!(extra["choice"], json!({ "stop_reason": "END" }), "{last}");
            assert_eq!(extra["message"]["reasoning_details"].as_array().map(Vec::len), Some(2), "{last}");
        }
    }
    Ok(())
}
