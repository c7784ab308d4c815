//! What clients ask for: fields that we do not know, messages in all their forms, values that are right and wrong.

use anyhow::{Result, ensure};
use infra_providers::scripted::Script;
use serde_json::{Value, json};

use super::{chat, data_of, refused, sent_for};
use crate::world::{Backend, PRICED, World, conversation, text};

/// As much as may be passed on unread.
const MOST: usize = 64 * 1024;

#[tokio::test]
async fn unknown_fields_go_to_the_provider_and_those_that_name_people_stay() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let unknown = json!({ "chat_template_kwargs": { "enable_thinking": false }, "top_k": 20, "min_p": 0.05, "seed": 7,
        "verbosity": "low", "web_search_options": {}, "prompt_cache_key": "k", "functions": [{ "name": "f" }],
        "function_call": "auto", "response_format": { "type": "json_object" }, "extra_body": { "provider": ["x"] } });
    let sent = sent_for(&world, &ada, chat(unknown.clone())).await?;
    for (field, value) in unknown.as_object().into_iter().flatten() {
        assert_eq!(&sent[field], value, "{field}");
    }
    let people = json!({ "user": "ada", "metadata": { "session": "s1" }, "safety_identifier": "h", "store": false,
        "conversation_id": null, "n": 1, "logprobs": false, "stream_options": { "include_usage": false } });
    let sent = sent_for(&world, &ada, chat(people)).await?;
    for field in ["user", "metadata", "safety_identifier", "store", "conversation_id", "n", "logprobs"] {
        ensure!(sent.get(field).is_none(), "{field}: {sent}");
    }
    // What a client says of the stream, the model and the messages is never what the provider gets for ours.
    assert_eq!((&sent["stream"], &sent["stream_options"]["include_usage"]), (&json!(true), &json!(true)));

    let long = "x".repeat(MOST);
    let error = refused(&ada, "/v1/chat/completions", &chat(json!({ "top_k": 1, "blob": long })), 400).await?;
    assert_eq!((&error["param"], &error["code"]), (&json!("blob"), &json!("too_long")), "{error}");
    ensure!(text(&error["message"])?.contains("65536 bytes"), "{error}");
    // Schemas of tools are the client's documents, and may be longer.
    let tools = json!([{ "type": "function", "function": { "name": "f", "description": long, "parameters": {} } }]);
    assert_eq!(sent_for(&world, &ada, chat(json!({ "tools": tools, "tool_choice": "auto" }))).await?["tools"], tools);
    // The built-in model has no use for any of it.
    let built_in = json!({ "model": "banyan/extractive", "top_k": 20, "tools": tools, "chat_template_kwargs": {} });
    ada.post("/v1/chat/completions", &chat(built_in)).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn messages_go_to_the_provider_with_all_that_belongs_to_them() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let call = json!({ "id": "c1", "type": "function", "extra_content": { "google": { "thought_signature": "s" } },
        "function": { "name": "weather", "arguments": "{\"city\": \"Oslo\"}" } });
    let custom = json!({ "id": "c2", "type": "custom", "custom": { "name": "shell", "input": "ls" } });
    let given = json!([
        { "role": "developer", "content": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }] },
        { "role": "user", "content": [{ "type": "text", "text": "Hel" }, { "type": "text", "text": "lo" }], "name": "ada" },
        { "role": "assistant", "content": null, "reasoning_content": "hm", "reasoning_details": [{ "signature": "s" }],
            "refusal": null, "annotations": [], "audio": null, "function_call": null, "tool_calls": [call, custom] },
        { "role": "tool", "tool_call_id": "c1", "content": [{ "type": "text", "text": "rain" }], "name": "weather" },
        { "role": "tool", "tool_call_id": "c2", "content": "notes.md", "cache_control": { "type": "ephemeral" } },
        { "role": "assistant", "content": [{ "type": "refusal", "refusal": "I will not." }] },
        { "role": "assistant", "content": "", "function_call": { "name": "f", "arguments": "{}" } },
        { "role": "function", "name": "f", "content": "4" },
        { "role": "user", "content": null },
    ]);
    let expected = json!([
        { "role": "system", "content": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }] },
        { "role": "user", "content": "Hello", "name": "ada" },
        { "role": "assistant", "content": null, "reasoning_content": "hm", "reasoning_details": [{ "signature": "s" }],
            "tool_calls": [call, custom] },
        { "role": "tool", "tool_call_id": "c1", "content": "rain", "name": "weather" },
        { "role": "tool", "tool_call_id": "c2", "content": "notes.md", "cache_control": { "type": "ephemeral" } },
        { "role": "assistant", "content": "I will not." },
        { "role": "assistant", "content": "", "function_call": { "name": "f", "arguments": "{}" } },
        { "role": "function", "name": "f", "content": "4" },
        { "role": "user", "content": "" },
    ]);
    assert_eq!(sent_for(&world, &ada, chat(json!({ "messages": given }))).await?["messages"], expected);

    for (arguments, sent) in
        [(Value::Null, ""), (json!({ "city": "Oslo" }), "{\"city\":\"Oslo\"}"), (json!("{}"), "{}")]
    {
        let call = json!({ "id": "c1", "index": 0, "function": { "name": "f", "arguments": arguments } });
        let messages = json!([{ "role": "assistant", "tool_calls": [call] }, { "role": "tool", "tool_call_id": "c1" }]);
        let found = sent_for(&world, &ada, chat(json!({ "messages": messages }))).await?;
        let expected = json!({ "id": "c1", "type": "function", "function": { "name": "f", "arguments": sent } });
        assert_eq!(found["messages"][0]["tool_calls"], json!([expected]));
    }
    let long =
        json!([{ "role": "user", "content": "a" }, { "role": "user", "content": "b", "blob": "x".repeat(MOST) }]);
    let error = refused(&ada, "/v1/chat/completions", &chat(json!({ "messages": long })), 400).await?;
    assert_eq!((&error["param"], &error["code"]), (&json!("messages[1].blob"), &json!("too_long")));
    Ok(())
}

#[tokio::test]
async fn pictures_reach_a_provider_as_they_came_and_nothing_else() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let asked = |url: &str, fields: Value| {
        let parts =
            json!([{ "type": "text", "text": "What is it?" }, { "type": "image_url", "image_url": { "url": url } }]);
        let mut body = chat(fields);
        body["messages"] = json!([{ "role": "user", "content": parts }]);
        body
    };
    let picture = format!("data:image/png;base64,{}", "A".repeat(1 << 20));
    for url in [picture.as_str(), "https://pictures.example/a.png"] {
        let body = asked(url, json!({}));
        let sent = sent_for(&world, &ada, body.clone()).await?;
        assert_eq!(sent["messages"], body["messages"]);
    }
    let kept = conversation(&ada, &json!({ "collection_ids": [] })).await?;
    for (url, fields, param, code) in [
        ("http://10.0.0.1/a.png", json!({}), "messages[0].content[1].image_url", "media_url"),
        (&picture, json!({ "store": true }), "messages[0].content", "not_yet_supported"),
        (&picture, json!({ "conversation_id": kept }), "messages[0].content", "not_yet_supported"),
        (&picture, json!({ "model": "banyan/extractive" }), "messages", "not_supported"),
    ] {
        let error = refused(&ada, "/v1/chat/completions", &asked(url, fields), 400).await?;
        assert_eq!((&error["param"], &error["code"]), (&json!(param), &json!(code)), "{error}");
    }
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

#[tokio::test]
async fn several_prompts_are_answered_by_a_choice_each() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    world.upstream.set_default(Script::reply("Yes."));
    let before = world.usage_rows().await?;
    let prompts: Vec<String> = (0..20).map(|number| format!("Is it {number}?")).collect();
    let body = json!({ "model": PRICED, "prompt": prompts, "max_tokens": 9 });
    let answer = ada.post("/v1/completions", &body).await?.expect(200)?;
    let choices = answer["choices"].as_array().cloned().unwrap_or_default();
    let indices: Vec<u64> = choices.iter().filter_map(|choice| choice["index"].as_u64()).collect();
    assert_eq!(indices, (0..20).collect::<Vec<_>>());
    ensure!(choices.iter().all(|choice| choice["text"] == "Yes." && choice["finish_reason"] == "stop"), "{answer}");
    assert_eq!(world.usage_rows().await? - before, 20);
    let booked = world.number("SELECT SUM(total_tokens) FROM usage_logs").await?;
    assert_eq!(answer["usage"]["total_tokens"], booked);
    // In order, though several are asked at once; and one behind the other in a stream, counted at its end.
    let asked = |request: &Value| text(&request["messages"][0]["content"]);
    let mut sent = Vec::new();
    for request in world.upstream.requests() {
        sent.push(asked(&request.body)?);
    }
    sent.sort();
    let mut expected = prompts.clone();
    expected.sort();
    assert_eq!(sent, expected);
    let body =
        json!({ "model": PRICED, "prompt": ["a", "b"], "stream": true, "stream_options": { "include_usage": true } });
    let chunks = data_of(&ada.post_stream("/v1/completions", &body).await?.rest().await?)?;
    let said = |index: u64| -> String {
        let of_index = chunks.iter().filter(|chunk| chunk["choices"][0]["index"] == index);
        of_index.filter_map(|chunk| chunk["choices"][0]["text"].as_str()).collect()
    };
    assert_eq!([said(0), said(1)], ["Yes.", "Yes."]);
    let ids: std::collections::BTreeSet<_> = chunks.iter().map(|chunk| chunk["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "one id for all");
    let counted = chunks.last().and_then(|chunk| chunk["usage"]["total_tokens"].as_i64()).unwrap_or_default();
    assert_eq!(world.number("SELECT SUM(total_tokens) FROM usage_logs").await? - booked, counted);
    let error = refused(&ada, "/v1/completions", &json!({ "model": PRICED, "prompt": vec!["a"; 65] }), 400).await?;
    assert_eq!((&error["param"], &error["code"]), (&json!("prompt"), &json!("out_of_range")));
    assert_eq!(world.reconcile().await?, "0");
    Ok(())
}

#[tokio::test]
async fn values_are_taken_as_clients_mean_them() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    for fields in [
        json!({ "max_tokens": -1, "stop": null, "temperature": null, "stream": null, "tools": null, "top_p": null }),
        json!({ "max_tokens": null, "stop": [], "tools": [], "tool_choice": "auto", "parallel_tool_calls": true }),
        json!({ "max_completion_tokens": -1, "n": null, "logit_bias": null, "stream_options": null, "store": null }),
    ] {
        let sent = sent_for(&world, &ada, chat(fields.clone())).await?;
        let mut names: Vec<&str> = sent.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["messages", "model", "stream", "stream_options"], "{fields}");
    }
    let sent =
        sent_for(&world, &ada, chat(json!({ "max_tokens": 256.0, "temperature": 1, "top_p": 0.25, "stop": "END" })))
            .await?;
    assert_eq!((&sent["max_tokens"], &sent["temperature"]), (&json!(256), &json!(1.0)));
    assert_eq!((&sent["top_p"], &sent["stop"]), (&json!(0.25), &json!(["END"])));
    Ok(())
}

#[tokio::test]
async fn wrong_values_are_told_in_plain_words_on_both_faces() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    for (body, param, code) in [
        (json!({ "messages": [{ "role": "user", "content": "a" }] }), json!("model"), "missing"),
        (json!({ "model": "m" }), json!("messages"), "missing"),
        (json!({ "model": "m", "messages": [] }), json!("messages"), "out_of_range"),
        (json!([]), Value::Null, "wrong_type"),
        (chat(json!({ "max_tokens": -2 })), json!("max_tokens"), "wrong_value"),
        (chat(json!({ "max_tokens": "many" })), json!("max_tokens"), "wrong_type"),
        (chat(json!({ "temperature": {} })), json!("temperature"), "wrong_type"),
        (chat(json!({ "stop": 7 })), json!("stop"), "wrong_value"),
        (
            chat(json!({ "messages": [{ "role": "user" }, { "role": "robot" }] })),
            json!("messages[1].role"),
            "unknown_role",
        ),
        (chat(json!({ "messages": [{ "role": 7 }] })), json!("messages[0].role"), "wrong_type"),
        (chat(json!({ "messages": { "role": "user" } })), json!("messages"), "wrong_type"),
        (
            chat(json!({ "stream_options": { "include_usage": "yes" } })),
            json!("stream_options.include_usage"),
            "wrong_type",
        ),
    ] {
        let error = refused(&ada, "/v1/chat/completions", &body, 400).await?;
        assert_eq!((&error["param"], &error["code"]), (&param, &json!(code)), "{error}");
        plain(&error["message"])?;
    }
    let unknown = refused(&ada, "/v1/chat/completions", &chat(json!({ "model": "nobody/knows" })), 404).await?;
    assert_eq!((&unknown["code"], &unknown["param"]), (&json!("model_not_found"), &json!("model")));
    for (path, body, pointer, code) in [
        ("/api/v1/conversations", json!([]), "", "wrong_type"),
        ("/api/v1/conversations", json!({ "titel": "typo" }), "/titel", "unknown_field"),
        ("/api/v1/conversations", json!({ "title": 7 }), "/title", "wrong_type"),
        ("/api/v1/conversations", json!({ "collection_ids": ["seven"] }), "/collection_ids/0", "wrong_value"),
        ("/api/v1/search", json!({}), "/query", "missing"),
        ("/api/v1/search", json!({ "query": "a", "limit": -1 }), "/limit", "out_of_range"),
        ("/api/v1/me/api-keys", json!({ "name": "k", "expires_at": "tomorrow" }), "/expires_at", "wrong_value"),
        ("/api/v1/users", json!({ "email": "b@example.com" }), "/username", "missing"),
        ("/api/v1/auth/login", json!(["ada", "pw", null]), "", "wrong_type"),
    ] {
        let problem = ada.post(path, &body).await?.expect(422)?;
        assert_eq!((&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]), (&json!(pointer), &json!(code)));
        plain(&problem["detail"])?;
        plain(&problem["errors"][0]["detail"])?;
    }
    let say = format!("/api/v1/conversations/{}/messages", conversation(&ada, &json!({})).await?);
    for (parts, pointer, code) in [
        (json!({}), "/parts", "wrong_type"),
        (json!(["a"]), "/parts/0", "wrong_type"),
        (json!([{ "text": "a" }]), "/parts/0/type", "missing"),
        (json!([{ "type": "text" }]), "/parts/0/text", "missing"),
        (json!([{ "type": "poem", "text": "a" }]), "/parts/0", "unknown_value"),
        (json!([{ "type": "text", "text": "a", "more": 1 }]), "/parts/0/more", "unknown_field"),
        (json!([{ "type": "text", "text": 7 }]), "/parts/0", "wrong_type"),
    ] {
        let problem = ada.post(&say, &json!({ "parts": parts })).await?.expect(422)?;
        assert_eq!((&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]), (&json!(pointer), &json!(code)));
        plain(&problem["detail"])?;
    }
    for (query, pointer) in [("limit=many", "/limit"), ("tree=maybe", "/tree"), ("titel=a", "/titel")] {
        let problem = ada.get(&format!("/api/v1/conversations?{query}")).await?.expect(422)?;
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
        plain(&problem["detail"])?;
    }
    Ok(())
}

/// A sentence without words of the language that the server is written in, or a blank before it.
fn plain(message: &Value) -> Result<()> {
    let message = text(message)?;
    for word in [
        "struct ",
        "u32",
        "u64",
        "i64",
        "f32",
        "invalid type",
        "invalid value",
        "expected ",
        "missing field",
        "`",
        "serde",
    ] {
        ensure!(!message.contains(word), "{message}");
    }
    ensure!(message.trim() == message && message.contains(' '), "{message:?}");
    Ok(())
}
