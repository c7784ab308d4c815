//! Signing in, while others hammer at the door.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use anyhow::{Context, Result, ensure};
use e2e::{Client, Response};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Backend, PASSWORD, World, on_each_backend, text, user_body};

on_each_backend!(
    a_flood_of_sign_ins_closes_the_door_to_nobody_else,
    s116_nobody_learns_who_is_a_customer_elsewhere,
    names_that_look_alike_are_one_or_refused,
    passwords_that_everybody_tries_are_refused,
    s47_passwords_are_long_and_nobodys_guess,
);

const LOGIN: &str = "/api/v1/auth/login";
/// Connections that hammer.
const HAMMERS: usize = 90;
/// Sign-ins from elsewhere meanwhile.
const RIGHT: usize = 8;

/// S107.
async fn a_flood_of_sign_ins_closes_the_door_to_nobody_else(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    world.user("bob", "user").await?;
    let (stop, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let hammers: Vec<_> = (0..HAMMERS)
        .map(|number| {
            let (client, stop, tried) = (world.nobody(), Arc::clone(&stop), Arc::clone(&tried));
            tokio::spawn(async move {
                let client = client?;
                let login = if number == 0 { "bob@example.com".to_owned() } else { format!("n{number}@example.com") };
                while !stop.load(Ordering::Relaxed) {
                    let wrong = json!({ "login": login, "password": "a wrong password, always" });
                    let answer = client.post(LOGIN, &wrong).await?;
                    ensure!([401, 429].contains(&answer.status), "{} {}", answer.status, answer.text());
                    ensure!(answer.status != 429 || answer.header("retry-after").is_some(), "no Retry-After");
                    tried.fetch_add(1, Ordering::Relaxed);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    while tried.load(Ordering::Relaxed) < HAMMERS {
        tokio::task::yield_now().await;
    }
    let elsewhere = Client::from_address(&world.server.url()?, [127, 0, 0, 2].into())?;
    for _ in 0..RIGHT {
        let right = json!({ "login": "ada@example.com", "password": PASSWORD });
        elsewhere.post(LOGIN, &right).await?.expect(200)?;
    }
    stop.store(true, Ordering::Relaxed);
    for hammer in hammers {
        hammer.await??;
    }
    // The failures of an account are on record, with the address; those of none are logged.
    let failed = "SELECT CASE WHEN COUNT(*) > 0 THEN 1 ELSE 0 END FROM audit_logs WHERE action = 'sign_in_failed' \
                  AND user_id IS NULL";
    world.wait_for_number(failed, 1).await?;
    let logged = world.server.logs().iter().filter(|line| line.contains("a sign-in failed")).count();
    ensure!(logged > 1, "{logged} failures were logged");
    Ok(())
}

/// Two tenants, Acme with `ada` and Other with the admin `eve`. The superadmin's address is `root@example.com`.
pub(crate) async fn with_another_tenant(world: &World) -> Result<Client> {
    let file = world.server.folder().join("password");
    std::fs::write(&file, PASSWORD)?;
    let file = file.display().to_string();
    let root = ["--superadmin", "--email", "root@example.com", "--username", "root", "--password-file", &file];
    world.banyan(&[&["admin", "create"], &root[..]].concat()).await?;
    let root = world.sign_in("root@example.com").await?;
    let other = root.post("/api/v1/tenants", &json!({ "name": "Other" })).await?.expect(201)?;
    let made = root.request(Method::POST, "/api/v1/users").header("x-banyan-tenant", text(&other["slug"])?);
    Response::of(made.json(&user_body("eve", "tenant_admin"))).await?.expect(201)?;
    world.sign_in("eve@example.com").await
}

/// S116.
async fn s116_nobody_learns_who_is_a_customer_elsewhere(backend: Backend) -> Result<()> {
    const HERS: &str = "a pass phrase of another tenant";
    let world = World::start(backend).await?;
    let eve = with_another_tenant(&world).await?;
    let nobody = world.nobody()?;
    let sign_in = async |login: &str, password: &str, tenant: Option<&str>| {
        let mut body = json!({ "login": login, "password": password });
        if let Some(tenant) = tenant {
            body["tenant"] = json!(tenant);
        }
        nobody.post(LOGIN, &body).await
    };
    // What no two answers have alike.
    let told = |answer: &Response| {
        let mut body: Value = serde_json::from_slice(&answer.body)?;
        for own in ["id", "email", "username", "created_at", "updated_at", "request_id"] {
            body.as_object_mut().context("an object")?.remove(own);
        }
        anyhow::Ok((answer.status, body))
    };
    let free = told(&sign_in("nobody@example.com", HERS, None).await?)?;
    assert_eq!(free.0, 401);
    // One of Acme, the superadmin, nobody.
    for login in ["ada@example.com", "root@example.com", "nobody@example.com"] {
        for tenant in [None, Some("acme"), Some("other"), Some("nowhere")] {
            assert_eq!(told(&sign_in(login, HERS, tenant).await?)?, free, "{login} in {tenant:?}");
        }
    }
    let mut made = Vec::new();
    for (email, username) in
        [("ada@example.com", "first"), ("root@example.com", "second"), ("nobody@example.com", "third")]
    {
        let user = json!({ "email": email, "username": username, "password": HERS });
        let answer = eve.post("/api/v1/users", &user).await?;
        assert_eq!(answer.expect(201)?["email"], email);
        made.push(told(&answer)?);
        sign_in(email, HERS, Some("other")).await?.expect(200)?;
    }
    assert!(made.iter().all(|answer| *answer == made[0]), "{made:?}");
    // Within the tenant it is taken.
    let again = json!({ "email": "ada@example.com", "username": "fourth", "password": HERS });
    eve.post("/api/v1/users", &again).await?.expect(409)?;
    // Who is meant is not guessed by the password, and the superadmin is not locked out.
    for password in [PASSWORD, HERS] {
        assert_eq!(told(&sign_in("ada@example.com", password, None).await?)?, free);
    }
    sign_in("ada@example.com", PASSWORD, Some("acme")).await?.expect(200)?;
    sign_in("root@example.com", PASSWORD, None).await?.expect(200)?;
    Ok(())
}

/// S119: in addresses and names.
async fn names_that_look_alike_are_one_or_refused(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let user = |email: &str, username: &str| {
        let mut body = user_body("x", "user");
        (body["email"], body["username"]) = (json!(email), json!(username));
        body
    };
    ada.post("/api/v1/users", &user("jürgen@example.com", "jürgen")).await?.expect(201)?;
    let decomposed = "ju\u{308}rgen";
    for (email, username) in [
        (format!("{decomposed}@example.com"), "other".to_owned()),
        ("other@example.com".to_owned(), decomposed.to_owned()),
        ("ｊürgen@example.com".to_owned(), "other".to_owned()),
    ] {
        ada.post("/api/v1/users", &user(&email, &username)).await?.expect(409)?;
    }
    for (email, username) in [
        ("аda@example.com", "other"),
        ("other@example.com", "аda"),
        ("a\u{200b}da@example.com", "other"),
        ("other@exam\u{202e}ple.com", "other"),
    ] {
        let refused = ada.post("/api/v1/users", &user(email, username)).await?.expect(422)?;
        ensure!(!refused["errors"].as_array().is_none_or(Vec::is_empty), "{refused}");
    }
    // However it is typed, it is the same account.
    world.sign_in("JU\u{308}RGEN@example.com").await?;
    let shown = |title: &str| json!({ "title": title, "collection_ids": [] });
    let made = ada.post("/api/v1/conversations", &shown("re\u{202e}port\u{200b}")).await?.expect(201)?;
    assert_eq!(made["title"], "report");
    Ok(())
}

/// With digits behind, in wide letters; and one password however its letters are composed.
async fn passwords_that_everybody_tries_are_refused(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let user = |name: &str, password: &str| {
        let mut body = user_body(name, "user");
        body["password"] = json!(password);
        body
    };
    for common in ["Password20262026!", "passwordpassword1", "ｐａｓｓｗｏｒｄ１２３４５６７８９", "welcome1234567890"]
    {
        let refused = ada.post("/api/v1/users", &user("bob", common)).await?.expect(422)?;
        assert_eq!(refused["errors"][0]["code"], "too_common", "{common}");
    }
    ada.post("/api/v1/users", &user("bob", "fu\u{308}nfzehn Zeichen")).await?.expect(201)?;
    let composed = json!({ "login": "bob@example.com", "password": "fünfzehn Zeichen" });
    world.nobody()?.post(LOGIN, &composed).await?.expect(200)?;
    Ok(())
}

async fn s47_passwords_are_long_and_nobodys_guess(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    let ada = world.admin()?;
    let tried = async |name: &str, password: &str| {
        let mut body = user_body(name, "user");
        body["password"] = json!(password);
        ada.post("/api/v1/users", &body).await
    };
    for (name, password) in [
        ("fifteen", "fifteen chars ü".to_owned()),
        ("sixtyfour", "x1y2z3w4 ".repeat(8)[..64].to_owned()),
        ("most", format!("{}🐎", "correct horse ".repeat(10).chars().take(127).collect::<String>())),
        ("plain", "only small letters and blanks".to_owned()),
    ] {
        tried(name, &password).await?.expect(201)?;
        let login = json!({ "login": format!("{name}@example.com"), "password": password });
        world.nobody()?.post(LOGIN, &login).await?.expect(200)?;
    }
    for (name, password, code) in [
        ("short", "fourteen chars".to_owned(), "too_short"),
        ("long", "x1y2z3w4".repeat(17), "too_long"),
        ("common", "passwordpassword".to_owned(), "too_common"),
        ("product", "banyanbanyanbanyan1".to_owned(), "too_common"),
        ("address", "address@example.com1".to_owned(), "too_common"),
    ] {
        let refused = tried(name, &password).await?.expect(422)?;
        let told = &refused["errors"][0];
        assert_eq!((&told["pointer"], &told["code"]), (&json!("/password"), &json!(code)));
    }
    // Nothing of it is hashed.
    tried("huge", &"a".repeat(1 << 20)).await?.expect(413)?;
    let huge = json!({ "login": "ada@example.com", "password": "a".repeat(1 << 20) });
    world.nobody()?.post(LOGIN, &huge).await?.expect(413)?;
    Ok(())
}
