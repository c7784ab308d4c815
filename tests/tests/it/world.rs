//! A server with its database, its first user and a scripted provider behind it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e::{Builder, Client, Database, Event, Server};
use infra_providers::scripted::ScriptedServer;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// The password of every user of these tests.
pub(crate) const PASSWORD: &str = "a long enough pass phrase";
/// A model with a known price: 400 and 1,600 nano USD for a token of input and output.
pub(crate) const PRICED: &str = "openai/gpt-4.1-mini";
/// A model whose price nobody knows.
pub(crate) const UNPRICED: &str = "openai/scripted";
/// How long something may take that goes on in the background.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);

/// Where the server keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// Runs each of these functions on each backend, as a test of its own.
macro_rules! on_each_backend {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                super::$name(crate::world::Backend::Sqlite).await
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() -> anyhow::Result<()> {
                super::$name(crate::world::Backend::Postgres).await
            })+
        }
    };
}
pub(crate) use on_each_backend;

/// A server, set up. Fields are dropped in this order.
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) upstream: ScriptedServer,
    database: Option<Database>,
    token: String,
}

/// A writer that is in the way.
pub(crate) struct Held {
    _postgres: Option<PgConnection>,
    _sqlite: Option<SqliteConnection>,
}

impl World {
    /// A server whose first tenant is Acme with the admin `ada`.
    pub(crate) async fn start(backend: Backend) -> Result<Self> {
        Self::start_with(backend, |builder| builder).await
    }

    /// The same with further settings.
    pub(crate) async fn start_with(backend: Backend, settings: impl FnOnce(Builder) -> Builder) -> Result<Self> {
        let mut world = Self::empty(backend, settings).await?;
        let setup = setup_body(&world.server.setup_token().await?);
        let made = world.nobody()?.post("/api/v1/setup", &setup).await?.expect(201)?;
        world.token = text(&made["access_token"])?;
        Ok(world)
    }

    /// A server that nobody has set up.
    pub(crate) async fn empty(backend: Backend, settings: impl FnOnce(Builder) -> Builder) -> Result<Self> {
        let upstream = ScriptedServer::start().await?;
        upstream.set_models(["gpt-4.1-mini", "scripted", "text-embedding-3-small"]);
        let mut builder = Server::builder()
            .variable("OPENAI_BASE_URL", upstream.base_url().as_str().trim_end_matches('/'))
            .variable("OPENAI_API_KEY", "sk-scripted");
        let database = match backend {
            Backend::Sqlite => None,
            Backend::Postgres => Some(Database::create().await?),
        };
        if let Some(database) = &database {
            builder = builder.database(database);
        }
        let server = settings(builder).start().await?;
        Ok(Self { server, upstream, database, token: String::new() })
    }

    /// A client without credentials.
    pub(crate) fn nobody(&self) -> Result<Client> {
        self.server.client()
    }

    /// The admin's client; good for the server as it runs now, not after a restart.
    pub(crate) fn admin(&self) -> Result<Client> {
        Ok(self.nobody()?.with_token(&self.token))
    }

    /// The admin's access token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A client of who signs in with the tests' password.
    pub(crate) async fn sign_in(&self, login: &str) -> Result<Client> {
        let login = json!({ "login": login, "password": PASSWORD });
        let signed_in = self.nobody()?.post("/api/v1/auth/login", &login).await?.expect(200)?;
        Ok(self.nobody()?.with_token(text(&signed_in["access_token"])?))
    }

    /// Adds a user of this role to the first tenant, `<name>@example.com`, who signs in.
    pub(crate) async fn user(&self, name: &str, role: &str) -> Result<Client> {
        self.admin()?.post("/api/v1/users", &user_body(name, role)).await?.expect(201)?;
        self.sign_in(&format!("{name}@example.com")).await
    }

    /// The number that a query finds, as one who sees every row.
    pub(crate) async fn number(&self, query: &str) -> Result<i64> {
        let query = AssertSqlSafe(format!("SELECT CAST(({query}) AS bigint)"));
        Ok(match &self.database {
            Some(database) => sqlx::query_scalar(query).fetch_one(&mut database.superuser().await?).await?,
            None => sqlx::query_scalar(query).fetch_one(&mut self.file().await?).await?,
        })
    }

    /// Runs statements past the server, as one whom nothing stops.
    pub(crate) async fn run(&self, sql: &'static str) -> Result<()> {
        match &self.database {
            Some(database) => sqlx::raw_sql(sql).execute(&mut database.superuser().await?).await.map(drop)?,
            None => sqlx::raw_sql(sql).execute(&mut self.file().await?).await.map(drop)?,
        }
        Ok(())
    }

    /// Holds what writing needs, as another writer does, until this is dropped.
    pub(crate) async fn hold_writes(&self) -> Result<Held> {
        Ok(match &self.database {
            Some(database) => {
                let mut connection = database.superuser().await?;
                sqlx::raw_sql("BEGIN; LOCK TABLE usage_logs IN SHARE MODE").execute(&mut connection).await?;
                Held { _postgres: Some(connection), _sqlite: None }
            }
            None => {
                let mut connection = self.file().await?;
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await?;
                Held { _postgres: None, _sqlite: Some(connection) }
            }
        })
    }

    /// The file of SQLite, beside the server.
    async fn file(&self) -> Result<SqliteConnection> {
        let file = self.server.folder().join("data/banyan.db");
        Ok(SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?)
    }

    /// Waits until a query finds this number.
    pub(crate) async fn wait_for_number(&self, query: &str, wanted: i64) -> Result<()> {
        let started = Instant::now();
        loop {
            let found = self.number(query).await?;
            if found == wanted {
                return Ok(());
            }
            ensure!(started.elapsed() < LIMIT, "{query} gives {found} instead of {wanted}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Rows of the ledger.
    pub(crate) async fn usage_rows(&self) -> Result<i64> {
        self.number("SELECT count(*) FROM usage_logs").await
    }

    /// What `banyan usage reconcile` prints.
    pub(crate) async fn reconcile(&self) -> Result<String> {
        let out = self.banyan(&["usage", "reconcile"]).await?;
        Ok(out.lines().last().unwrap_or_default().to_owned())
    }

    /// Runs a command of the program on this server's data.
    pub(crate) async fn banyan(&self, arguments: &[&str]) -> Result<String> {
        let data = self.server.folder().join("data").display().to_string();
        let mut variables = vec![("BANYAN_DATA_DIR", data.as_str())];
        if let Some(database) = &self.database {
            variables.extend(database.variables());
        }
        e2e::program::run(arguments, &variables).await
    }
}

/// What sets the server up.
pub(crate) fn setup_body(token: &str) -> Value {
    json!({ "token": token, "tenant_name": "Acme", "email": "ada@example.com", "username": "ada",
        "password": PASSWORD })
}

/// A user to be created.
pub(crate) fn user_body(name: &str, role: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD, "role": role })
}

/// A string of an answer.
pub(crate) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is not a string"))
}

/// Makes a collection that the whole tenant may read, and gives its id.
pub(crate) async fn collection(client: &Client, name: &str) -> Result<String> {
    let body = json!({ "name": name, "visibility": "shared" });
    text(&client.post("/api/v1/collections", &body).await?.expect(201)?["id"])
}

/// Uploads a document and gives the id of its source.
pub(crate) async fn upload(client: &Client, collection: &str, name: &str, content: &[u8]) -> Result<String> {
    let path = format!("/api/v1/collections/{collection}/sources");
    let media_type = "application/octet-stream";
    let answer = client.upload(&path, name, media_type, content.to_vec()).await?.expect(202)?;
    ensure!(answer["job"]["id"].is_string(), "{answer}");
    text(&answer["source"]["id"])
}

/// Waits until a source is done with, well or not, and gives it.
pub(crate) async fn settled(client: &Client, source: &str) -> Result<Value> {
    let started = Instant::now();
    loop {
        let found = client.get(&format!("/api/v1/sources/{source}")).await?.expect(200)?;
        if ["processed", "error"].contains(&found["status"].as_str().unwrap_or_default()) {
            return Ok(found);
        }
        ensure!(started.elapsed() < LIMIT * 2, "the source is not processed: {found}");
        tokio::time::sleep(POLL).await;
    }
}

/// Makes a conversation and gives its id.
pub(crate) async fn conversation(client: &Client, body: &Value) -> Result<String> {
    text(&client.post("/api/v1/conversations", body).await?.expect(201)?["id"])
}

/// Sends a message and reads the answer to its end.
pub(crate) async fn say(client: &Client, conversation: &str, message: &Value) -> Result<Vec<Event>> {
    let path = format!("/api/v1/conversations/{conversation}/messages");
    client.post_stream(&path, message).await?.rest().await
}

/// The only event of this name.
pub(crate) fn one(events: &[Event], name: &str) -> Result<Value> {
    let mut found = events.iter().filter(|event| event.name == name);
    match (found.next(), found.next()) {
        (Some(event), None) => event.json(),
        _ => {
            let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
            bail!("not one {name} in {names:?}: {:?}", events.last())
        }
    }
}

/// The text of all deltas.
pub(crate) fn deltas(events: &[Event]) -> Result<String> {
    let mut whole = String::new();
    for event in events.iter().filter(|event| event.name == "text.delta") {
        whole.push_str(&text(&event.json()?["text"])?);
    }
    Ok(whole)
}

/// The messages of the active branch.
pub(crate) async fn branch(client: &Client, conversation: &str) -> Result<Vec<Value>> {
    let answer = client.get(&format!("/api/v1/conversations/{conversation}/messages")).await?.expect(200)?;
    answer["items"].as_array().cloned().context("no items")
}

/// The text parts of a message.
pub(crate) fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().into_iter().flatten();
    parts.filter(|part| part["type"] == "text").filter_map(|part| part["text"].as_str()).collect()
}

/// A cost on the wire: tokens of [`PRICED`] in USD with nine places.
pub(crate) fn price(input_tokens: u64, output_tokens: u64) -> String {
    let nano = input_tokens * 400 + output_tokens * 1_600;
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}
