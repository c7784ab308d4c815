//! What the server takes and answers is what the document says.

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response};
use infra_providers::scripted::Script;
use reqwest::{Method, multipart};
use serde_json::{Value, json};

use super::Document;
use crate::world::{Backend, PASSWORD, World, collection, one, settled, setup_body, text, upload, user_body};

impl Document {
    /// Whether an answer is one that the document describes for its operation.
    fn describes(&self, method: &Method, path: &str, answer: &Response) -> Result<Value> {
        let what = format!("{method} {path}: {} {}", answer.status, answer.text());
        let operation = &self.0["paths"][path][method.as_str().to_lowercase()];
        let response = operation["responses"].get(answer.status.to_string());
        let response = response.with_context(|| format!("the document has no such answer: {what}"))?;
        for header in ["x-request-id", "retry-after", "link", "etag", "idempotent-replayed", "www-authenticate"] {
            let told = response["headers"].as_object().into_iter().flatten();
            let is_told = told.into_iter().any(|(name, _)| name.eq_ignore_ascii_case(header));
            ensure!(is_told || answer.header(header).is_none(), "{header} is not told: {what}");
        }
        let Some(kind) = answer.header("content-type") else {
            ensure!(answer.body.is_empty() && response.get("content").is_none(), "{what}");
            return Ok(Value::Null);
        };
        let schema = &response["content"][kind]["schema"];
        ensure!(schema.is_object(), "no schema for '{kind}': {what}");
        let value = answer.json()?;
        self.check(schema, &value).with_context(|| what)?;
        Ok(value)
    }
}

/// A client whose every answer is held against the document.
struct Asking<'a> {
    document: &'a Document,
    client: Client,
}

impl Asking<'_> {
    /// Asks `path` with its parameters filled in, and wants this status.
    async fn ask(&self, method: Method, path: &str, ids: &[&str], body: Option<&Value>, status: u16) -> Result<Value> {
        let mut filled = path.to_owned();
        for id in ids {
            let (before, rest) = filled.split_once('{').context("a parameter")?;
            let (_, after) = rest.split_once('}').context("a parameter")?;
            filled = format!("{before}{id}{after}");
        }
        let request = self.client.request(method.clone(), &filled);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = Response::of(request).await?;
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        let value = self.document.describes(&method, path, &answer)?;
        ensure!(answer.status == status, "{method} {filled}: {} instead of {status}: {value}", answer.status);
        Ok(value)
    }

    async fn get(&self, path: &str, ids: &[&str]) -> Result<Value> {
        self.ask(Method::GET, path, ids, None, 200).await
    }

    async fn post(&self, path: &str, ids: &[&str], body: Value, status: u16) -> Result<Value> {
        self.ask(Method::POST, path, ids, Some(&body), status).await
    }
}

#[tokio::test]
async fn the_answers_of_the_main_job_are_as_the_document_says() -> Result<()> {
    let document = Document::read()?;
    let world = World::empty(Backend::Sqlite, |builder| builder).await?;
    let nobody = Asking { document: &document, client: world.nobody()? };
    nobody.get("/livez", &[]).await?;
    nobody.get("/readyz", &[]).await?;
    nobody.get("/api/v1/version", &[]).await?;
    nobody.ask(Method::GET, "/api/v1/me", &[], None, 401).await?;
    nobody.post("/api/v1/setup", &[], setup_body("wrong"), 403).await?;
    nobody.post("/api/v1/setup", &[], setup_body(&world.server.setup_token().await?), 201).await?;
    nobody.post("/api/v1/auth/login", &[], json!({ "login": "ada", "password": "wrong" }), 401).await?;
    nobody.post("/api/v1/auth/login", &[], json!({ "login": 1 }), 422).await?;
    let signed_in =
        nobody.post("/api/v1/auth/login", &[], json!({ "login": "ada", "password": PASSWORD }), 200).await?;
    nobody.post("/api/v1/auth/refresh", &[], json!({ "refresh_token": signed_in["refresh_token"] }), 200).await?;
    let ada = Asking { document: &document, client: world.nobody()?.with_token(text(&signed_in["access_token"])?) };

    ada.get("/api/v1/me", &[]).await?;
    let profile = json!({ "display_name": "Ada", "first_name": null, "avatar_url": "https://example.com/a.png" });
    ada.ask(Method::PATCH, "/api/v1/me", &[], Some(&profile), 200).await?;
    ada.post("/api/v1/users", &[], user_body("bob", "user"), 201).await?;
    ada.post("/api/v1/users", &[], user_body("bob", "user"), 409).await?;
    ada.get("/api/v1/users?limit=1", &[]).await?;
    let key = ada.post("/api/v1/me/api-keys", &[], json!({ "name": "k", "scopes": ["profile:read"] }), 201).await?;
    ada.get("/api/v1/me/api-keys", &[]).await?;
    let keyed = Asking { document: &document, client: world.nobody()?.with_token(text(&key["key"])?) };
    keyed.get("/api/v1/me", &[]).await?;
    keyed.ask(Method::GET, "/api/v1/users", &[], None, 403).await?;
    ada.ask(Method::DELETE, "/api/v1/me/api-keys/{api_key_id}", &[key["id"].as_str().unwrap_or_default()], None, 204)
        .await?;
    ada.ask(Method::GET, "/api/v1/tenants", &[], None, 403).await?;
    ada.post("/api/v1/social-links", &[], json!({ "platform": "twitter", "url": "https://x.com/acme" }), 201).await?;
    ada.get("/api/v1/social-links", &[]).await?;

    let shelf = ada.post("/api/v1/collections", &[], json!({ "name": "Shelf" }), 201).await?;
    let shelf = text(&shelf["id"])?;
    ada.get("/api/v1/collections", &[]).await?;
    ada.get("/api/v1/collections/{collection_id}", &[&shelf]).await?;
    let nowhere = uuid::Uuid::nil().to_string();
    ada.ask(Method::GET, "/api/v1/collections/{collection_id}", &[&nowhere], None, 404).await?;
    let source = sent_with_metadata(&document, &ada.client, &shelf).await?;
    settled(&ada.client, &source).await?;
    ada.get("/api/v1/sources/{source_id}", &[&source]).await?;
    ada.get("/api/v1/collections/{collection_id}/sources", &[&shelf]).await?;
    ada.ask(Method::POST, "/api/v1/sources/{source_id}/retry", &[&source], None, 409).await?;
    let found = ada.post("/api/v1/search", &[], json!({ "query": "colour of roses" }), 200).await?;
    ensure!(found["items"].as_array().is_some_and(|items| !items.is_empty()), "{found}");

    conversed(&world, &ada).await?;
    ada.get("/api/v1/usage/summary?group_by=day", &[]).await?;
    ada.ask(Method::GET, "/api/v1/usage/summary?group_by=week", &[], None, 422).await?;
    ada.get("/v1/models", &[]).await?;
    ada.ask(Method::POST, "/api/v1/auth/logout", &[], None, 204).await?;
    Ok(())
}

/// Uploads a file with all fields of the form.
async fn sent_with_metadata(document: &Document, client: &Client, shelf: &str) -> Result<String> {
    let part = || multipart::Part::bytes(b"# Roses\n\nRoses are red.\n".to_vec()).file_name("roses.md");
    let metadata = || multipart::Part::text("{\"shelf\": 7}").mime_str("application/json");
    let path = "/api/v1/collections/{collection_id}/sources";
    let send = async || -> Result<Response> {
        let form = multipart::Form::new().part("file", part()).text("name", "Roses").part("metadata", metadata()?);
        Response::of(client.request(Method::POST, &path.replace("{collection_id}", shelf)).multipart(form)).await
    };
    let made = document.describes(&Method::POST, path, &send().await?)?;
    assert_eq!((&made["source"]["name"], &made["source"]["metadata"]["shelf"]), (&json!("Roses"), &json!(7)));
    let again = document.describes(&Method::POST, path, &send().await?)?;
    assert_eq!(again["code"], "source_exists");
    text(&made["source"]["id"])
}

/// Questions and answers: at once, as events, with a tool, and ended by a failure.
async fn conversed(world: &World, ada: &Asking<'_>) -> Result<()> {
    let conversations = "/api/v1/conversations/{conversation_id}";
    let messages = format!("{conversations}/messages");
    let new = json!({ "title": "Flowers", "model": "openai/scripted", "system_prompt": "Be brief." });
    let id = text(&ada.post("/api/v1/conversations", &[], new, 201).await?["id"])?;
    ada.get("/api/v1/conversations?include_archived=true", &[]).await?;
    ada.get(conversations, &[&id]).await?;
    ada.ask(Method::GET, &format!("{conversations}/stream"), &[&id], None, 204).await?;

    let tool = ("weather".to_owned(), "{\"city\":\"Oslo\"}".to_owned());
    world.upstream.push(Script { tool_calls: vec![tool], ..Script::reply("Roses are red [1].") });
    world.upstream.push(Script::reply("Again."));
    world.upstream.set_default(Script::status(400));
    let parts = json!({ "parts": [{ "type": "text", "text": "What is the colour of roses?" }] });
    let asked = ada.post(&messages, &[&id], parts, 202).await?;
    let stream = text(&asked["stream_ids"][0])?;
    let events = ada.client.get_stream(&format!("/api/v1/streams/{stream}/events?after=0")).await?.rest().await?;
    let (question, answer) = (text(&asked["user_message"]["id"])?, text(&asked["assistant_messages"][0]["id"])?);
    one(&events, "turn.completed")?;
    one(&events, "retrieval.completed")?;
    let of_message = format!("{messages}/{{message_id}}");
    let again = ada.post(&format!("{of_message}/regenerate"), &[&id, &answer], json!({}), 202).await?;
    let stream = text(&again["stream_ids"][0])?;
    let regenerated = ada.client.get_stream(&format!("/api/v1/streams/{stream}/events")).await?.rest().await?;
    ada.post(&format!("{of_message}/switch"), &[&id, &answer], json!({}), 200).await?;
    // A provider that refuses.
    let edited = json!({ "content": "And of violets?" });
    let edited = ada.post(&format!("{of_message}/edit"), &[&id, &question], edited, 202).await?;
    let stream = text(&edited["stream_ids"][0])?;
    let failed = ada.client.get_stream(&format!("/api/v1/streams/{stream}/events")).await?.rest().await?;
    one(&failed, "turn.failed")?;
    for event in events.iter().chain(&regenerated).chain(&failed) {
        let value = json!({ "id": event.id, "event": event.name, "data": event.json()? });
        ada.document.check_named("TurnEvent", &value).with_context(|| event.name.clone())?;
    }
    ada.post(&messages, &[&id], json!({ "content": "x", "parts": [] }), 422).await?;
    ada.get(&messages, &[&id]).await?;
    ada.get(&format!("{messages}?tree=true&limit=2"), &[&id]).await?;
    ada.get(&format!("{conversations}/usage"), &[&id]).await?;
    ada.ask(Method::POST, "/api/v1/streams/{stream_id}/stop", &[&stream], None, 204).await?;
    Ok(())
}

/// The examples of bodies, each sent to its route: what they name may be missing, but they are never ill-formed.
#[tokio::test]
async fn every_example_is_taken() -> Result<()> {
    let document = Document::read()?;
    let settings =
        |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", "openai/text-embedding-3-small");
    let world = World::start_with(Backend::Sqlite, settings).await?;
    let ada = world.admin()?;
    let shelf = collection(&ada, "Shelf").await?;
    upload(&ada, &shelf, "roses.md", b"Roses are red.").await?;
    let mut sent = 0;
    for (path, method, operation) in document.operations() {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        for example in examples(&document, schema)? {
            let path = path
                .split('/')
                .map(|part| if part.starts_with('{') { "00000000-0000-0000-0000-000000000000" } else { part });
            let path = path.collect::<Vec<_>>().join("/");
            let answer = Response::of(ada.request(method.to_uppercase().parse()?, &path).json(example)).await?;
            let is_taken = answer.status < 300 || [401, 403, 404, 409].contains(&answer.status);
            ensure!(is_taken, "{method} {path} {example}: {} {}", answer.status, answer.text());
            sent += 1;
        }
    }
    ensure!(sent > 15, "{sent} examples were sent");
    Ok(())
}

/// The examples of a body, one at least for each of its forms.
fn examples<'a>(document: &'a Document, schema: &'a Value) -> Result<Vec<&'a Value>> {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.0.pointer(&reference[1..]).context("a reference")?,
        None => schema,
    };
    if let Some(example) = schema.get("example") {
        return Ok(vec![example]);
    }
    let forms = schema["oneOf"].as_array().with_context(|| format!("no example: {schema}"))?;
    let forms = forms.iter().filter(|form| form["type"] != "null");
    Ok(forms.map(|form| examples(document, form)).collect::<Result<Vec<_>>>()?.concat())
}
