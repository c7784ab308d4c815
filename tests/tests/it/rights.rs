//! What is left of rights when their holder is gone or has fewer, and what answers tell of people.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response, events::Events};
use infra_providers::scripted::Script;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Backend, PASSWORD, PRICED, World, conversation, on_each_backend, text, user_body};

on_each_backend!(
    s21_who_is_gone_is_gone_within_a_second,
    s23_a_key_holds_no_more_than_its_owner_holds_now,
    s26_answers_tell_what_the_document_says_and_no_secret,
    s27_the_admin_of_a_tenant_reaches_nobody_of_another,
);

/// How long a right may last that was taken away past the server.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The same for a stream that is open, and a little for a machine that has more to do.
const SOON: Duration = Duration::from_secs(7);

/// All that a user signs in with.
struct Holder {
    session: Client,
    key: Client,
    refresh: String,
    stream: Events,
}

async fn holder(world: &World, name: &str) -> Result<Holder> {
    world.admin()?.post("/api/v1/users", &user_body(name, "user")).await?.expect(201)?;
    let login = json!({ "login": format!("{name}@example.com"), "password": PASSWORD });
    let signed_in = world.nobody()?.post("/api/v1/auth/login", &login).await?.expect(200)?;
    let session = world.nobody()?.with_token(text(&signed_in["access_token"])?);
    let key = session.post("/api/v1/me/api-keys", &json!({ "name": "mine" })).await?.expect(201)?;
    let key = session.with_token(text(&key["key"])?);
    let chat = conversation(&session, &json!({ "model": PRICED, "collection_ids": [] })).await?;
    let messages = format!("/api/v1/conversations/{chat}/messages");
    let mut stream = session.post_stream(&messages, &json!({ "content": "Go on" })).await?;
    stream.until("text.delta").await?;
    Ok(Holder { session, key, refresh: text(&signed_in["refresh_token"])?, stream })
}

async fn s21_who_is_gone_is_gone_within_a_second(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let words = (0..300).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" ");
    world.upstream.set_default(Script { chunk_delay: Duration::from_millis(100), ..Script::reply(words) });
    let (off, deleted, mut stays) =
        (holder(&world, "off").await?, holder(&world, "deleted").await?, holder(&world, "stays").await?);
    for one in [&off, &deleted, &stays] {
        one.session.get("/api/v1/me").await?.expect(200)?;
        one.key.get("/api/v1/me").await?.expect(200)?;
    }
    world.run("UPDATE users SET is_active = FALSE WHERE username = 'off'").await?;
    world.run("UPDATE users SET deleted_at = updated_at WHERE username = 'deleted'").await?;
    let gone = Instant::now();
    tokio::time::sleep(AT_ONCE).await;
    for (name, mut one) in [("off", off), ("deleted", deleted)] {
        one.session.get("/api/v1/me").await?.expect(401)?;
        one.key.get("/api/v1/me").await?.expect(401)?;
        one.key.get("/v1/models").await?.expect(401)?;
        let refresh = json!({ "refresh_token": one.refresh });
        world.nobody()?.post("/api/v1/auth/refresh", &refresh).await?.expect(401)?;
        let login = json!({ "login": format!("{name}@example.com"), "password": PASSWORD });
        world.nobody()?.post("/api/v1/auth/login", &login).await?.expect(401)?;
        let mut last = None;
        while let Some(event) = one.stream.next().await? {
            last = Some(event);
        }
        assert_eq!(last.context("nothing came")?.json()?["code"], "unauthenticated", "{name}");
        ensure!(gone.elapsed() < SOON, "{name}'s stream ended after {:?}", gone.elapsed());
    }
    stays.session.get("/api/v1/me").await?.expect(200)?;
    stays.stream.until("text.delta").await?;
    Ok(())
}

async fn s23_a_key_holds_no_more_than_its_owner_holds_now(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let (ada, bob) = (world.admin()?, world.user("bob", "user").await?);
    let wanted = |scopes: &[&str]| json!({ "name": "wide", "scopes": scopes });
    for scopes in [["users:write"], ["tenants:write"], ["*"], ["/*"], ["users:*"], ["Users:Write"]] {
        let refused = bob.post("/api/v1/me/api-keys", &wanted(&scopes)).await?;
        ensure!([403, 422].contains(&refused.status), "{scopes:?}: {} {}", refused.status, refused.text());
    }
    // A key without scopes of its own has its owner's, whatever they are at the time.
    let made = ada.post("/api/v1/me/api-keys", &json!({ "name": "all" })).await?.expect(201)?;
    let all = ada.with_token(text(&made["key"])?);
    let made =
        ada.post("/api/v1/me/api-keys", &wanted(&["social_links:read", "social_links:write"])).await?.expect(201)?;
    let links = ada.with_token(text(&made["key"])?);
    let link = |platform: &str, host: &str| json!({ "platform": platform, "url": format!("https://{host}/acme") });
    all.post("/api/v1/users", &user_body("one", "viewer")).await?.expect(201)?;
    links.post("/api/v1/social-links", &link("twitter", "x.com")).await?.expect(201)?;
    links.get("/api/v1/conversations").await?.expect(403)?;
    world
        .run(
            "UPDATE user_roles SET role_id = (SELECT id FROM roles WHERE name = 'viewer') \
             WHERE user_id = (SELECT id FROM users WHERE username = 'ada')",
        )
        .await?;
    tokio::time::sleep(AT_ONCE).await;
    for key in [&all, &ada] {
        key.post("/api/v1/users", &user_body("two", "viewer")).await?.expect(403)?;
        key.get("/api/v1/users").await?.expect(200)?;
    }
    links.post("/api/v1/social-links", &link("linkedin", "linkedin.com")).await?.expect(403)?;
    links.get("/api/v1/social-links").await?.expect(200)?;
    links.get("/api/v1/conversations").await?.expect(403)?;
    all.get("/api/v1/conversations").await?.expect(200)?;
    Ok(())
}

/// Fields that no answer has, whoever asks.
const SECRETS: &[&str] =
    &["password", "password_hash", "key_hash", "token_hash", "refresh_hash", "secret", "secret_key"];

async fn s26_answers_tell_what_the_document_says_and_no_secret(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let (bob, vic) = (world.user("bob", "user").await?, world.user("vic", "viewer").await?);
    let chat = conversation(&bob, &json!({ "model": PRICED, "collection_ids": [], "visibility": "public" })).await?;
    let messages = format!("/api/v1/conversations/{chat}/messages");
    bob.post_stream(&messages, &json!({ "content": "Hello" })).await?.until("turn.completed").await?;
    let docs = crate::world::collection(&bob, "Shared").await?;
    let source = crate::world::upload(&bob, &docs, "a.md", b"# A\n\nText.\n").await?;
    crate::world::settled(&bob, &source).await?;
    for client in [&ada, &bob] {
        client.post("/api/v1/me/api-keys", &json!({ "name": "mine" })).await?.expect(201)?;
    }
    let document = ada.get("/api/openapi.json").await?.expect(200)?;
    let filled = |path: &str| {
        path.replace("{conversation_id}", &chat).replace("{collection_id}", &docs).replace("{source_id}", &source)
    };
    let mut seen = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().context("no paths")? {
        let (address, schema) = (filled(path), &operations["get"]["responses"]["200"]["content"]);
        let schema = &schema["application/json"]["schema"];
        if !path.starts_with("/api/v1/") || schema.is_null() || address.contains('{') {
            continue;
        }
        for (role, client) in [("tenant_admin", &ada), ("user", &bob), ("viewer", &vic)] {
            let answer = client.get(&address).await?;
            ensure!(answer.status < 500, "{address} as {role}: {}", answer.text());
            let body = answer.json()?;
            let mut found = Vec::new();
            undocumented(&document, schema, &body, path, &mut found);
            ensure!(answer.status != 200 || found.is_empty(), "{path} as {role} also has {found:?}");
            let mut names = BTreeSet::new();
            names_in(&body, &mut names);
            ensure!(!SECRETS.iter().any(|secret| names.contains(*secret)), "{path} as {role}: {names:?}");
            if answer.status == 200 {
                seen.insert(path.clone());
            }
        }
    }
    ensure!(seen.len() >= 12, "only {seen:?} were looked at");
    Ok(())
}

/// The fields of a value that its schema does not name.
fn undocumented(document: &Value, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let resolved = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => schema,
    };
    let of_each = |choices: &[Value]| -> Vec<Vec<String>> {
        let each = choices.iter().map(|choice| {
            let mut found = Vec::new();
            undocumented(document, choice, value, place, &mut found);
            found
        });
        each.collect()
    };
    if let Some(parts) = resolved["allOf"].as_array() {
        // What one of the parts names is named.
        let of_parts = of_each(parts);
        let in_all = |field: &&String| of_parts.iter().all(|found| found.contains(field));
        found.extend(of_parts.first().into_iter().flatten().filter(in_all).cloned());
        return;
    }
    if let Some(choices) = resolved["oneOf"].as_array().or_else(|| resolved["anyOf"].as_array()) {
        found.extend(of_each(choices).into_iter().min_by_key(Vec::len).unwrap_or_default());
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                undocumented(document, &resolved["items"], item, place, found);
            }
        }
        // An object without named fields holds what its owner put there.
        Value::Object(fields) if resolved["properties"].is_object() => {
            for (name, field) in fields {
                match &resolved["properties"][name] {
                    Value::Null => found.push(format!("{place}/{name}")),
                    schema => undocumented(document, schema, field, &format!("{place}/{name}"), found),
                }
            }
        }
        _ => {}
    }
}

/// The names of all fields of a value.
fn names_in(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| names_in(item, names)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            names.insert(name.clone());
            names_in(field, names);
        }),
        _ => {}
    }
}

async fn s27_the_admin_of_a_tenant_reaches_nobody_of_another(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let key = ada.post("/api/v1/me/api-keys", &json!({ "name": "hers" })).await?.expect(201)?;
    let eve = crate::sign_in::with_another_tenant(&world).await?;
    let list = eve.get("/api/v1/users").await?.expect(200)?;
    ensure!(!list.to_string().contains("ada"), "{list}");
    eve.delete(&format!("/api/v1/me/api-keys/{}", text(&key["id"])?)).await?.expect(404)?;
    ada.with_token(text(&key["key"])?).get("/api/v1/me").await?.expect(200)?;
    // To name a tenant is for superadmins; of anybody else it means nothing.
    for method in [Method::GET, Method::POST] {
        let request = eve.request(method, "/api/v1/users").header("x-banyan-tenant", "acme");
        let answer = Response::of(request.json(&user_body("mallory", "user"))).await?;
        ensure!(!answer.text().contains("ada"), "{}", answer.text());
    }
    let in_acme = "SELECT COUNT(*) FROM users WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'acme')";
    assert_eq!(world.number(in_acme).await?, 1);
    Ok(())
}
