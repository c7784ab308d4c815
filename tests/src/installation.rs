//! A server that is set up and has a scripted provider: what most benchmarks and long faults begin
//! with.

use std::path::PathBuf;

use anyhow::{Context, Result};
use infra_providers::scripted::ScriptedServer;
use serde_json::{Value, json};

use crate::{Client, Database, Server, processor::Meter, server::Builder};

/// The scripted chat model, as requests name it.
pub const CHAT_MODEL: &str = "openai/scripted";
/// The scripted embedding model.
pub const EMBEDDING_MODEL: &str = "openai/scripted-embedding";
/// Length of the scripted vectors.
pub const DIMENSION: usize = 384;

/// A server, its provider, and its first tenant's admin.
pub struct Installation {
    /// The server. It is dropped, and so ended, before its database.
    pub server: Server,
    /// PostgreSQL; `None`: SQLite in the server's folder.
    pub database: Option<Database>,
    /// The provider of chat and embeddings.
    pub upstream: ScriptedServer,
    /// What setup answered.
    pub admin: Value,
    key: String,
}

impl Installation {
    /// Sets up a server on PostgreSQL.
    pub async fn on_postgres() -> Result<Self> {
        Self::on_postgres_with(|builder| builder).await
    }

    /// Sets up a server on PostgreSQL with further settings.
    pub async fn on_postgres_with(settings: impl FnOnce(Builder) -> Builder) -> Result<Self> {
        let database = Database::create().await?;
        let builder = settings(Server::builder().database(&database));
        Self::start(builder, Some(database)).await
    }

    /// Sets up a server on SQLite.
    pub async fn on_sqlite() -> Result<Self> {
        Self::start(Server::builder(), None).await
    }

    async fn start(builder: Builder, database: Option<Database>) -> Result<Self> {
        let upstream = ScriptedServer::start().await?;
        upstream.set_embeddings(infra_providers::scripted::EmbeddingScript {
            dimension: DIMENSION,
            ..infra_providers::scripted::EmbeddingScript::default()
        });
        let base_url = upstream.base_url();
        let builder = builder
            .variable("OPENAI_BASE_URL", base_url.as_str())
            .variable("OPENAI_API_KEY", "scripted")
            .variable("BANYAN_EMBEDDINGS__MODEL", EMBEDDING_MODEL)
            .variable("BANYAN_LIMITS__RUNNING_PER_USER", "10000");
        let server = builder.start().await?;
        let setup = json!({ "token": server.setup_token().await?, "tenant_name": "Acme",
            "email": "admin@example.org", "username": "admin", "password": "a long enough pass phrase" });
        let admin = server.client()?.post("/api/v1/setup", &setup).await?.expect(201)?;
        let token = admin["access_token"].as_str().context("setup gave no access token")?;
        let session = server.client()?.with_token(token);
        let key = session.post("/api/v1/me/api-keys", &json!({ "name": "measurements" })).await?.expect(201)?;
        let key = key["key"].as_str().context("there is no key in the answer")?.to_owned();
        Ok(Self { server, database, upstream, admin, key })
    }

    /// A client with an API key of the admin, of the server as it runs now.
    pub fn client(&self) -> Result<Client> {
        Ok(self.server.client()?.with_token(&self.key))
    }

    /// The API key of [`Installation::client`].
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The database.
    ///
    /// # Errors
    /// On SQLite.
    pub fn postgres(&self) -> Result<&Database> {
        self.database.as_ref().context("this installation is not on PostgreSQL")
    }

    /// Begins to count the processor time of the server and its database.
    pub fn meter(&self) -> Result<Meter> {
        Meter::start(self.server.process_id()?, self.database.as_ref().map(Database::name))
    }

    /// The file of the database on SQLite.
    pub fn sqlite_file(&self) -> PathBuf {
        self.server.folder().join("data/banyan.db")
    }

    /// Collects PostgreSQL's statistics now. Autovacuum does so within a minute; until then a query of
    /// a young table may be planned to read all of its tenant's rows. Nothing on SQLite.
    pub async fn analyze(&self) -> Result<()> {
        if let Some(database) = &self.database {
            sqlx::raw_sql("ANALYZE").execute(&mut database.superuser().await?).await?;
        }
        Ok(())
    }
}

/// Makes an empty conversation and gives its id.
pub async fn conversation(client: &Client) -> Result<String> {
    let made = client.post("/api/v1/conversations", &json!({ "collection_ids": [] })).await?.expect(201)?;
    id_of(&made)
}

/// The body of a message with the scripted model.
pub fn message(content: &str) -> Value {
    json!({ "content": content, "model": CHAT_MODEL })
}

/// The `id` of an answer.
pub fn id_of(body: &Value) -> Result<String> {
    body["id"].as_str().map(str::to_owned).with_context(|| format!("there is no id in {body}"))
}
