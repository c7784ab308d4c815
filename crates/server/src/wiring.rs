//! Composition: the only place that knows all parts, and the only `match` on a backend.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use app::{App, AppBuilder, Settings};
use domain::{
    clock::{Clock, SystemClock},
    gateways::{ChatModels, Embedder, ModelName, Wakeups},
    ids::{IdGen, RandomIds},
    store::Store,
};
use infra_documents::{ChildParser, ChildParserSettings};
use infra_embeddings::LocalEmbedder;
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_postgres::{PostgresError, PostgresOptions, PostgresStore, PostgresUrls, PostgresWakeups, migrate_up};
use infra_providers::{ObjectBlobStore, OpenAiConnection, OpenAiEmbedder, ProviderRegistry, ProviderSettings};
use infra_sqlite::{SqliteOptions, SqliteStore, SqliteWakeups};

use crate::{
    config::{self, Config, DatabaseConfig},
    data_folder,
    error::{StartError, sentence},
    secret,
};

/// The running program, which stays itself when its file is replaced.
const OWN_EXECUTABLE: &str = "/proc/self/exe";
const FILES_FOLDER: &str = "files";

/// Where data is kept, as the database URL says.
pub(crate) enum Backend {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresUrls),
    /// Nowhere for long.
    Memory,
}

impl Backend {
    /// Reads the database URL.
    ///
    /// # Errors
    /// [`StartError::Setting`] for a scheme that is not known.
    pub(crate) fn of(config: &Config) -> Result<Self, StartError> {
        let backend = Self::named(config)?;
        let DatabaseConfig { jobs_url, owner_url, listen_url, .. } = &config.database;
        let further = [("jobs_url", jobs_url), ("owner_url", owner_url), ("listen_url", listen_url)];
        match further.into_iter().find(|(_, url)| url.is_some()) {
            Some((name, _)) if !matches!(backend, Self::Postgres(_)) => {
                let serving = config.name_of("database_url");
                let problem = format!("is for PostgreSQL; set {serving} to the URL of the login that serves");
                Err(config.refuse(&format!("database.{name}"), problem))
            }
            _ => Ok(backend),
        }
    }

    fn named(config: &Config) -> Result<Self, StartError> {
        let Some(url) = &config.database_url else { return Ok(Self::Sqlite(config.sqlite_file())) };
        match url.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(PostgresUrls {
                serving: url.clone(),
                background: config.database.jobs_url.clone(),
                owner: config.database.owner_url.clone(),
                listen: config.database.listen_url.clone(),
                trusted_network: config.database.trusted_network,
            })),
            Some(("memory", "")) => Ok(Self::Memory),
            _ => {
                let problem =
                    "must be 'sqlite://<file>', 'postgres://<user>:<password>@<host>/<database>' or 'memory://'";
                Err(config.refuse("database_url", problem))
            }
        }
    }
}

/// The providers of these settings, with their models. It makes nothing.
///
/// # Errors
/// [`StartError`] that names what cannot be used.
pub(crate) fn models(config: &Config) -> Result<Models, StartError> {
    let providers = config::providers::settings(&config.providers).map_err(StartError::part)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let registry = Arc::new(ProviderRegistry::new(&providers, &clock).map_err(StartError::part)?);
    Ok(Models { providers, registry })
}

/// Providers with their models.
pub(crate) struct Models {
    providers: ProviderSettings,
    registry: Arc<ProviderRegistry>,
}

impl Models {
    /// What is wrong with the model that conversations use by default, as far as that is known without asking a provider
    /// for its models: whether its provider has it, the doctor finds out.
    pub(crate) async fn fault_of_default(&self, config: &Config) -> Option<String> {
        let model = config.chat.model.as_deref()?;
        let provider = ModelName::parse(model).map(|name| name.provider).unwrap_or_default();
        if self.providers.providers.iter().any(|known| known.name == provider) {
            return None;
        }
        let error = self.registry.resolve(model).await.err()?;
        let setting = config.name_of("chat.model");
        Some(format!(
            "{setting} names no model that there is, so chats that name none get no answer: {}",
            error.message
        ))
    }
}

/// Refuses settings that cannot be used, as far as that is known before anything is made.
///
/// # Errors
/// [`StartError`] that names what cannot be used.
pub(crate) fn check(config: &Config) -> Result<Backend, StartError> {
    let backend = Backend::of(config)?;
    if let Backend::Sqlite(file) = &backend {
        check_folder(config, file)?;
    }
    secret::read(config)?;
    Ok(backend)
}

/// Refuses a database file in a folder that is not there, and is none that is made with the data folder.
///
/// # Errors
/// [`StartError::Setting`].
pub(crate) fn check_folder(config: &Config, file: &Path) -> Result<(), StartError> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let absolute = |path: &Path| std::path::absolute(path).map_err(StartError::part);
    if folder.is_dir() || absolute(&config.data_dir)?.starts_with(absolute(folder)?) {
        return Ok(());
    }
    let problem = format!(
        "names '{}', whose folder '{}' is not there; make it, or name another file",
        file.display(),
        folder.display()
    );
    Err(config.refuse("database_url", problem))
}

/// An application on the database alone, for who looks at it: nothing but the database is opened, and none is made.
///
/// # Errors
/// [`StartError`], also where there is no database yet.
pub(crate) async fn books(config: &Config) -> Result<App, StartError> {
    match Backend::of(config)? {
        Backend::Sqlite(path) if !path.is_file() => {
            let problem = format!(
                "is not there, so there is nothing to look at; name the one that the server uses ({}, {})",
                config.name_of("data_dir"),
                config.name_of("database_url")
            );
            return Err(StartError::setting(format!("the database '{}'", path.display()), problem));
        }
        Backend::Memory => {
            let problem = "keeps nothing when this command ends; name the database that the server uses";
            return Err(config.refuse("database_url", problem));
        }
        Backend::Sqlite(_) | Backend::Postgres(_) => {}
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, wakeups) = open(config, &clock).await?;
    let (models, blobs) = (Arc::new(ProviderRegistry::default()), Arc::new(MemoryBlobStore::default()));
    Ok(AppBuilder::new(store, models, blobs, wakeups).build())
}

/// The application of these settings.
///
/// # Errors
/// [`StartError`] with a sentence that says what to do.
pub(crate) async fn build(config: &Config, models: Models) -> Result<App, StartError> {
    let Models { providers, registry: models } = models;
    check(config)?;
    data_folder::make(&config.data_dir)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (store, wakeups) = open(config, &clock).await?;
    let blobs = ObjectBlobStore::open(&config.data_file(FILES_FOLDER), Arc::clone(&clock)).await;
    let blobs = Arc::new(blobs.map_err(StartError::part)?);
    let embedder = embedder(config, &providers, &clock).await?;
    let parallel = std::thread::available_parallelism().map_or(2, usize::from);
    let parser =
        ChildParser::new(ChildParserSettings { max_children: parallel, ..ChildParserSettings::new(OWN_EXECUTABLE) });
    let settings = Settings {
        default_chat_model: config.chat.model.clone(),
        max_upload_bytes: config.limits.upload_bytes,
        quotas: config.limits.quotas(),
        max_running_per_user: config.limits.running_per_user,
        max_running_per_api_key: config.limits.running_per_api_key,
        events_kept: Duration::from_secs(config.limits.events_kept_seconds),
        ingest_workers: config.limits.ingest_workers,
        ..Settings::default()
    };
    let mut builder = AppBuilder::new(store, models, blobs, wakeups)
        .parser(Arc::new(parser))
        .settings(settings)
        .secret(secret::load(config)?);
    if let Some(embedder) = embedder {
        builder = builder.embedder(embedder);
    }
    Ok(builder.build())
}

/// An application that keeps nothing, to try things on.
pub(crate) fn in_memory() -> App {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (models, blobs) = (Arc::new(ProviderRegistry::default()), Arc::new(MemoryBlobStore::default()));
    let store = Arc::new(MemoryStore::new(clock));
    AppBuilder::new(store, models, blobs, Arc::new(MemoryWakeups::default())).build()
}

pub(crate) fn postgres_options(config: &Config) -> PostgresOptions {
    let (defaults, database) = (PostgresOptions::default(), &config.database);
    PostgresOptions {
        app_connections: database.connections.unwrap_or(defaults.app_connections),
        job_connections: database.job_connections.unwrap_or(defaults.job_connections),
        ..defaults
    }
}

pub(crate) fn sqlite_options(config: &Config) -> SqliteOptions {
    let defaults = SqliteOptions::default();
    SqliteOptions { readers: config.database.readers.unwrap_or(defaults.readers), ..defaults }
}

async fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<(Arc<dyn Store>, Arc<dyn Wakeups>), StartError> {
    match &Backend::of(config)? {
        Backend::Sqlite(path) => {
            let store = SqliteStore::open(path, &sqlite_options(config), Arc::clone(clock)).await;
            Ok((Arc::new(store.map_err(StartError::part)?), Arc::new(SqliteWakeups::new())))
        }
        Backend::Postgres(urls) => {
            let options = postgres_options(config);
            match migrate_up(urls, &options).await {
                Ok(0) => {}
                Ok(applied) => tracing::info!(applied, "the schema was brought up to date"),
                // Whoever deploys has migrated; a schema that is behind is refused.
                Err(PostgresError::NoOwner) => {}
                Err(error) => return Err(StartError::part(error)),
            }
            let store = PostgresStore::connect(urls, &options, Arc::clone(clock)).await.map_err(StartError::part)?;
            let wakeups = PostgresWakeups::start(&store, RandomIds.random());
            Ok((Arc::new(store), Arc::new(wakeups)))
        }
        Backend::Memory => {
            tracing::warn!("everything is kept in memory and gone when the program ends");
            Ok((Arc::new(MemoryStore::new(Arc::clone(clock))), Arc::new(MemoryWakeups::default())))
        }
    }
}

/// The embedder of the settings, over the wire or in the process.
pub(crate) async fn embedder(
    config: &Config,
    providers: &ProviderSettings,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Arc<dyn Embedder>>, StartError> {
    let embeddings = &config.embeddings;
    Ok(match (&embeddings.model, &embeddings.path) {
        (None, _) if embeddings.base_url.is_some() => {
            let problem = format!("is not set; name the model that {} serves", config.name_of("embeddings.base_url"));
            return Err(config.refuse("embeddings.model", problem));
        }
        (Some(model), _) => {
            let found = providers.embedding_provider(model, embeddings.base_url.as_deref());
            let (provider, model) = found.map_err(StartError::part)?;
            let connection = OpenAiConnection::open(&provider, Arc::clone(clock)).map_err(StartError::part)?;
            Some(Arc::new(OpenAiEmbedder::new(Arc::new(connection), model, embeddings.max_tokens)))
        }
        (None, Some(path)) => {
            let path = path.clone();
            let loading = tokio::task::spawn_blocking(move || LocalEmbedder::load(&path, None));
            let loaded = loading.await.map_err(StartError::part)?;
            Some(Arc::new(loaded.map_err(|error| {
                let problem = format!("names no model that can be used: {}", sentence(&error));
                config.refuse("embeddings.path", problem)
            })?))
        }
        (None, None) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_url_names_the_backend() {
        let of = |url: &str| Backend::of(&Config { database_url: Some(url.into()), ..Config::default() });
        let file = |backend| if let Backend::Sqlite(path) = backend { path } else { PathBuf::new() };
        assert_eq!(file(of("sqlite:///var/lib/b.db").unwrap()), PathBuf::from("/var/lib/b.db"));
        assert!(matches!(of("memory://").unwrap(), Backend::Memory));
        assert!(matches!(of("postgres://u@h/d").unwrap(), Backend::Postgres(_)));
        assert_eq!(file(Backend::of(&Config::default()).unwrap()), PathBuf::from("./data/banyan.db"));
        let database = DatabaseConfig { jobs_url: Some("postgres://j@h/d".into()), ..DatabaseConfig::default() };
        assert!(Backend::of(&Config { database, ..Config::default() }).is_err(), "a login without its server");
        for url in ["", "mysql://x", "sqlite://", "banyan.db"] {
            assert!(of(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_found_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let of = |url: Option<String>, secret_key: Option<&str>| {
            let config = Config {
                data_dir: folder.path().join("above/data"),
                database_url: url,
                secret_key: secret_key.map(str::to_owned),
                ..Config::default()
            };
            check(&config).map(drop).map_err(|error| sentence(&error))
        };
        let file = |path: &str| Some(format!("sqlite://{}", folder.path().join(path).display()));
        for right in [None, file("b.db"), file("above/b.db"), file("above/data/b.db"), Some("sqlite://b.db".to_owned())]
        {
            assert_eq!(of(right.clone(), None), Ok(()), "{right:?}");
        }
        let told = of(file("above/data/below/b.db"), None).unwrap_err();
        assert!(told.starts_with("BANYAN_DATABASE_URL names '") && told.contains("below' is not there"), "{told}");
        assert!(of(Some("mysql://x".to_owned()), None).unwrap_err().starts_with("BANYAN_DATABASE_URL must be"));
        assert!(of(None, Some("short")).unwrap_err().starts_with("BANYAN_SECRET_KEY "));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
