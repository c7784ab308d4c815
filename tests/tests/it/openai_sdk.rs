//! The official Python SDK against the server.

use anyhow::{Context, Result, ensure};
use e2e::fixtures;
use infra_providers::scripted::Script;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::world::{Backend, World, on_each_backend, text};

on_each_backend!(the_official_sdk_is_served);

const SCRIPT: &str = r#"
import json, os, openai
client = openai.OpenAI(base_url=os.environ["BASE"] + "/v1", api_key=os.environ["KEY"], max_retries=0)
seen = {"models": sorted(model.id for model in client.models.list())}
seen["retrieved"] = client.models.retrieve("banyan/extractive").id
messages = [{"role": "user", "content": "Say something."}]
whole = client.chat.completions.create(model="openai/gpt-4.1-mini", messages=messages)
seen["whole"] = whole.choices[0].message.content
seen["finish"] = whole.choices[0].finish_reason
seen["usage"] = [whole.usage.prompt_tokens, whole.usage.completion_tokens, whole.usage.total_tokens]
pieces, usage = [], None
for chunk in client.chat.completions.create(model="gpt-4.1-mini", messages=messages, stream=True,
                                            stream_options={"include_usage": True}):
    pieces += [choice.delta.content or "" for choice in chunk.choices]
    usage = chunk.usage or usage
seen["pieces"] = pieces
seen["streamed_usage"] = [usage.prompt_tokens, usage.completion_tokens]
quiet = client.chat.completions.create(model="gpt-4.1-mini", messages=messages, stream=True)
seen["usage_unasked"] = any(chunk.usage for chunk in quiet)
tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
called = client.chat.completions.create(model="gpt-4.1-mini", messages=messages, tools=tools)
seen["tool"] = [called.choices[0].message.tool_calls[0].function.name,
                called.choices[0].message.tool_calls[0].function.arguments]
answer = called.choices[0].message
result = {"role": "tool", "tool_call_id": answer.tool_calls[0].id, "content": "rain"}
looped = client.chat.completions.create(model="gpt-4.1-mini", messages=messages + [answer.model_dump(), result],
                                        tools=tools, store=True, user="ada", extra_body={"top_k": 3})
seen["looped"] = looped.choices[0].message.content
seen["details"] = [looped.usage.prompt_tokens_details.cached_tokens,
                   looped.usage.completion_tokens_details.reasoning_tokens]
seen["legacy"] = client.completions.create(model="gpt-4.1-mini", prompt="Say something.").choices[0].text
both = client.completions.create(model="gpt-4.1-mini", prompt=["One?", "Two?"])
seen["both"] = [[choice.index, choice.text] for choice in both.choices] + [both.usage.completion_tokens]
picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
looked = client.chat.completions.create(model="gpt-4.1-mini", messages=[
    {"role": "user", "content": [{"type": "text", "text": "What is it?"}, picture]}])
seen["looked"] = looked.choices[0].message.content
floats = client.embeddings.create(model="openai/text-embedding-3-small", input=["red rose", "blue"],
                                  encoding_format="float")
packed = client.embeddings.create(model="openai/text-embedding-3-small", input=["red rose", "blue"])
seen["dimensions"] = [len(item.embedding) for item in floats.data]
seen["same"] = all(abs(a - b) < 1e-6 for one, two in zip(floats.data, packed.data)
                   for a, b in zip(one.embedding, two.embedding))
lists = client.embeddings.create(model="openai/text-embedding-3-small", input=[[9906, 1917], [9906]])
ids = client.embeddings.create(model="openai/text-embedding-3-small", input=[9906, 1917])
seen["token_ids"] = [len(lists.data), lists.usage.prompt_tokens, len(ids.data), ids.usage.prompt_tokens,
                     lists.data[0].embedding == ids.data[0].embedding != lists.data[1].embedding]
def error_of(call):
    try:
        call()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, bool(error.message), set(error.body) >= {"message", "type", "param", "code"}]
    return None
seen["errors"] = [
    error_of(lambda: client.chat.completions.create(model="nobody/knows", messages=messages)),
    error_of(lambda: client.models.retrieve("nobody/knows")),
    error_of(lambda: client.chat.completions.create(model="gpt-4.1-mini", messages="no list")),
    error_of(lambda: client.chat.completions.create(model="gpt-4.1-mini", messages=[])),
    error_of(lambda: client.with_options(api_key="sk-wrong").models.list()),
    error_of(lambda: client.chat.completions.create(model="gpt-4.1-mini", messages=messages)),
]
print(json.dumps(seen))
"#;

async fn the_official_sdk_is_served(backend: Backend) -> Result<()> {
    let settings =
        |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", "openai/text-embedding-3-small");
    let world = World::start_with(backend, settings).await?;
    let key = world.admin()?.post("/api/v1/me/api-keys", &json!({ "name": "sdk" })).await?.expect(201)?;
    for reply in ["A whole answer.", "one two three", "quiet"] {
        world.upstream.push(Script::reply(reply));
    }
    let tool = ("weather".to_owned(), "{\"city\":\"Oslo\"}".to_owned());
    world.upstream.push(Script { tool_calls: vec![tool], finish_reason: "tool_calls".to_owned(), ..Script::reply("") });
    for reply in ["It rains.", "As before chats.", "Yes.", "Yes.", "A fig."] {
        world.upstream.push(Script::reply(reply));
    }
    world.upstream.set_default(Script::status(400));

    let mut python = Command::new(fixtures::python()?);
    python.args(["-c", SCRIPT]).env("BASE", world.server.url()?).env("KEY", text(&key["key"])?).kill_on_drop(true);
    let ended = python.output().await?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(ended.status.success(), "{said}\n{}", world.server.logs().join("\n"));
    let seen: Value = serde_json::from_slice(&ended.stdout).context("the script prints JSON")?;

    let models = seen["models"].as_array().context("models")?;
    for model in ["banyan/extractive", "openai/gpt-4.1-mini"] {
        ensure!(models.contains(&json!(model)), "{seen}");
    }
    assert_eq!(seen["retrieved"], "banyan/extractive");
    assert_eq!((&seen["whole"], &seen["finish"]), (&json!("A whole answer."), &json!("stop")));
    let bill = world.upstream.bill();
    assert_eq!(seen["usage"], json!([bill[0].input_tokens, 3, bill[0].input_tokens + 3]));
    let pieces: String = seen["pieces"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    assert_eq!(pieces, "one two three");
    ensure!(seen["pieces"].as_array().map(Vec::len) > Some(1), "the answer came in one piece: {seen}");
    assert_eq!(seen["streamed_usage"], json!([bill[1].input_tokens, 3]));
    assert_eq!(seen["usage_unasked"], false);
    assert_eq!(seen["tool"], json!(["weather", "{\"city\":\"Oslo\"}"]));
    assert_eq!((&seen["looped"], &seen["legacy"]), (&json!("It rains."), &json!("As before chats.")));
    assert_eq!((&seen["both"], &seen["looked"]), (&json!([[0, "Yes."], [1, "Yes."], 2]), &json!("A fig.")));
    let looked = &world.upstream.requests()[8].body["messages"][0]["content"][1];
    assert_eq!(looked["image_url"]["url"], "data:image/png;base64,iVBORw0KGgo=");
    assert_eq!(seen["details"], json!([0, 0]));
    let looped = world.upstream.requests()[4].body.clone();
    assert_eq!((&looped["messages"][2]["content"], &looped["top_k"]), (&json!("rain"), &json!(3)));
    ensure!(looped.get("user").is_none(), "{looped}");
    assert_eq!((&seen["dimensions"], &seen["same"]), (&json!([256, 256]), &json!(true)));
    assert_eq!(seen["token_ids"], json!([2, 3, 1, 2, true]));
    let names: Vec<&str> =
        seen["errors"].as_array().into_iter().flatten().filter_map(|error| error[0].as_str()).collect();
    assert_eq!(
        names[..5],
        ["NotFoundError", "NotFoundError", "BadRequestError", "BadRequestError", "AuthenticationError"],
        "{seen}"
    );
    for error in seen["errors"].as_array().into_iter().flatten() {
        ensure!(error[2] == true && error[3] == true, "{seen}");
    }
    // Each call that was served has its row; the call of a tool was written without words.
    world.wait_for_number("SELECT count(*) FROM usage_logs WHERE output_tokens > 0", 8).await?;
    Ok(())
}
