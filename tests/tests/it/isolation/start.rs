//! S28 and S32: the first start, and the starts that are refused.

use anyhow::{Result, ensure};
use e2e::{Client, Database, Server};
use futures::future::join_all;
use serde_json::json;
use sqlx::{AssertSqlSafe, Executor};
use url::Url;

use crate::world::{Backend, PASSWORD, World, on_each_backend, setup_body};

on_each_backend!(s28_one_of_many_setups_wins, a_headless_setup_happens_once_and_prints_no_url);

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

async fn sign_in(client: &Client, password: &str) -> Result<u16> {
    let body = json!({ "login": "ada@example.com", "password": password });
    Ok(client.post("/api/v1/auth/login", &body).await?.status)
}

async fn a_headless_setup_happens_once_and_prints_no_url(backend: Backend) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n"))?;
    let settings = |builder: e2e::Builder| {
        let builder = builder.variable("BANYAN_ADMIN_EMAIL", "ada@example.com");
        builder.variable("BANYAN_ADMIN_PASSWORD_FILE", file.display().to_string())
    };
    let mut world = World::empty(backend, settings).await?;
    assert_eq!(sign_in(&world.nobody()?, PASSWORD).await?, 200);
    let rows = "SELECT (SELECT count(*) FROM users) * 1000 + (SELECT count(*) FROM tenants) * 100 \
                + (SELECT count(*) FROM audit_logs WHERE action LIKE '%set_up%')";
    let made = world.number(rows).await?;
    ensure!(made > 1_100, "one user, one tenant, and the audit of it: {made}");
    let silent =
        |world: &World| !world.server.logs().iter().any(|line| line.contains("setup#") || line.contains(PASSWORD));
    ensure!(silent(&world), "a setup URL or the password was printed");

    // Another password in the file is nothing to an installation that is there.
    std::fs::write(&file, "another long pass phrase\n")?;
    world.server.restart().await?;
    ensure!(silent(&world), "a setup URL or the password was printed");
    assert_eq!(world.number(rows).await?, made);
    assert_eq!(sign_in(&world.nobody()?, PASSWORD).await?, 200);
    assert_eq!(sign_in(&world.nobody()?, "another long pass phrase").await?, 401);
    Ok(())
}

/// What a server says that must not serve this database: one sentence, and not the password.
async fn refused(url: &str) -> Result<String> {
    let password = Url::parse(url)?.password().unwrap_or_default().to_owned();
    let (status, said) = Server::builder().variable("BANYAN_DATABASE_URL", url).refusal().await?;
    ensure!(status.code().is_some_and(|code| code != 0), "{status}: {said}");
    ensure!(!said.contains(&password), "the refusal tells the password: {said}");
    let sentences: Vec<&str> = said.lines().filter(|line| line.starts_with("banyan: ")).collect();
    let [sentence] = sentences.as_slice() else { anyhow::bail!("not one sentence: {said}") };
    ensure!(said.trim_end().ends_with(sentence) && !said.contains("panicked"), "{said}");
    Ok((*sentence).to_owned())
}

#[tokio::test]
async fn a_database_that_is_not_prepared_stops_the_start() -> Result<()> {
    let database = Database::create_empty().await?;
    let said = refused(database.url()).await?;
    ensure!(said.contains("refuses the login") && said.contains("`banyan migrate prepare`"), "{said}");

    let mut superuser = database.superuser().await?;
    let login = Url::parse(database.url())?;
    let (name, password) = (login.username(), login.password().unwrap_or_default());
    let make = format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'");
    superuser.execute(AssertSqlSafe(make)).await?;
    let said = refused(database.url()).await?;
    ensure!(said.contains(name) && said.contains("banyan_") && said.contains("`banyan migrate prepare`"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_database_without_pgvector_stops_the_start() -> Result<()> {
    for is_migrated in [false, true] {
        let database = Database::create_empty().await?;
        let arguments = ["migrate", "prepare", "--admin-url", database.superuser_url()];
        let variables = [("BANYAN_DATABASE_URL", database.url())];
        e2e::program::run(&arguments, &variables).await?;
        if is_migrated {
            e2e::program::run(&["migrate", "up"], &variables).await?;
        }
        database.superuser().await?.execute("DROP EXTENSION vector CASCADE").await?;
        let said = refused(database.url()).await?;
        ensure!(said.contains("pgvector") && said.contains("`banyan migrate prepare`"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_database_url_stops_the_start() -> Result<()> {
    let database = Database::create().await?;
    let mut wrong = Url::parse(database.url())?;
    ensure!(wrong.set_password(Some("not-the-password")).is_ok());
    let said = refused(wrong.as_str()).await?;
    ensure!(said.contains("refuses the login") && said.contains("check name and password"), "{said}");

    let mut elsewhere = Url::parse(database.url())?;
    elsewhere.set_host(Some("nowhere.invalid"))?;
    let said = refused(elsewhere.as_str()).await?;
    ensure!(said.contains("nowhere.invalid") && said.contains("sslmode=verify-full"), "{said}");
    elsewhere.set_query(Some("sslmode=verify-full"));
    let said = refused(elsewhere.as_str()).await?;
    ensure!(said.contains("no PostgreSQL answers at nowhere.invalid") && said.contains("check"), "{said}");

    let mut closed = Url::parse(database.url())?;
    ensure!(closed.set_port(Some(1)).is_ok());
    let said = refused(closed.as_str()).await?;
    ensure!(said.contains("no PostgreSQL answers at"), "{said}");
    Ok(())
}
