//! Input that cannot be served is refused with a sentence, and the server goes on.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response, Server};
use infra_providers::scripted::{Fault, Script};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::world::{
    Backend, PRICED, World, branch, collection, conversation, on_each_backend, one, say, settled, text, upload,
};

on_each_backend!(bodies_that_are_wrong_are_refused, models_that_fail_say_so, s62_what_is_looked_for_is_text);

/// A refusal of ours: a problem with a code and a sentence.
fn refused(answer: &Response, status: u16) -> Result<Value> {
    let problem = answer.expect(status)?;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], status);
    ensure!(problem["detail"].as_str().is_some_and(|detail| detail.contains(' ')), "{problem}");
    ensure!(problem["code"].is_string() && problem["request_id"].is_string(), "{problem}");
    Ok(problem)
}

async fn raw(
    client: &Client,
    method: Method,
    path: &str,
    content_type: &str,
    body: impl Into<Vec<u8>>,
) -> Result<Response> {
    Response::of(client.request(method, path).header("content-type", content_type).body(body.into())).await
}

async fn bodies_that_are_wrong_are_refused(backend: Backend) -> Result<()> {
    let world = World::start_with(backend, |builder| builder.variable("BANYAN_LIMITS__UPLOAD_BYTES", "100000")).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    let chats = "/api/v1/conversations";

    let unknown = refused(&ada.post(chats, &json!({ "titel": "typo" })).await?, 422)?;
    ensure!(unknown.to_string().contains("titel"), "{unknown}");
    refused(&ada.post(chats, &json!({ "title": 7 })).await?, 422)?;
    refused(&ada.post("/api/v1/search", &json!({ "query": "x", "limit": 0 })).await?, 422)?;
    refused(&ada.post("/api/v1/search", &json!({ "query": "x", "mode": "magic" })).await?, 422)?;
    refused(&ada.get(&format!("{chats}?limit=many")).await?, 422)?;
    refused(&ada.get(&format!("{chats}?cursor=forged")).await?, 422)?;
    refused(&raw(&ada, Method::POST, chats, "application/json", "{\"title\":").await?, 400)?;
    refused(&raw(&ada, Method::POST, chats, "text/plain", "{}").await?, 415)?;
    let deep = format!("{{\"title\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep = raw(&ada, Method::POST, chats, "application/json", deep).await?;
    ensure!((400..500).contains(&deep.status), "{}", deep.text());
    let large = format!("{{\"title\":\"{}\"}}", "a".repeat(20 << 20));
    refused(&raw(&ada, Method::POST, chats, "application/json", large).await?, 413)?;

    let sources = format!("/api/v1/collections/{docs}/sources");
    refused(&ada.upload(&sources, "large.txt", "text/plain", vec![b'a'; 200_000]).await?, 413)?;
    let truncated = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nhalf";
    refused(&raw(&ada, Method::POST, &sources, "multipart/form-data; boundary=XX", truncated).await?, 422)?;
    let without_file = "--XX\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n--XX--\r\n";
    refused(&raw(&ada, Method::POST, &sources, "multipart/form-data; boundary=XX", without_file).await?, 422)?;
    let program = [b"\x7fELF\x02\x01\x01\0".as_slice(), &[0; 512]].concat();
    refused(&ada.upload(&sources, "report.pdf", "application/pdf", program).await?, 415)?;
    refused(&ada.upload(&sources, "photo.txt", "text/plain", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec()).await?, 415)?;
    assert_eq!(world.number("SELECT count(*) FROM sources").await?, 0);

    let locked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/infra-documents/tests/fixtures/password.pdf");
    let source = upload(&ada, &docs, "locked.pdf", &std::fs::read(locked)?).await?;
    let found = settled(&ada, &source).await?;
    assert_eq!(found["status"], "error");
    ensure!(text(&found["error"])?.contains("password"), "{found}");

    // After all that the server serves.
    conversation(&ada, &json!({ "title": "still here" })).await?;
    Ok(())
}

async fn models_that_fail_say_so(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    for script in
        [Script::status(400), Script::status(401), Script::fault(Fault::HtmlPage), Script::fault(Fault::Reset).after(2)]
    {
        world.upstream.push(script.clone());
        let events = say(&ada, &chat, &json!({ "content": "Hello?" })).await?;
        let failed = one(&events, "turn.failed")?;
        assert_eq!(events.last().map(|event| event.name.as_str()), Some("turn.failed"));
        ensure!(text(&failed["error"]["message"])?.contains(' '), "{script:?}: {failed}");
        let last = branch(&ada, &chat).await?.pop().context("no message")?;
        ensure!(["error", "interrupted"].contains(&last["status"].as_str().unwrap_or_default()), "{script:?}: {last}");
    }
    let direct = json!({ "model": PRICED, "messages": [{ "role": "user", "content": "Hello?" }] });
    world.upstream.push(Script::status(401));
    let answer = ada.post("/v1/chat/completions", &direct).await?.expect(502)?;
    ensure!(text(&answer["error"]["message"])?.contains(' '), "{answer}");
    let unknown = json!({ "content": "Hello?", "model": "nobody/knows" });
    let path = format!("/api/v1/conversations/{chat}/messages");
    let answer = ada.post(&path, &unknown).await?;
    ensure!((400..500).contains(&answer.status), "{}", answer.text());
    one(&say(&ada, &chat, &json!({ "content": "And now?" })).await?, "turn.completed")?;
    Ok(())
}

/// Words, wildcards and operators of the databases, in queries and in parameters.
async fn s62_what_is_looked_for_is_text(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let docs = collection(&ada, "Documents").await?;
    for (name, words) in [("a.txt", "the growth of 100% of the trees"), ("b.txt", "nothing of the kind")] {
        settled(&ada, &upload(&ada, &docs, name, words.as_bytes()).await?).await?;
    }
    let found = async |query: &str| {
        let answer = ada.post("/api/v1/search", &json!({ "query": query, "mode": "lexical" })).await?;
        ensure!(answer.status == 200, "{query:?}: {} {}", answer.status, answer.text());
        Ok(answer.json()?["items"].as_array().map_or(0, Vec::len))
    };
    assert_eq!(found("trees growth").await?, 1);
    for query in ["%", "_", "' OR '1'='1", ":*&!|()<->", "\" NEAR(", "*", "title:absent^2", "-- drop", "$1", "\\"] {
        assert_eq!(found(query).await?, 0, "{query:?}");
    }
    // An operator among words is no operator.
    assert_eq!(found("trees NOT growth AND (missing*").await?, 1);
    let chats = "/api/v1/conversations";
    conversation(&ada, &json!({ "title": "a title", "collection_ids": [] })).await?;
    for query in ["sort=id;drop", "order=created_at+desc--", "limit=1;select", "cursor=' OR 1=1", "cursor=%25"] {
        refused(&ada.get(&format!("{chats}?{query}")).await?, 422)?;
    }
    // Half a character, as an escape and as bytes.
    refused(&raw(&ada, Method::POST, "/api/v1/search", "application/json", r#"{"query":"\ud83c"}"#).await?, 422)?;
    let bytes = b"{\"query\":\"\xf0\x9f\"}".to_vec();
    refused(&raw(&ada, Method::POST, "/api/v1/search", "application/json", bytes).await?, 422)?;
    Ok(())
}

#[tokio::test]
async fn a_model_out_of_reach_fails_the_turn_with_a_sentence() -> Result<()> {
    let nowhere = infra_providers::scripted::ScriptedServer::refused_url().await?;
    let settings = |builder: e2e::Builder| builder.variable("OPENAI_BASE_URL", nowhere.as_str().trim_end_matches('/'));
    let world = World::start_with(Backend::Sqlite, settings).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let failed = one(&say(&ada, &chat, &json!({ "content": "Hello?" })).await?, "turn.failed")?;
    ensure!(text(&failed["error"]["message"])?.contains(' '), "{failed}");
    let direct = json!({ "model": PRICED, "messages": [{ "role": "user", "content": "Hello?" }] });
    ada.post("/v1/chat/completions", &direct).await?.expect(502)?;
    Ok(())
}

/// Starts a server that must refuse, and gives the lines of its refusal.
async fn refusal(settings: &[(&str, &str)], arguments: &[&str]) -> Result<String> {
    let mut builder = Server::builder().arguments(arguments);
    for (name, value) in settings {
        builder = builder.variable(name, *value);
    }
    let (status, said) = builder.refusal().await?;
    ensure!(!status.success(), "{said}");
    ensure!(!said.contains("panicked") && !said.contains("stack backtrace"), "{said}");
    Ok(said)
}

#[tokio::test]
async fn input_that_is_neither_text_nor_token_ids_is_refused_in_the_words_of_openai() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let shapes = [json!(7), json!(["text", 7]), json!([[7], "text"]), json!([-1]), json!([1.5]), json!([1_u64 << 32])];
    let empty = [json!(""), json!([]), json!([[]]), json!([[7], []])];
    let shapes = shapes.map(|input| (input, "a list of token ids, or"));
    for (input, part) in shapes.into_iter().chain(empty.map(|input| (input, "none of them empty"))) {
        let body = json!({ "model": "openai/text-embedding-3-small", "input": input });
        let error = ada.post("/v1/embeddings", &body).await?.expect(400)?["error"].clone();
        assert_eq!((&error["type"], &error["param"]), (&json!("invalid_request_error"), &json!("input")), "{error}");
        ensure!(text(&error["message"])?.contains(part), "{error}");
    }
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_be_used_stop_the_start() -> Result<()> {
    for url in ["mysql://root@localhost/x", "banyan.db", "sqlite://"] {
        let said = refusal(&[("BANYAN_DATABASE_URL", url)], &[]).await?;
        ensure!(said.contains("BANYAN_DATABASE_URL"), "{said}");
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("banyan.toml");
    std::fs::write(&file, "listen = \"127.0.0.1:0\"\nlissten = \"127.0.0.1:0\"\n")?;
    let said = refusal(&[], &["--config", &file.display().to_string()]).await?;
    ensure!(said.contains("lissten"), "{said}");
    let said = refusal(&[("BANYAN_LISTEN", "nowhere")], &[]).await?;
    ensure!(said.contains("nowhere"), "{said}");
    Ok(())
}

#[tokio::test]
async fn bytes_that_are_no_http_end_the_connection_only() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let address = world.server.url()?.replace("http://", "");
    for bytes in [
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        [b"GET /".as_slice(), &vec![b'a'; 100_000], b" HTTP/1.1\r\n\r\n"].concat(),
        b"POST /api/v1/setup HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n".to_vec(),
        b"POST /api/v1/setup HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
            .to_vec(),
    ] {
        let mut socket = TcpStream::connect(&address).await?;
        // The server may close before it has read all.
        drop(socket.write_all(&bytes).await);
        drop(socket.shutdown().await);
        let mut answer = Vec::new();
        drop(socket.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        ensure!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    world.nobody()?.get("/livez").await?.expect(200)?;
    Ok(())
}
