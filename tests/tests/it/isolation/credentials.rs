//! S22, S25, S29 to S31, S61 and S80: what counts as a credential, and what one may say.

use anyhow::{Result, ensure};
use e2e::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

use super::tenants::Tenants;
use crate::world::{Backend, PASSWORD, World, on_each_backend, setup_body, text, user_body};

on_each_backend!(
    s22_two_headers_alone_carry_credentials,
    s25_unknown_fields_are_refused,
    s29_forged_tokens_are_refused,
    s61_headers_never_become_statements,
    s80_api_keys_are_shown_once
);

async fn status(client: &Client, token: &str) -> Result<u16> {
    Ok(client.with_token(token).get("/api/v1/me").await?.status)
}

async fn s22_two_headers_alone_carry_credentials(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let (nobody, token) = (world.nobody()?, world.token().to_owned());
    let key = world.admin()?.post("/api/v1/me/api-keys", &json!({ "name": "k" })).await?.expect(201)?;
    let key = text(&key["key"])?;
    for credential in [&token, &key] {
        assert_eq!(status(&nobody, credential).await?, 200);
        for path in ["token", "access_token", "api_key", "key"] {
            ensure!(nobody.get(&format!("/api/v1/me?{path}={credential}")).await?.status == 401, "{path}");
        }
        for (header, value) in [
            ("api-key", credential.clone()),
            ("x-api-token", credential.clone()),
            ("cookie", format!("token={credential}; access_token={credential}; session={credential}")),
            ("proxy-authorization", format!("Bearer {credential}")),
            ("sec-websocket-protocol", format!("bearer, {credential}")),
            ("authorization", format!("Basic {credential}")),
            ("authorization", credential.clone()),
        ] {
            for path in ["/api/v1/me", "/v1/models"] {
                let answer = Response::of(nobody.request(Method::GET, path).header(header, value.as_str())).await?;
                ensure!(answer.status == 401, "{header} at {path}: {}", answer.status);
            }
        }
        let twice = world.nobody()?.with_token(credential.as_str()).request(Method::GET, "/api/v1/me");
        let twice = Response::of(twice.header("authorization", format!("Bearer {credential}"))).await?;
        assert_eq!(twice.status, 401, "two credentials are none");
        for (second, status) in [(credential.as_str(), 200), ("byn_another", 401)] {
            let both = nobody.with_token(credential.as_str()).request(Method::GET, "/api/v1/me");
            assert_eq!(
                Response::of(both.header("x-api-key", second)).await?.status,
                status,
                "two that differ are none"
            );
        }
    }
    Ok(())
}

async fn s61_headers_never_become_statements(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let (nobody, token) = (world.nobody()?, world.token().to_owned());
    for text in ["' OR '1'='1", "'; DROP TABLE users; --", "\" OR 1=1 --", "%27%20OR%201=1", "{\"$gt\":\"\"}", "$(id)"]
    {
        assert_eq!(status(&nobody, text).await?, 401, "{text}");
        for header in [
            "x-banyan-tenant",
            "x-request-id",
            "traceparent",
            "user-agent",
            "cookie",
            "if-match",
            "last-event-id",
            "idempotency-key",
            "accept-language",
        ] {
            for client in [&nobody, &nobody.with_token(token.as_str())] {
                for path in ["/api/v1/me", "/api/v1/conversations", "/api/v1/nothing"] {
                    let answer = Response::of(client.request(Method::GET, path).header(header, text)).await?;
                    ensure!(answer.status < 500, "{header}: {text} at {path}: {}", answer.text());
                    ensure!(!answer.text().to_lowercase().contains("sql"), "{}", answer.text());
                }
            }
        }
    }
    assert_eq!(world.number("SELECT count(*) FROM users").await?, 1);
    Ok(())
}

async fn s25_unknown_fields_are_refused(backend: Backend) -> Result<()> {
    let tenants = Tenants::start(backend).await?;
    let carol = &tenants.carol;
    let before = carol.get("/api/v1/me").await?.expect(200)?;
    for (field, value) in [
        ("role", json!("superadmin")),
        ("roles", json!(["tenant_admin"])),
        ("is_admin", json!(true)),
        ("is_active", json!(true)),
        ("tenant_id", before["id"].clone()),
        ("quota", json!(1_000_000)),
        ("user_metadata", json!({ "role": "admin" })),
        ("id", before["id"].clone()),
        ("user_id", before["id"].clone()),
        ("created_at", json!("2001-01-01T00:00:00Z")),
        ("permissions", json!(["tenants.write"])),
        ("__proto__", json!({ "role": "admin" })),
    ] {
        let with = |body: Value| {
            let mut body = body;
            body[field] = value.clone();
            body
        };
        carol.patch("/api/v1/me", &with(json!({ "display_name": "C" }))).await?.expect(422)?;
        for (path, body) in [
            ("/api/v1/conversations", json!({})),
            ("/api/v1/collections", json!({ "name": "x" })),
            ("/api/v1/me/api-keys", json!({ "name": "x" })),
            ("/api/v1/search", json!({ "query": "x" })),
        ] {
            ensure!(carol.post(path, &with(body)).await?.status == 422, "{field} at {path}");
        }
        if field != "role" {
            let mallory = with(user_body("mallory", "user"));
            ensure!(tenants.ada.post("/api/v1/users", &mallory).await?.status == 422, "{field}");
        }
        tenants.world.nobody()?.post("/api/v1/setup", &with(setup_body("x"))).await?.expect(422)?;
        let login = with(json!({ "login": "carol", "password": PASSWORD }));
        ensure!(tenants.world.nobody()?.post("/api/v1/auth/login", &login).await?.status == 422, "{field}");
    }
    // No role by which one would rise above one's own tenant.
    for role in ["superadmin", "root", ""] {
        let answer = tenants.ada.post("/api/v1/users", &user_body("mallory", role)).await?;
        ensure!([403, 422].contains(&answer.status), "{role}: {}", answer.text());
    }
    carol.post("/api/v1/users", &user_body("mallory", "tenant_admin")).await?.expect(403)?;
    tenants.ada.post("/api/v1/tenants", &json!({ "name": "Third" })).await?.expect(403)?;
    // Only a superadmin enters a tenant by naming it.
    let entered = carol.request(Method::GET, "/api/v1/users").header("x-banyan-tenant", "other");
    let entered = Response::of(entered).await?;
    ensure!(entered.status >= 400 || !entered.text().contains("bob"), "{}", entered.text());
    assert_eq!(carol.get("/api/v1/me").await?.expect(200)?, before);
    assert_eq!(tenants.world.number("SELECT count(*) FROM users").await?, 5);
    Ok(())
}

async fn s29_forged_tokens_are_refused(backend: Backend) -> Result<()> {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
    let world = World::start(backend).await?;
    let other = World::start(Backend::Sqlite).await?;
    let (nobody, token) = (world.nobody()?, world.token().to_owned());
    assert_eq!(status(&nobody, &token).await?, 200);
    let pieces: Vec<&str> = token.split('.').collect();
    let claims: Value = serde_json::from_slice(&BASE64.decode(pieces[1])?)?;
    let encode = |value: &Value| BASE64.encode(value.to_string());
    let mut forged = vec![
        format!("{}.{}.", pieces[0], pieces[1]),
        format!("{}.{}", pieces[0], pieces[1]),
        format!("{token}."),
        format!("{token}A"),
        format!("{}.{}.{}", pieces[0], pieces[1], BASE64.encode([0; 32])),
        other.token().to_owned(),
        pieces[1].to_owned(),
        String::from("null"),
        "a".repeat(9_000),
    ];
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "None", "typ": "JWT" }),
        json!({ "alg": "HS512", "typ": "JWT" }),
        json!({ "alg": "RS256", "typ": "JWT" }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": "../../../../dev/null" }),
        json!({ "alg": "HS256", "typ": "JWT", "kid": "' UNION SELECT 'x" }),
        json!({ "alg": "HS256", "typ": "JWT", "jku": "http://127.0.0.1:1/keys", "jwk": { "kty": "oct", "k": "" } }),
    ] {
        forged.push(format!("{}.{}.", encode(&header), pieces[1]));
        forged.push(format!("{}.{}.{}", encode(&header), pieces[1], pieces[2]));
    }
    for (claim, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(9_999_999_999_i64)),
        ("exp", json!(1e300)),
        ("exp", Value::Null),
        ("nbf", json!("0")),
        ("nbf", json!(-1)),
        ("sub", json!("00000000-0000-0000-0000-000000000000")),
        ("aud", json!(["banyan", "x"])),
        ("iss", json!("x")),
        ("role", json!("superadmin")),
    ] {
        let mut changed = claims.clone();
        changed[claim] = value;
        forged.push(format!("{}.{}.{}", pieces[0], encode(&changed), pieces[2]));
    }
    for token in &forged {
        ensure!(status(&nobody, token).await? == 401, "{token}");
    }
    // S31: a refresh token is no access token, and the other way round.
    let login = json!({ "login": "ada", "password": PASSWORD });
    let signed_in = nobody.post("/api/v1/auth/login", &login).await?.expect(200)?;
    let refresh = text(&signed_in["refresh_token"])?;
    assert_eq!(status(&nobody, &refresh).await?, 401);
    let wrong = json!({ "refresh_token": signed_in["access_token"] });
    nobody.post("/api/v1/auth/refresh", &wrong).await?.expect(401)?;
    let right = json!({ "refresh_token": refresh });
    let renewed = nobody.post("/api/v1/auth/refresh", &right).await?.expect(200)?;
    // What is signed out is out at once.
    let renewed = nobody.with_token(text(&renewed["access_token"])?);
    renewed.get("/api/v1/me").await?.expect(200)?;
    renewed.post("/api/v1/auth/logout", &json!({})).await?.expect(204)?;
    renewed.get("/api/v1/me").await?.expect(401)?;
    Ok(())
}

async fn s80_api_keys_are_shown_once(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let made = ada.post("/api/v1/me/api-keys", &json!({ "name": "robot" })).await?.expect(201)?;
    let key = text(&made["key"])?;
    let robot = world.nobody()?.with_token(key.as_str());
    robot.get("/v1/models").await?.expect(200)?;
    let listed = ada.get("/api/v1/me/api-keys").await?;
    ensure!(!listed.text().contains(&key), "the list shows the key");
    assert_eq!(listed.expect(200)?["items"][0]["prefix"], made["prefix"]);
    let mut wrong = 0;
    for at in 0..key.len() {
        let mut changed: Vec<char> = key.chars().collect();
        changed[at] = if changed[at] == 'a' { 'b' } else { 'a' };
        if changed.iter().collect::<String>() != key {
            wrong += 1;
            let changed: String = changed.iter().collect();
            ensure!(status(&world.nobody()?, &changed).await? == 401, "{changed}");
        }
    }
    ensure!(wrong >= 20, "only {wrong} keys were tried");
    ensure!(!world.server.logs().join("\n").contains(&key), "the log holds the key");
    let file = world.server.folder().join("data/banyan.db");
    if backend == Backend::Sqlite {
        for file in [file.clone(), file.with_extension("db-wal")] {
            let bytes = std::fs::read(&file)?;
            ensure!(
                !bytes.windows(key.len()).any(|window| window == key.as_bytes()),
                "{} holds the key",
                file.display()
            );
        }
    }
    let path = format!("/api/v1/me/api-keys/{}", text(&made["id"])?);
    ada.delete(&path).await?.expect(204)?;
    robot.get("/v1/models").await?.expect(401)?;
    Ok(())
}
