//! `banyan doctor`: finds what is wrong, and makes nothing.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::{Database, Server, program};
use infra_providers::scripted::{Script, ScriptedServer};
use sqlx::{Connection, SqliteConnection};

use crate::world::{Backend, World, collection, settled, upload};

/// An examination: the lines, and whether all was well.
struct Report {
    healthy: bool,
    text: String,
}

impl Report {
    /// The line about a part.
    fn line(&self, part: &str) -> Result<&str> {
        let found = self.text.lines().find(|line| line.get(6..).is_some_and(|line| line.starts_with(part)));
        found.with_context(|| format!("nothing is said of '{part}':\n{}", self.text))
    }

    fn ok(&self, part: &str, said: &str) -> Result<()> {
        let line = self.line(part)?;
        ensure!(line.starts_with("ok    ") && line.contains(said), "{line} (and not '{said}')");
        Ok(())
    }

    fn wrong(&self, part: &str, said: &str) -> Result<()> {
        let line = self.line(part)?;
        ensure!(line.starts_with("wrong ") && line.contains(said), "{line} (and not '{said}')");
        ensure!(!self.healthy, "something is wrong, and the exit code is 0:\n{}", self.text);
        Ok(())
    }
}

/// Examines an installation whose data lies in this folder.
async fn examine(data: &Path, variables: &[(&str, &str)]) -> Result<Report> {
    let data = data.display().to_string();
    let own = [
        ("BANYAN_DATA_DIR", data.as_str()),
        ("BANYAN_LISTEN", "127.0.0.1:0"),
        ("BANYAN_METRICS_LISTEN", "127.0.0.1:0"),
    ];
    let output = program::output(&["doctor"], &[&own[..], variables].concat()).await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = Report { healthy: output.status.success(), text };
    assert_eq!(report.healthy, !report.text.contains("wrong "), "{}", report.text);
    Ok(report)
}

#[tokio::test]
async fn nothing_is_made_where_nothing_is() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let report = examine(&data, &[]).await?;
    ensure!(report.healthy, "{}", report.text);
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the doctor made something");
    report.ok("data folder", "would be made")?;
    report.ok("database", "would be made")?;
    report.ok("secret", "would be made")?;
    report.ok("providers", "none")?;
    report.ok("port of BANYAN_LISTEN", "free")?;
    report.ok("document parser", "reads")?;
    Ok(())
}

#[tokio::test]
async fn everything_that_is_dead_is_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let variables = [
        ("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"),
        ("OPENAI_API_KEY", "sk-s3cr3t"),
        ("BANYAN_CHAT__MODEL", "openai/gpt-4.1-mini"),
        ("BANYAN_EMBEDDINGS__MODEL", "an-encoder"),
        ("BANYAN_EMBEDDINGS__BASE_URL", "http://127.0.0.1:2/v1"),
        ("BANYAN_LISTEN", address.as_str()),
    ];
    let report = examine(&folder.path().join("data"), &variables).await?;
    report.wrong("provider openai", "cannot be reached")?;
    report.wrong("chat model", "gpt-4.1-mini")?;
    report.wrong("embedding model", "cannot be reached")?;
    report.wrong("port of BANYAN_LISTEN", "another program listens on")?;
    assert_eq!(report.text.matches("wrong ").count(), 4, "{}", report.text);
    ensure!(!report.text.contains("s3cr3t"), "{}", report.text);
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the doctor made something");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_lives_is_asked_for_what_it_has() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let upstream = ScriptedServer::start().await?;
    upstream.set_models(["gpt-4.1-mini", "llama:latest", "text-embedding-3-small"]);
    let base = upstream.base_url().to_string();
    let of = async |further: &[(&str, &str)]| {
        let provider = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_API_KEY", "sk-scripted")];
        examine(&folder.path().join("data"), &[&provider[..], further].concat()).await
    };
    let report =
        of(&[("BANYAN_CHAT__MODEL", "openai/gpt-4.1-mini"), ("BANYAN_EMBEDDINGS__MODEL", "text-embedding-3-small")])
            .await?;
    report.ok("provider openai", "lists 3 models")?;
    report.ok("chat model", "openai/gpt-4.1-mini")?;
    report.ok("embedding model", "256 numbers")?;
    of(&[("BANYAN_CHAT__MODEL", "llama")]).await?.ok("chat model", "openai/llama:latest")?;
    of(&[("BANYAN_CHAT__MODEL", "lama")]).await?.wrong("chat model", "BANYAN_CHAT__MODEL")?;
    of(&[("BANYAN_CHAT__MODEL", "openai/llama")]).await?.ok("chat model", "openai/llama")?;
    of(&[("BANYAN_CHAT__MODEL", "banyan/extractive")]).await?.ok("chat model", "built in")?;
    of(&[("BANYAN_CHAT__MODEL", "openai/gpt-5")]).await?.wrong("chat model", "lists no 'gpt-5', but gpt-4.1-mini")?;
    of(&[("BANYAN_CHAT__MODEL", "nobody/knows")]).await?.wrong("chat model", "nobody/knows")?;
    let elsewhere = format!("{}/elsewhere", base.trim_end_matches('/'));
    of(&[("OPENAI_BASE_URL", elsewhere.as_str())]).await?.wrong("provider openai", "check its base URL")?;
    of(&[("OPENAI_BASE_URL", "not a url")]).await?.wrong("providers", "OPENAI_BASE_URL")?;
    of(&[("BANYAN_EMBEDDINGS__PATH", "/nowhere")]).await?.wrong("embedding model", "/nowhere")?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_runs_is_no_stranger_on_its_port() -> Result<()> {
    let world = World::start(Backend::Sqlite).await?;
    let data = world.server.folder().join("data");
    let (url, metrics) = (world.server.url()?, world.server.metrics_url().await?);
    let [listen, metrics_listen] = [&url, &metrics].map(|url| url.trim_start_matches("http://"));
    let report = examine(&data, &[("BANYAN_LISTEN", listen), ("BANYAN_METRICS_LISTEN", metrics_listen)]).await?;
    report.ok("port of BANYAN_LISTEN", "held by a Banyan that runs")?;
    report.ok("port of BANYAN_METRICS_LISTEN", "held by a Banyan that runs")?;
    report.ok("database", "up to date")?;
    report.ok("setup", "done")?;
    report.ok("books", "right")?;
    report.ok("secret", "is kept")?;
    let holder = format!("a server runs on it already (process {}), and a second one", world.server.process_id()?);
    report.ok("data folder", &holder)?;
    // A port of its own is not enough for a second server.
    examine(&data, &[]).await?.ok("data folder", &holder)?;
    Ok(())
}

#[tokio::test]
async fn what_others_left_open_or_made_anew_is_found() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut server = Server::builder().start().await?;
    let data = server.folder().join("data");
    server.kill()?;
    let open = |name: &str, mode| std::fs::set_permissions(data.join(name), std::fs::Permissions::from_mode(mode));
    open("secret.key", 0o644)?;
    examine(&data, &[]).await?.wrong("secret", "chmod 600")?;
    open("secret.key", 0o600)?;
    open("", 0o755)?;
    examine(&data, &[]).await?.wrong("data folder", "chmod 700")?;
    open("", 0o700)?;
    examine(&data, &[]).await?.ok("data folder", "data")?;

    let file = format!("sqlite://{}", data.join("banyan.db").display());
    let mut connection = SqliteConnection::connect(&file).await?;
    let newest = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    sqlx::raw_sql(newest).execute(&mut connection).await?;
    let report = examine(&data, &[]).await?;
    report.ok("database", "the next start applies 1 migrations")?;
    let count =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM seaql_migrations").fetch_one(&mut connection).await?;
    let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)";
    sqlx::raw_sql(later).execute(&mut connection).await?;
    examine(&data, &[]).await?.wrong("database", "newer version")?;
    let still =
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM seaql_migrations").fetch_one(&mut connection).await?;
    assert_eq!(still, count + 1, "the doctor migrated");

    let missing = [("BANYAN_ADMIN_EMAIL", "a@b.cd"), ("BANYAN_ADMIN_PASSWORD_FILE", "/nowhere/password")];
    examine(&data, &missing).await?.wrong("first admin", "/nowhere/password")?;
    let nowhere = "BANYAN_DATABASE_URL names '/nowhere/b.db', whose folder '/nowhere' is not there";
    examine(&data, &[("BANYAN_DATABASE_URL", "sqlite:///nowhere/b.db")]).await?.wrong("database", nowhere)?;
    examine(&data, &[("BANYAN_DATABASE_URL", "mysql://x")]).await?.wrong("database", "BANYAN_DATABASE_URL must be")?;
    examine(Path::new("/dev/null/data"), &[]).await?.wrong("data folder", "'/dev/null' is no folder")?;
    Ok(())
}

#[tokio::test]
async fn documents_of_another_embedding_model_are_found() -> Result<()> {
    let settings =
        |builder: e2e::Builder| builder.variable("BANYAN_EMBEDDINGS__MODEL", "openai/text-embedding-3-small");
    let world = World::start_with(Backend::Sqlite, settings).await?;
    let ada = world.admin()?;
    let shelf = collection(&ada, "Shelf").await?;
    let source = upload(&ada, &shelf, "a.md", b"# Roses\n\nRoses are red.\n").await?;
    assert_eq!(settled(&ada, &source).await?["status"], "processed");
    world.upstream.set_default(Script::reply("x"));
    let base = world.upstream.base_url().to_string();
    let provider = [("OPENAI_BASE_URL", base.as_str()), ("OPENAI_API_KEY", "sk-scripted")];
    let data = world.server.folder().join("data");
    let of = async |model: Option<&str>| {
        let model = model.map(|model| ("BANYAN_EMBEDDINGS__MODEL", model));
        examine(&data, &provider.into_iter().chain(model).collect::<Vec<_>>()).await
    };
    of(Some("openai/text-embedding-3-small")).await?.ok("embedding model", "256 numbers")?;
    of(Some("openai/another")).await?.wrong("embedding model", "openai/text-embedding-3-small")?;
    of(None).await?.wrong("embedding model", "none is set")?;
    world.run("UPDATE source_versions SET embedding_dimension = 128").await?;
    let changed = of(Some("openai/text-embedding-3-small")).await?;
    changed.wrong("embedding model", "vectors of 256 numbers, and documents are indexed by 128 under the same name")?;
    Ok(())
}

#[tokio::test]
async fn roles_of_postgres_are_told_and_nothing_is_migrated() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let database = Database::create_empty().await?;
    examine(&data, &database.variables()).await?.wrong("database", "refuses the login")?;
    let arguments = ["migrate", "prepare", "--admin-url", database.superuser_url()];
    program::run(&arguments, &database.variables()).await?;
    examine(&data, &database.variables()).await?.ok("database", "migrations")?;
    let mut superuser = database.superuser().await?;
    let made = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(sqlx::query_scalar::<_, i64>(made).fetch_one(&mut superuser).await?, 0, "the doctor migrated");
    program::run(&["migrate", "up"], &database.variables()).await?;
    let report = examine(&data, &database.variables()).await?;
    report.ok("database", "PostgreSQL")?;
    report.ok("setup", "open")?;
    ensure!(report.healthy, "{}", report.text);
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "the doctor made something");
    Ok(())
}
