//! S28 and S32: the first start.

use anyhow::{Result, ensure};
use e2e::Server;
use futures::future::join_all;
use serde_json::json;

use crate::world::{Backend, PASSWORD, World, on_each_backend, setup_body};

on_each_backend!(s28_one_of_many_setups_wins);

async fn s28_one_of_many_setups_wins(backend: Backend) -> Result<()> {
    let world = World::empty(backend, |builder| builder).await?;
    let (nobody, token) = (world.nobody()?, world.server.setup_token().await?);
    let wrong = nobody.post("/api/v1/setup", &setup_body("a-wrong-token")).await?;
    ensure!([401, 403].contains(&wrong.status), "{}", wrong.text());
    let racers = (0..200).map(|number| {
        let (nobody, token) = (nobody.clone(), token.clone());
        async move {
            let body = json!({ "token": token, "tenant_name": format!("Tenant {number}"),
                "email": format!("u{number}@example.com"), "username": format!("u{number}"), "password": PASSWORD });
            nobody.post("/api/v1/setup", &body).await.map(|answer| answer.status)
        }
    });
    let statuses = join_all(racers).await.into_iter().collect::<Result<Vec<u16>>>()?;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    ensure!(statuses.iter().all(|status| [201, 403, 409, 429, 503].contains(status)), "{statuses:?}");
    assert_eq!(world.number("SELECT count(*) FROM tenants").await?, 1);
    assert_eq!(world.number("SELECT count(*) FROM users").await?, 1);
    assert_eq!(world.number("SELECT count(*) FROM users WHERE tenant_id IS NULL").await?, 0, "a superadmin by HTTP");
    let late = nobody.post("/api/v1/setup", &setup_body(&token)).await?;
    ensure!([401, 403].contains(&late.status), "{}", late.text());
    Ok(())
}

#[tokio::test]
async fn s32_weak_secrets_stop_the_start() -> Result<()> {
    for weak in ["changeme", "secret", "0123456789abcdef0123456789abcde", &"a".repeat(64)] {
        let (status, said) = Server::builder().variable("BANYAN_SECRET_KEY", weak).refusal().await?;
        ensure!(!status.success() && said.contains("BANYAN_SECRET_KEY"), "{weak}: {said}");
        ensure!(!said.contains(weak), "the refusal tells the secret: {said}");
    }
    let first = World::start(Backend::Sqlite).await?;
    let second = World::start(Backend::Sqlite).await?;
    let key = |world: &World| std::fs::read(world.server.folder().join("data/secret.key"));
    ensure!(key(&first)? != key(&second)?, "two installations share a secret");
    Ok(())
}
