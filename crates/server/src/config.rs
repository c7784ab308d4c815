//! Settings: defaults, then `banyan.toml`, then the environment, then flags.

use std::path::{Path, PathBuf};

use app::quotas::Quotas;
use clap::Args;
use domain::usage::QuotaBounds;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use crate::error::StartError;

/// The file that is read when it is there and no other is named.
const DEFAULT_FILE: &str = "banyan.toml";
const PREFIX: &str = "BANYAN_";

/// Flags that override settings.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// The settings file (default: banyan.toml, if it is there)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where to listen (BANYAN_LISTEN)
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Where to keep data (BANYAN_DATA_DIR)
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The database (BANYAN_DATABASE_URL)
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where the API listens.
    pub(crate) listen: String,
    /// Where metrics listen.
    pub(crate) metrics_listen: String,
    /// Where files, the embedded database and the secret are kept.
    pub(crate) data_dir: PathBuf,
    /// `sqlite://<file>`, `postgres://…` or `memory://`; absent: SQLite in the data folder.
    pub(crate) database_url: Option<String>,
    /// How people reach the server; links begin with it.
    pub(crate) public_url: Option<String>,
    /// The secret that tokens hang on; absent: made at the first start and kept in the data folder.
    pub(crate) secret_key: Option<String>,
    /// Sets up without the setup URL, together with `admin_password_file`.
    pub(crate) admin_email: Option<String>,
    /// Holds the first admin's password.
    pub(crate) admin_password_file: Option<PathBuf>,
    /// Name of the first tenant, for a setup without the setup URL.
    pub(crate) tenant_name: Option<String>,
    /// Threads that serve HTTP; 0: as many as the machine runs at once.
    pub(crate) http_workers: usize,
    /// Seconds that answers may take to end when the server is told to stop.
    pub(crate) shutdown_seconds: u64,
    /// Chat.
    pub(crate) chat: ChatConfig,
    /// Embeddings.
    pub(crate) embeddings: EmbeddingsConfig,
    /// The database.
    pub(crate) database: DatabaseConfig,
    /// Bounds.
    pub(crate) limits: LimitsConfig,
    /// The log.
    pub(crate) log: LogConfig,
}

/// Settings of chat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ChatConfig {
    /// The model of conversations that name none.
    pub(crate) model: Option<String>,
}

/// Settings of embeddings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EmbeddingsConfig {
    /// A model over the wire: `openai/…`, `ollama/…`, or any name together with `base_url`.
    pub(crate) model: Option<String>,
    /// An endpoint of the OpenAI dialect.
    pub(crate) base_url: Option<String>,
    /// Tokens of one text that the model over the wire takes.
    pub(crate) max_tokens: Option<u32>,
    /// A local sentence-transformers folder.
    pub(crate) path: Option<PathBuf>,
}

/// Connections to the database; what is not set follows the machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DatabaseConfig {
    /// PostgreSQL: the login that works in the background; absent: the one of `database_url`.
    pub(crate) jobs_url: Option<String>,
    /// PostgreSQL: the login that changes the schema; absent: the one of `database_url`, unless that only serves.
    pub(crate) owner_url: Option<String>,
    /// PostgreSQL behind a pooler: leads to the server itself, for LISTEN.
    pub(crate) listen_url: Option<String>,
    /// PostgreSQL: everything between here and the database is trusted, so that TLS need not be verified.
    pub(crate) trusted_network: bool,
    /// PostgreSQL: connections that serve tenants.
    pub(crate) connections: Option<u32>,
    /// PostgreSQL: connections for work across tenants.
    pub(crate) job_connections: Option<u32>,
    /// SQLite: connections that read.
    pub(crate) readers: Option<u32>,
}

/// Bounds that an operator may set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    /// Most bytes of an uploaded file.
    pub(crate) upload_bytes: u64,
    /// Most API keys that a user may have, less those that are revoked.
    pub(crate) api_keys_per_user: u64,
    /// Most API keys that a tenant may have, less those that are revoked.
    pub(crate) api_keys_per_tenant: u64,
    /// Most collections that a user may have.
    pub(crate) collections_per_user: u64,
    /// Most collections that a tenant may have.
    pub(crate) collections_per_tenant: u64,
    /// Most conversations that a user may have.
    pub(crate) conversations_per_user: u64,
    /// Most conversations that a tenant may have.
    pub(crate) conversations_per_tenant: u64,
    /// Most files that a user may have in collections.
    pub(crate) files_per_user: u64,
    /// Most files that a tenant may have in collections.
    pub(crate) files_per_tenant: u64,
    /// Most bytes that the files of a user may have together.
    pub(crate) file_bytes_per_user: u64,
    /// Most bytes that the files of a tenant may have together.
    pub(crate) file_bytes_per_tenant: u64,
    /// Most answers that run at once for a user, less those asked for with API keys.
    pub(crate) running_per_user: u64,
    /// Most answers that run at once for an API key.
    pub(crate) running_per_api_key: u64,
    /// Seconds that the events of an ended answer are kept, for readers that resume.
    pub(crate) events_kept_seconds: u64,
    /// Documents that are ingested at once by this process; 0: none.
    pub(crate) ingest_workers: usize,
    /// Most connections at once.
    pub(crate) connections: usize,
}

impl LimitsConfig {
    /// The quotas.
    pub(crate) const fn quotas(&self) -> Quotas {
        Quotas {
            api_keys: QuotaBounds { per_user: self.api_keys_per_user, per_tenant: self.api_keys_per_tenant },
            collections: QuotaBounds { per_user: self.collections_per_user, per_tenant: self.collections_per_tenant },
            conversations: QuotaBounds {
                per_user: self.conversations_per_user,
                per_tenant: self.conversations_per_tenant,
            },
            files: QuotaBounds { per_user: self.files_per_user, per_tenant: self.files_per_tenant },
            file_bytes: QuotaBounds { per_user: self.file_bytes_per_user, per_tenant: self.file_bytes_per_tenant },
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let settings = app::Settings::default();
        let quotas = settings.quotas;
        Self {
            upload_bytes: settings.max_upload_bytes,
            api_keys_per_user: quotas.api_keys.per_user,
            api_keys_per_tenant: quotas.api_keys.per_tenant,
            collections_per_user: quotas.collections.per_user,
            collections_per_tenant: quotas.collections.per_tenant,
            conversations_per_user: quotas.conversations.per_user,
            conversations_per_tenant: quotas.conversations.per_tenant,
            files_per_user: quotas.files.per_user,
            files_per_tenant: quotas.files.per_tenant,
            file_bytes_per_user: quotas.file_bytes.per_user,
            file_bytes_per_tenant: quotas.file_bytes.per_tenant,
            running_per_user: settings.max_running_per_user,
            running_per_api_key: settings.max_running_per_api_key,
            events_kept_seconds: settings.events_kept.as_secs(),
            ingest_workers: settings.ingest_workers,
            connections: 25_000,
        }
    }
}

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogConfig {
    /// What is logged: `info`, or directives such as `info,app=debug`.
    pub(crate) filter: String,
    /// `json` or `text`.
    pub(crate) format: LogFormat,
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Json }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            metrics_listen: "127.0.0.1:9090".to_owned(),
            data_dir: PathBuf::from("./data"),
            database_url: None,
            public_url: None,
            secret_key: None,
            admin_email: None,
            admin_password_file: None,
            tenant_name: None,
            http_workers: 0,
            shutdown_seconds: 25,
            chat: ChatConfig::default(),
            embeddings: EmbeddingsConfig::default(),
            database: DatabaseConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// Settings that may hold a secret: the variable with `_FILE` behind it reads it from a file.
const FROM_FILE: &[&str] =
    &["secret_key", "database_url", "database.jobs_url", "database.owner_url", "database.listen_url"];
/// Variables that are no settings of the program: those of its tests.
const NOT_SETTINGS: &str = "BANYAN_TEST_";

/// The settings, and what in the environment looks like one but is none.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    pub(crate) unknown_variables: Vec<String>,
}

/// Reads the settings.
///
/// # Errors
/// [`StartError::Config`] for unknown keys in the file and for values that do not fit.
pub(crate) fn load(options: &Options) -> Result<Loaded, StartError> {
    let file = match &options.config {
        Some(file) if !file.is_file() => {
            return Err(StartError::setting("--config", format!("names '{}', which is no file", file.display())));
        }
        Some(file) => file.clone(),
        None => PathBuf::from(DEFAULT_FILE),
    };
    let known = known_keys();
    let mut figment = Figment::from(Serialized::defaults(Config::default())).merge(Toml::file_exact(&file));
    if options.config.is_none() && !file.is_file() {
        figment = Figment::from(Serialized::defaults(Config::default()));
    }
    let is_known = known.clone();
    let environment = Env::prefixed(PREFIX).split("__").filter(move |key| {
        is_known.iter().any(|known| {
            key.as_str().eq_ignore_ascii_case(&known.replace('.', "__")) || key.as_str().eq_ignore_ascii_case(known)
        })
    });
    figment = figment.merge(environment);
    for key in FROM_FILE {
        if let Some(secret) = from_file(key)? {
            figment = figment.merge(Serialized::default(key, secret));
        }
    }
    figment = figment
        .merge(flag("listen", options.listen.clone()))
        .merge(flag("data_dir", options.data_dir.clone()))
        .merge(flag("database_url", options.database_url.clone()));
    let config: Config = figment.extract().map_err(Box::new)?;
    check(&config)?;
    Ok(Loaded { config, unknown_variables: unknown_variables(&known) })
}

fn flag<T: Serialize>(key: &str, value: Option<T>) -> Figment {
    match value {
        Some(value) => Figment::from(Serialized::default(key, value)),
        None => Figment::new(),
    }
}

fn check(config: &Config) -> Result<(), StartError> {
    if config.admin_email.is_some() != config.admin_password_file.is_some() {
        let problem = "belong together; set both or none";
        return Err(StartError::setting("BANYAN_ADMIN_EMAIL and BANYAN_ADMIN_PASSWORD_FILE", problem));
    }
    let database = &config.database;
    if [database.connections, database.job_connections, database.readers].contains(&Some(0)) {
        return Err(StartError::setting("BANYAN_DATABASE__…", "needs at least one connection of each kind"));
    }
    let embeddings = &config.embeddings;
    if embeddings.path.is_some() && (embeddings.model.is_some() || embeddings.base_url.is_some()) {
        let problem = "cannot be set together with BANYAN_EMBEDDINGS__MODEL or BANYAN_EMBEDDINGS__BASE_URL; choose one";
        return Err(StartError::setting("BANYAN_EMBEDDINGS__PATH", problem));
    }
    Ok(())
}

fn from_file(key: &str) -> Result<Option<String>, StartError> {
    let name = format!("{PREFIX}{}_FILE", key.to_uppercase().replace('.', "__"));
    let Ok(path) = std::env::var(&name) else { return Ok(None) };
    let path = PathBuf::from(path);
    let read = std::fs::read_to_string(&path);
    let text = read.map_err(|source| StartError::File { what: "the secret file", path, source })?;
    Ok(Some(text.trim().to_owned()))
}

/// All keys, dotted.
fn known_keys() -> Vec<String> {
    let defaults = serde_json::to_value(Config::default()).unwrap_or_default();
    let mut keys = Vec::new();
    for (key, value) in defaults.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(section) => keys.extend(section.keys().map(|inner| format!("{key}.{inner}"))),
            None => keys.push(key.clone()),
        }
    }
    keys
}

fn unknown_variables(known: &[String]) -> Vec<String> {
    let is_known = |name: &str| {
        let key = name.trim_start_matches(PREFIX).to_lowercase().replace("__", ".");
        let file = key.strip_suffix("_file").is_some_and(|key| FROM_FILE.contains(&key));
        known.contains(&key) || file
    };
    std::env::vars()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with(PREFIX) && !name.starts_with(NOT_SETTINGS) && !is_known(name))
        .collect()
}

impl Config {
    /// The settings in force, without secrets.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        shown["secret_key"] = self.secret_key.as_ref().map(|_| "(set)").into();
        let url = |url: &Option<String>| url.as_deref().map(without_password).into();
        let DatabaseConfig { jobs_url, owner_url, listen_url, .. } = &self.database;
        shown["database_url"] = url(&self.database_url);
        for (name, value) in [("jobs_url", jobs_url), ("owner_url", owner_url), ("listen_url", listen_url)] {
            shown["database"][name] = url(value);
        }
        shown
    }

    /// The path of a file in the data folder.
    pub(crate) fn data_file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.data_dir.join(name)
    }
}

/// A URL whose password is not shown.
fn without_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return "(not a URL)".to_owned() };
    let has_password = url.password().is_some();
    if has_password && url.set_password(Some("(set)")).is_err() {
        return "(set)".to_owned();
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_file(text: &str) -> Result<Loaded, StartError> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("banyan.toml");
        std::fs::write(&file, text).unwrap();
        load(&Options { config: Some(file), ..Options::default() })
    }

    #[test]
    fn a_file_overrides_defaults_and_flags_override_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("banyan.toml");
        std::fs::write(&file, "listen = '127.0.0.1:1'\n[chat]\nmodel = 'openai/x'\n").unwrap();
        let options = Options { config: Some(file), listen: Some("127.0.0.1:2".into()), ..Options::default() };
        let config = load(&options).unwrap().config;
        assert_eq!((config.listen.as_str(), config.chat.model.as_deref()), ("127.0.0.1:2", Some("openai/x")));
        assert_eq!(config.metrics_listen, "127.0.0.1:9090");
    }

    #[test]
    fn unknown_keys_of_a_file_are_refused_by_name() {
        let error = load_file("lisen = 'x'").unwrap_err();
        assert!(crate::error::sentence(&error).contains("lisen"), "{error}");
        assert!(load_file("[chat]\nmodle = 'x'").is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        let url = || Some("postgres://me:s3cr3t@localhost/banyan".to_owned());
        let (jobs_url, owner_url, listen_url) = (url(), url(), url());
        let config = Config {
            secret_key: Some("s3cr3t".into()),
            database_url: url(),
            database: DatabaseConfig { jobs_url, owner_url, listen_url, ..DatabaseConfig::default() },
            ..Config::default()
        };
        assert!(config.shown()["database"]["jobs_url"].as_str().unwrap().contains("me:(set)@localhost"));
        assert!(!config.shown().to_string().contains("s3cr3t"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_refused() {
        assert!(load_file("admin_email = 'a@b.c'").is_err());
        assert!(load_file("[embeddings]\npath = 'x'\nmodel = 'y'").is_err());
    }
}
