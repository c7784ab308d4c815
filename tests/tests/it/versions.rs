//! Rows that an older or a newer version of the program has written: nobody is locked out by them.

use std::time::Duration;

use anyhow::Result;
use e2e::Client;
use serde_json::{Value, json};

use crate::world::{Backend, World, on_each_backend, text};

on_each_backend!(an_older_tenant_has_the_rights_of_today, a_name_of_a_newer_version_is_not_granted);

async fn status(client: &Client, path: &str) -> Result<u16> {
    Ok(client.get(path).await?.status)
}

/// Makes a key and changes what is stored of its scopes.
async fn key(world: &World, name: &str, store: &'static str) -> Result<Client> {
    let body = json!({ "name": name, "scopes": ["profile:read"] });
    let made = world.admin()?.post("/api/v1/me/api-keys", &body).await?.expect(201)?;
    world.run(store).await?;
    Ok(world.nobody()?.with_token(text(&made["key"])?))
}

async fn an_older_tenant_has_the_rights_of_today(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    assert_eq!(world.number("SELECT count(*) FROM roles WHERE is_system AND permissions = '[]'").await?, 4);
    // As a version wrote it that knew one permission.
    world.run("UPDATE roles SET permissions = '[\"profile:read\"]'").await?;
    let ada = world.admin()?;
    for path in ["/api/v1/me", "/api/v1/users", "/api/v1/conversations", "/api/v1/collections"] {
        assert_eq!(status(&ada, path).await?, 200, "{path}");
    }
    let viewer = world.user("vic", "viewer").await?;
    assert_eq!(status(&viewer, "/api/v1/users").await?, 200);
    assert_eq!(viewer.post("/api/v1/conversations", &json!({})).await?.status, 403);
    Ok(())
}

async fn a_name_of_a_newer_version_is_not_granted(backend: Backend) -> Result<()> {
    let world = World::start(backend).await?;
    world.user("bob", "user").await?;
    world
        .run(
            "UPDATE roles SET name = 'editor', is_system = false,
                permissions = '[\"profile:read\",\"rockets:launch\"]' WHERE name = 'user'",
        )
        .await?;
    for _ in 0..2 {
        // A session that is new is not remembered yet, so that the row is read each time.
        let bob = world.sign_in("bob@example.com").await?;
        assert_eq!((status(&bob, "/api/v1/me").await?, status(&bob, "/api/v1/users").await?), (200, 403));
        assert_eq!(bob.get("/api/v1/me").await?.expect(200)?["permissions"], json!(["profile:read"]));
    }
    let named = |line: &String| line.contains("rockets:launch");
    world.server.wait_for_log("rockets:launch", Duration::from_secs(10)).await?;
    assert_eq!(world.server.logs().iter().filter(|line| named(line)).count(), 1, "it is logged once");

    let some = "UPDATE api_keys SET scopes = '[\"profile:read\",\"comets:catch\"]' WHERE name = 'some'";
    let some = key(&world, "some", some).await?;
    assert_eq!((status(&some, "/api/v1/me").await?, status(&some, "/api/v1/users").await?), (200, 403));
    let none = "UPDATE api_keys SET scopes = '[\"comets:catch\"]' WHERE name = 'none'";
    let none = key(&world, "none", none).await?;
    for path in ["/api/v1/me", "/api/v1/users", "/api/v1/conversations", "/v1/models"] {
        assert_eq!(status(&none, path).await?, 403, "{path}");
    }
    let listed = world.admin()?.get("/api/v1/me/api-keys").await?.expect(200)?;
    let scopes: Vec<&Value> = listed["items"].as_array().into_iter().flatten().map(|key| &key["scopes"]).collect();
    assert_eq!(scopes, [&json!([]), &json!(["profile:read"])]);
    Ok(())
}
