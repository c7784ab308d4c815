//! The manners of HTTP: credentials, paths, content types, bodies that may be empty, old versions, names of files.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response};
use infra_providers::scripted::Script;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{chat, raw};
use crate::world::{Backend, PASSWORD, PRICED, World, branch, collection, conversation, one, say, text};

/// How long an answer may take that comes at once.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_key_may_come_as_x_api_key() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let (ada, nobody) = (world.admin()?, world.nobody()?);
    let key = text(&ada.post("/api/v1/me/api-keys", &json!({ "name": "k" })).await?.expect(201)?["key"])?;
    let other = text(&ada.post("/api/v1/me/api-keys", &json!({ "name": "l" })).await?.expect(201)?["key"])?;
    let bearer = format!("Bearer {key}");
    for path in ["/v1/models", "/api/v1/me", "/api/v1/conversations"] {
        for headers in [
            vec![("x-api-key", key.as_str())],
            vec![("X-API-Key", key.as_str()), ("authorization", bearer.as_str())],
            vec![("x-api-key", key.as_str()), ("authorization", "Basic YTpi")],
        ] {
            raw(&nobody, Method::GET, path, &headers, "").await?.expect(200)?;
        }
        for (headers, code) in [
            (vec![("x-api-key", other.as_str()), ("authorization", bearer.as_str())], "two_credentials"),
            (vec![("x-api-key", "byn_nothing")], "unauthenticated"),
            (vec![("x-api-key", "")], "unauthenticated"),
            (vec![("api-key", key.as_str())], "unauthenticated"),
        ] {
            let refused = raw(&nobody, Method::GET, path, &headers, "").await?.expect(401)?;
            let told = if path.starts_with("/v1") { &refused["error"]["code"] } else { &refused["code"] };
            assert_eq!(told, code, "{headers:?}");
        }
    }
    let asked = chat(json!({})).to_string();
    let headers = [("x-api-key", key.as_str()), ("content-type", "application/json")];
    raw(&nobody, Method::POST, "/v1/chat/completions", &headers, asked).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn paths_are_found_as_clients_write_them() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    world.upstream.set_models(["gpt-4.1-mini", "org/big model"]);
    let ada = world.admin()?;
    let list = ada.get("/v1/models").await?.expect(200)?;
    for path in ["/v1/models/", "/v1/models?limit=3"] {
        assert_eq!(ada.get(path).await?.expect(200)?, list, "{path}");
    }
    for (path, id) in [
        ("/v1/models/openai/gpt-4.1-mini", PRICED),
        ("/v1/models/openai%2Fgpt-4.1-mini", PRICED),
        ("/v1/models/openai%2fgpt-4%2E1-mini/", PRICED),
        ("/v1/models/gpt-4.1-mini", PRICED),
        ("/v1/models/openai/org/big%20model", "openai/org/big model"),
        ("/v1/models/banyan/extractive", "banyan/extractive"),
    ] {
        assert_eq!(ada.get(path).await?.expect(200)?["id"], id, "{path}");
    }
    for (method, path, right) in [
        (Method::POST, "/chat/completions", "/v1/chat/completions"),
        (Method::POST, "/v1/v1/chat/completions", "/v1/chat/completions"),
        (Method::POST, "/openai/chat/completions/", "/v1/chat/completions"),
        (Method::GET, "/models", "/v1/models"),
        (Method::POST, "/embeddings", "/v1/embeddings"),
        (Method::POST, "/completions", "/v1/completions"),
    ] {
        let error = raw(&ada, method, path, &[], "{}").await?.expect(404)?["error"].clone();
        ensure!(text(&error["message"])?.contains(&format!("but {right}:")), "{path}: {error}");
    }
    let nowhere = ada.get("/api/v1/nowhere").await?.expect(404)?;
    assert_eq!(nowhere["code"], "no_such_route");
    ada.post("/v1/responses", &json!({})).await?.expect(404)?;
    // With a slash at the end, and by HEAD.
    for path in ["/api/v1/me/", "/api/v1/conversations/", "/api/v1/usage/summary/", "/livez/"] {
        ada.get(path).await?.expect(200)?;
    }
    ada.post("/v1/chat/completions/", &chat(json!({}))).await?.expect(200)?;
    assert_eq!(world.nobody()?.get("/health").await?.expect(200)?, world.nobody()?.get("/livez").await?.expect(200)?);
    for path in ["/health", "/livez", "/v1/models", "/v1/models/banyan/extractive", "/api/v1/me"] {
        let head = raw(&ada, Method::HEAD, path, &[], "").await?;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn json_is_taken_under_each_of_its_names() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let asked = chat(json!({})).to_string();
    for kind in [
        "application/json; charset=utf8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON",
        "application/json;",
    ] {
        raw(&ada, Method::POST, "/v1/chat/completions", &[("content-type", kind)], asked.clone()).await?.expect(200)?;
        raw(&ada, Method::POST, "/api/v1/conversations", &[("content-type", kind)], "{}").await?.expect(201)?;
    }
    for headers in
        [&[("content-type", "application/x-www-form-urlencoded")][..], &[("content-type", "text/plain")], &[]]
    {
        let refused = raw(&ada, Method::POST, "/v1/chat/completions", headers, asked.clone()).await?.expect(415)?;
        ensure!(text(&refused["error"]["message"])?.contains("'Content-Type: application/json'"), "{refused}");
        let refused = raw(&ada, Method::POST, "/api/v1/search", headers, "{\"query\": \"a\"}").await?.expect(415)?;
        ensure!(text(&refused["detail"])?.contains("'Content-Type: application/json'"), "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_may_be_empty_may_be_left_out() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let json = [("content-type", "application/json")];
    for headers in [&[][..], &json] {
        let made = raw(&ada, Method::POST, "/api/v1/conversations", headers, "").await?.expect(201)?;
        let chat = format!("/api/v1/conversations/{}", text(&made["id"])?);
        let message = json!({ "content": "Hello?", "model": PRICED });
        one(&say(&ada, &text(&made["id"])?, &message).await?, "turn.completed")?;
        let answer = text(&branch(&ada, &text(&made["id"])?).await?.pop().context("no answer")?["id"])?;
        let switched =
            raw(&ada, Method::POST, &format!("{chat}/messages/{answer}/switch"), headers, "").await?.expect(200)?;
        assert_eq!(switched["current_message_id"], json!(answer));
        raw(&ada, Method::POST, &format!("{chat}/messages/{answer}/regenerate"), headers, "").await?.expect(202)?;
        raw(&ada, Method::PATCH, "/api/v1/me", headers, "").await?.expect(200)?;
        // Where something is needed, its absence is told.
        let refused = raw(&ada, Method::POST, "/api/v1/search", headers, "").await?.expect(422)?;
        assert_eq!(refused["errors"][0], json!({ "pointer": "/query", "code": "missing", "detail": "is missing" }));
        let refused = raw(&ada, Method::POST, "/v1/embeddings", headers, "").await?.expect(400)?;
        assert_eq!(refused["error"]["param"], "model");
    }
    // No body and an object without fields are the same request.
    let keyed = [("idempotency-key", "one"), ("content-type", "application/json")];
    let first = raw(&ada, Method::POST, "/api/v1/conversations", &keyed[..1], "").await?.expect(201)?;
    let again = raw(&ada, Method::POST, "/api/v1/conversations", &keyed, "{}").await?;
    assert_eq!((again.header("idempotent-replayed"), again.json()?), (Some("true"), first));
    Ok(())
}

/// All that a server sends to a request on a connection of its own, until it closes it.
async fn everything(world: &World, request: &str) -> Result<String> {
    let mut socket = TcpStream::connect(world.server.url()?.replace("http://", "")).await?;
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    timeout(SOON, socket.read_to_end(&mut answer)).await.context("the connection does not end")??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_events_without_chunks_and_then_the_end() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let id = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(30), ..Script::reply("one two three") });
    let token = world.token();
    let post = |path: &str, body: &Value, more: &str| {
        let body = body.to_string();
        format!(
            "POST {path} HTTP/1.0\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n{more}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let streamed = everything(&world, &post("/v1/chat/completions", &chat(json!({ "stream": true })), "")).await?;
    let sent = everything(
        &world,
        &post(
            &format!("/api/v1/conversations/{id}/messages"),
            &json!({ "content": "Hello?" }),
            "accept: text/event-stream\r\n",
        ),
    )
    .await?;
    let opened =
        ada.post(&format!("/api/v1/conversations/{id}/messages"), &json!({ "content": "And?" })).await?.expect(202)?;
    let stream = text(&opened["stream_ids"][0])?;
    let path = format!("/api/v1/streams/{stream}/events");
    // Also of one that asks to keep the connection.
    let followed = everything(
        &world,
        &format!("GET {path} HTTP/1.0\r\nauthorization: Bearer {token}\r\nconnection: keep-alive\r\n\r\n"),
    )
    .await?;
    for (answer, first, last) in [
        (&streamed, "data: {", "data: [DONE]"),
        (&sent, "id: 1\n", "event: turn.completed"),
        (&followed, "id: 1\n", "event: turn.completed"),
    ] {
        let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
        let head = head.to_lowercase();
        ensure!(head.starts_with("http/1.0 200") && !head.contains("transfer-encoding"), "{head}");
        ensure!(head.contains("content-type: text/event-stream") && !head.contains("connection: keep-alive"), "{head}");
        ensure!(body.starts_with(first) && body.contains(last) && body.ends_with("\n\n"), "{body}");
    }
    // HTTP/1.1 goes on as before.
    let modern = post("/v1/chat/completions", &chat(json!({ "stream": true })), "connection: close\r\nhost: x\r\n");
    let modern = everything(&world, &modern.replace("HTTP/1.0", "HTTP/1.1")).await?.to_lowercase();
    ensure!(modern.contains("transfer-encoding: chunked"), "{modern}");
    Ok(())
}

/// Uploads a file whose part is described so; gives the name that it is kept under.
async fn uploaded(client: &Client, path: &str, disposition: &[u8], content: &str) -> Result<Response> {
    let mut form = b"--XX\r\nContent-Disposition: form-data; name=\"file\"".to_vec();
    form.extend_from_slice(disposition);
    form.extend_from_slice(format!("\r\nContent-Type: text/markdown\r\n\r\n{content}\r\n--XX--\r\n").as_bytes());
    raw(client, Method::POST, path, &[("content-type", "multipart/form-data; boundary=XX")], form).await
}

#[tokio::test]
async fn files_keep_the_names_that_clients_write() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    let path = format!("/api/v1/collections/{}/sources", collection(&ada, "Documents").await?);
    let names: &[(&[u8], &str)] = &[
        (b"; filename*=utf-8''%E6%89%8B%E5%86%8C.md", "手册.md"),
        (b"; filename*=UTF-8'en'a%20b.md", "a b.md"),
        (b"; filename=\"fallback.md\"; filename*=UTF-8''%C3%BCber.md", "über.md"),
        (b"; filename*=UTF-8''%C3%BCber.md; filename=\"fallback.md\"", "über.md"),
        (b"; filename*=iso-8859-1''%FCber.md", "über.md"),
        (b"; filename=\"plain.md\"", "plain.md"),
        (b"; filename=plain.md", "plain.md"),
        ("; filename=\"Überblick 東京.md\"".as_bytes(), "Überblick 東京.md"),
        (b"; filename=\"C:\\temp\\notes.md\"", "notes.md"),
        (b"; filename=\"C:\\\\temp\\\\notes.md\"", "notes.md"),
        (b"; filename=\"/home/ada/notes.md\"", "notes.md"),
        (b"; filename=\"say \\\"hi\\\".md\"", "say \"hi\".md"),
        (b"; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
    ];
    for (number, (disposition, name)) in names.iter().enumerate() {
        let answer = uploaded(&ada, &path, disposition, &format!("# File {number}\n\nWords.")).await?.expect(202)?;
        assert_eq!(&answer["source"]["filename"], name, "{}", String::from_utf8_lossy(disposition));
    }
    for nothing in [&b"; filename=\"\""[..], b"; filename*=UTF-8''", b""] {
        let refused = uploaded(&ada, &path, nothing, "# None").await?.expect(422)?;
        assert_eq!(refused["errors"][0]["code"], "no_filename", "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_date_is_a_moment_and_what_is_none_is_told() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let ada = world.admin()?;
    ada.post("/v1/chat/completions", &chat(json!({}))).await?.expect(200)?;
    let requests = async |query: &str| {
        Ok::<_, anyhow::Error>(
            ada.get(&format!("/api/v1/usage/summary?{query}")).await?.expect(200)?["total"]["requests"].clone(),
        )
    };
    for query in [
        "from=2026-01-01",
        "from=2026-01-01&to=2999-12-31",
        "from=2026-01-01T00:00:00Z",
        "from=2026-01-01T00:00:00+02:00",
    ] {
        assert_eq!(requests(query).await?, 1, "{query}");
    }
    for query in ["from=2999-01-01", "to=2026-01-01", "to=2026-01-01T00:00:00%2B02:00"] {
        assert_eq!(requests(query).await?, 0, "{query}");
    }
    for query in ["from=yesterday", "to=2026-13-01", "from=1795736628", "to=", "from=2026-11-26T09:30"] {
        let refused = ada.get(&format!("/api/v1/usage/summary?{query}")).await?.expect(422)?;
        let field = query.split('=').next().unwrap_or_default();
        assert_eq!(refused["errors"][0]["pointer"], format!("/{field}"), "{refused}");
        ensure!(text(&refused["detail"])?.contains("2026-11-26T09:30:00Z"), "{refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_refused_credential_is_told_as_what_it_was() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let nobody = world.nobody()?;
    let login = async |login: &str, password: &str| {
        let body = json!({ "login": login, "password": password });
        nobody.post("/api/v1/auth/login", &body).await?.expect(401)
    };
    let mut wrong = login("ada", "not the pass phrase").await?;
    let mut unknown = login("nobody@example.com", PASSWORD).await?;
    ensure!(text(&wrong["detail"])?.starts_with("login or password is wrong"), "{wrong}");
    for refused in [&mut wrong, &mut unknown] {
        refused["request_id"] = Value::Null;
    }
    assert_eq!(wrong.to_string(), unknown.to_string());
    let refused = nobody.post("/api/v1/auth/refresh", &json!({ "refresh_token": "x" })).await?.expect(401)?;
    ensure!(text(&refused["detail"])?.contains("refresh token"), "{refused}");
    let setup = crate::world::setup_body("x");
    let refused = nobody.post("/api/v1/setup", &setup).await?.expect(403)?;
    ensure!(text(&refused["detail"])?.contains("setup"), "{refused}");
    Ok(())
}
