//! Rights end when they are revoked, and who sees more than its own leaves a trace and changes nothing.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response, events::Events};
use infra_providers::scripted::Script;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Backend, PASSWORD, PRICED, World, branch, collection, conversation, on_each_backend, say, text};

on_each_backend!(
    an_open_stream_ends_with_the_rights_of_its_reader,
    who_runs_the_tenant_reads_on_record,
    colleagues_are_names,
    s101_streams_ask_who_reads_them,
);

/// A stream ends so soon after its reader's rights (S114), and a little for a machine that has more to do.
const SOON: Duration = Duration::from_secs(7);

/// A client of a key of this one.
async fn key_of(client: &Client) -> Result<(String, Client)> {
    let made = client.post("/api/v1/me/api-keys", &json!({ "name": "reader" })).await?.expect(201)?;
    Ok((text(&made["id"])?, client.with_token(text(&made["key"])?)))
}

/// S114: a key, a session, a role, a conversation that is shown no longer; one whose rights stay goes on.
async fn an_open_stream_ends_with_the_rights_of_its_reader(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let words = (0..300).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(100), ..Script::reply(words) });
    let ada = world.admin()?;
    let (bob, carol) = (world.user("bob", "user").await?, world.user("carol", "user").await?);
    let dora = world.user("dora", "user").await?;
    let (key_id, key) = key_of(&ada).await?;
    let open = async |client: &Client, body: Value| -> Result<(String, Events)> {
        let chat = conversation(client, &body).await?;
        let mut events = client
            .post_stream(&format!("/api/v1/conversations/{chat}/messages"), &json!({ "content": "Go on" }))
            .await?;
        events.until("text.delta").await?;
        Ok((chat, events))
    };
    let plain = || json!({ "model": PRICED, "collection_ids": [] });
    let (_, with_key) = open(&key, plain()).await?;
    let (_, with_session) = open(&bob, plain()).await?;
    let (_, with_role) = open(&carol, plain()).await?;
    let (shown, mut stays) =
        open(&ada, json!({ "model": PRICED, "collection_ids": [], "visibility": "public" })).await?;
    let mut as_shown = dora.get_stream(&format!("/api/v1/conversations/{shown}/stream")).await?;
    as_shown.until("text.delta").await?;
    let completion = json!({ "model": PRICED, "stream": true, "messages": [{ "role": "user", "content": "Go on" }] });
    let mut of_completion = key.post_stream("/v1/chat/completions", &completion).await?;
    of_completion.next().await?.context("no chunk")?;

    ada.delete(&format!("/api/v1/me/api-keys/{key_id}")).await?.expect(204)?;
    bob.post("/api/v1/auth/logout", &json!({})).await?.expect(204)?;
    world.run("DELETE FROM user_roles WHERE user_id = (SELECT id FROM users WHERE username = 'carol')").await?;
    world.run("UPDATE conversations SET visibility = 'private'").await?;
    let revoked = Instant::now();
    for (name, mut events, code) in [
        ("key", with_key, "unauthenticated"),
        ("session", with_session, "unauthenticated"),
        ("role", with_role, "forbidden"),
        ("shown", as_shown, "not_found"),
        ("completion", of_completion, "unauthenticated"),
    ] {
        let mut last = None;
        while let Some(event) = events.next().await? {
            last = Some(event);
        }
        let last = last.with_context(|| format!("{name}: nothing came"))?;
        let error = last.json()?;
        let told = if name == "completion" { &error["error"]["code"] } else { &error["code"] };
        assert_eq!(told, code, "{name}: {last:?}");
        ensure!(revoked.elapsed() < SOON, "{name} ended after {:?}", revoked.elapsed());
    }
    stays.until("turn.completed").await?;
    Ok(())
}

/// S113, and a superadmin in a tenant.
async fn who_runs_the_tenant_reads_on_record(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let bob = world.user("bob", "user").await?;
    let chat = conversation(&bob, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    say(&bob, &chat, &json!({ "content": "A secret." })).await?;
    let read = "SELECT COUNT(*) FROM audit_logs WHERE action = 'conversation_read'";
    branch(&bob, &chat).await?;
    assert_eq!(world.number(read).await?, 0);
    branch(&ada, &chat).await?;
    let by_ada = format!("{read} AND user_id = (SELECT id FROM users WHERE username = 'ada')");
    assert_eq!(world.number(&by_ada).await?, 1);
    // Each conversation has a row of its own.
    let second = conversation(&bob, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    ada.get(&format!("/api/v1/conversations/{second}")).await?.expect(200)?;
    assert_eq!(world.number(&by_ada).await?, 2);

    let password = world.server.folder().join("password");
    std::fs::write(&password, PASSWORD)?;
    let password = password.display().to_string();
    let root = ["admin", "create", "--superadmin", "--email", "root@example.com", "--username", "root"];
    world.banyan(&[root.as_slice(), &["--password-file", &password]].concat()).await?;
    let root = world.sign_in("root@example.com").await?;
    let docs = collection(&bob, "Private").await?;
    let within = |method: Method, path: &str| root.request(method, path).header("x-banyan-tenant", "acme");
    let answer = Response::of(within(Method::GET, &format!("/api/v1/conversations/{chat}"))).await?;
    answer.expect(200)?;
    let by_root = "superadmin_id = (SELECT id FROM users WHERE username = 'root')";
    assert_eq!(world.number(&format!("{read} AND user_id IS NULL AND {by_root}")).await?, 1);
    // Each kind of thing has a row for a minute, and what is shown to all none.
    let own = bob.post("/api/v1/collections", &json!({ "name": "Own" })).await?.expect(201)?;
    let own = text(&own["id"])?;
    for path in [own.clone(), format!("{own}/sources"), docs.clone()] {
        Response::of(within(Method::GET, &format!("/api/v1/collections/{path}"))).await?.expect(200)?;
    }
    let rows = format!("SELECT COUNT(*) FROM audit_logs WHERE action = 'collection_read' AND {by_root}");
    assert_eq!(world.number(&rows).await?, 1);
    let form = reqwest::multipart::Form::new().part("file", reqwest::multipart::Part::text("Mine?").file_name("a.txt"));
    let upload = within(Method::POST, &format!("/api/v1/collections/{docs}/sources")).multipart(form);
    assert_eq!(Response::of(upload).await?.expect(403)?["code"], "not_yours_to_change");
    let below = within(Method::POST, "/api/v1/collections").json(&json!({ "name": "x", "parent_id": docs }));
    assert_eq!(Response::of(below).await?.expect(403)?["code"], "not_yours_to_change");
    assert_eq!(world.number("SELECT COUNT(*) FROM sources").await?, 0);
    Ok(())
}

/// S115: no address and no last sign-in, but for who runs the tenant.
async fn colleagues_are_names(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let (bob, vic) = (world.user("bob", "user").await?, world.user("vic", "viewer").await?);
    for client in [&bob, &vic] {
        let list = client.get("/api/v1/users").await?.expect(200)?;
        ensure!(!list.to_string().contains("@example.com"), "{list}");
        for person in list["items"].as_array().context("no items")? {
            ensure!(person["username"].is_string() && person["last_login_at"].is_null(), "{person}");
        }
    }
    let list = ada.get("/api/v1/users").await?.expect(200)?;
    ensure!(list["items"][0]["email"] == "vic@example.com", "{list}");
    ensure!(list["items"][0]["last_login_at"].is_string(), "{list}");
    Ok(())
}

/// S101, but for WebSockets, which there are none of: no token, a forged one, a page of another origin.
async fn s101_streams_ask_who_reads_them(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let chat = conversation(&ada, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let events = say(&ada, &chat, &json!({ "content": "Hello" })).await?;
    let stream = text(&events[0].json()?["stream_id"])?;
    let forged = format!("{}x", world.token());
    for path in [format!("/api/v1/streams/{stream}/events"), format!("/api/v1/conversations/{chat}/stream")] {
        for client in [world.nobody()?, world.nobody()?.with_token(&forged), world.nobody()?.with_token("byn_x")] {
            client.get(&path).await?.expect(401)?;
            // Neither a query nor a cookie is a credential.
            let request = client.request(Method::GET, &format!("{path}?access_token={}", world.token()));
            let answer = Response::of(request.header("cookie", format!("token={}", world.token()))).await?;
            ensure!([401, 422].contains(&answer.status), "{}", answer.text());
        }
        let foreign = ada.request(Method::GET, &path).header("origin", "https://evil.example");
        let answer = Response::of(foreign).await?;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        let asked = world.nobody()?.request(Method::OPTIONS, &path).header("origin", "https://evil.example");
        let asked = Response::of(asked.header("access-control-request-method", "GET")).await?;
        ensure!(asked.status >= 400 && asked.header("access-control-allow-origin").is_none(), "{}", asked.status);
    }
    Ok(())
}
