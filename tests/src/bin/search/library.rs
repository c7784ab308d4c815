//! A server with the documents of all languages, each language in a collection of its own.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{Client, Database, Server, server::Builder};
use serde_json::{Value, json};

/// How long the documents may take, from the first upload on.
const INGESTION_LIMIT: Duration = Duration::from_secs(3_600);
const POLL: Duration = Duration::from_millis(500);

/// A server that has read the documents.
pub(crate) struct Library {
    /// The admin.
    pub(crate) client: Client,
    /// The collection of each language.
    collections: BTreeMap<String, String>,
    /// Chunks of all documents.
    pub(crate) chunks: u64,
    /// How long it took to read them.
    pub(crate) took: Duration,
    _server: Server,
    /// Dropped after the server.
    _database: Option<Database>,
}

impl Library {
    /// Starts a server, and waits until it has read every file of the folders, each named by its language.
    pub(crate) async fn open(builder: Builder, database: Option<Database>, documents: &Path) -> Result<Self> {
        let builder = match &database {
            Some(database) => builder.database(database),
            None => builder,
        };
        let server = builder.start().await?;
        let setup = json!({ "token": server.setup_token().await?, "tenant_name": "Acme",
            "email": "admin@example.org", "username": "admin", "password": "a long enough pass phrase" });
        let admin = server.client()?.post("/api/v1/setup", &setup).await?.expect(201)?;
        let session = server.client()?.with_token(text(&admin["access_token"])?);
        let key = session.post("/api/v1/me/api-keys", &json!({ "name": "search" })).await?.expect(201)?;
        let client = server.client()?.with_token(text(&key["key"])?);
        let started = Instant::now();
        let mut collections = BTreeMap::new();
        let mut sources = Vec::new();
        for folder in files(documents)? {
            let language = folder.file_name().context("a folder has a name")?.to_string_lossy().into_owned();
            let made = client.post("/api/v1/collections", &json!({ "name": language })).await?.expect(201)?;
            let collection = text(&made["id"])?;
            for file in files(&folder)? {
                let name = file.file_name().context("a file has a name")?.to_string_lossy().into_owned();
                let path = format!("/api/v1/collections/{collection}/sources");
                sources.push((upload(&client, &path, &name, std::fs::read(&file)?).await?, file));
            }
            collections.insert(language, collection);
        }
        let mut chunks = 0;
        for (source, file) in sources {
            let found = processed(&client, &source, started).await?;
            ensure!(found["status"] == "processed", "{}: {}", file.display(), found["error"]);
            chunks += found["chunk_count"].as_u64().context("no count of chunks")?;
        }
        let took = started.elapsed();
        Ok(Self { client, collections, chunks, took, _server: server, _database: database })
    }

    /// The collection of a language.
    pub(crate) fn collection(&self, language: &str) -> Result<&str> {
        self.collections.get(language).map(String::as_str).with_context(|| format!("no documents in {language}"))
    }
}

/// Uploads a page, again as long as the server has too much to do, and gives the id of its source.
async fn upload(client: &Client, path: &str, name: &str, content: Vec<u8>) -> Result<String> {
    let started = Instant::now();
    loop {
        let sent = client.upload(path, name, "text/html", content.clone()).await?;
        if sent.status != 503 || started.elapsed() > INGESTION_LIMIT {
            return text(&sent.expect(202)?["source"]["id"]);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A source that is done with, well or not.
async fn processed(client: &Client, source: &str, started: Instant) -> Result<Value> {
    loop {
        let found = client.get(&format!("/api/v1/sources/{source}")).await?.expect(200)?;
        if ["processed", "error"].contains(&found["status"].as_str().unwrap_or_default()) {
            return Ok(found);
        }
        ensure!(started.elapsed() < INGESTION_LIMIT, "the documents are not read in time: {found}");
        tokio::time::sleep(POLL).await;
    }
}

/// A string of an answer.
pub(crate) fn text(value: &Value) -> Result<String> {
    value.as_str().map(str::to_owned).with_context(|| format!("{value} is not a string"))
}

fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
