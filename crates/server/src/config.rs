//! Settings: defaults, then `banyan.toml`, then the environment, then flags.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::Args;
use figment::{Figment, providers::Serialized};
use serde::{Deserialize, Serialize};

mod check;
mod environment;
mod file;
mod limits;
mod near;
pub(crate) mod providers;
mod sections;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use environment::secret_text;
use environment::{Environment, FROM_FILE, variable};
use file::SettingsFile;
pub(crate) use limits::LimitsConfig;
pub(crate) use near::nearest;
pub(crate) use sections::{ChatConfig, DatabaseConfig, EmbeddingsConfig, LogConfig, LogFormat};

use crate::error::StartError;

/// The file that is read when it is there and no other is named.
const DEFAULT_FILE: &str = "banyan.toml";
/// The database, in the data folder, where no other is named.
const DATABASE_FILE: &str = "banyan.db";

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
    /// How people reach the server; links begin with it. Without a slash at its end.
    pub(crate) public_url: Option<String>,
    /// The secret that tokens hang on; absent: made at the first start and kept in the data folder.
    pub(crate) secret_key: Option<String>,
    /// Sets up without the setup URL, together with `admin_password_file`.
    pub(crate) admin_email: Option<String>,
    /// The first admin's user name; absent: made out of the address.
    pub(crate) admin_username: Option<String>,
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
    /// Providers of models, by name.
    pub(crate) providers: Vec<providers::Entry>,
    /// The database.
    pub(crate) database: DatabaseConfig,
    /// Bounds.
    pub(crate) limits: LimitsConfig,
    /// The log.
    pub(crate) log: LogConfig,
    /// What whoever set them calls the settings that are set, by their keys.
    #[serde(skip)]
    pub(crate) names: BTreeMap<String, String>,
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
            admin_username: None,
            admin_password_file: None,
            tenant_name: None,
            http_workers: 0,
            shutdown_seconds: 25,
            chat: ChatConfig::default(),
            embeddings: EmbeddingsConfig::default(),
            providers: Vec::new(),
            database: DatabaseConfig::default(),
            limits: LimitsConfig::default(),
            log: LogConfig::default(),
            names: BTreeMap::new(),
        }
    }
}

/// Reads the settings. Whatever comes of it, there is a sentence about each variable that looks like a setting and is
/// none.
///
/// # Errors
/// [`StartError`] that tells all that cannot be used, by the names that the operator gave it: unknown keys in the file,
/// values that do not fit, files that cannot be read.
pub(crate) fn load(options: &Options) -> (Result<Config, StartError>, Vec<String>) {
    read(options, std::env::vars_os())
}

/// The same with these variables.
fn read(
    options: &Options,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Result<Config, StartError>, Vec<String>) {
    let known = known_keys();
    let mut environment = Environment::read(variables, &known);
    let hints = std::mem::take(&mut environment.hints);
    (combine(options, environment, &known), hints)
}

/// Puts together what the file, the environment and the flags set, each over the one before.
fn combine(options: &Options, environment: Environment, known: &[String]) -> Result<Config, StartError> {
    let mut faults = Vec::new();
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    let mut names = BTreeMap::new();
    let file = settings_file(options).unwrap_or_else(|error| {
        faults.push(error);
        None
    });
    let file = match file {
        Some(mut file) => {
            names.extend(known.iter().filter(|key| file.sets(key)).map(|key| (key.clone(), file.name_of(key))));
            // By itself, so that what is wrong in it is told with its place.
            faults.extend(file.take_faults(known));
            figment = figment.merge(Serialized::defaults(&file.values));
            Some(file)
        }
        None => None,
    };
    faults.extend(environment.faults);
    for (key, name, value) in environment.values {
        figment = figment.merge(Serialized::default(&key, value));
        names.insert(key, name);
    }
    let folder = options.data_dir.as_ref().map(|folder| folder.to_string_lossy().into_owned());
    let flags =
        [("listen", options.listen.clone()), ("data_dir", folder), ("database_url", options.database_url.clone())];
    for (key, value) in flags {
        if let Some(value) = value {
            figment = figment.merge(Serialized::default(key, value));
            names.insert(key.to_owned(), format!("--{}", key.replace('_', "-")));
        }
    }
    match figment.extract::<Config>() {
        Ok(mut config) => {
            config.names = names;
            faults.extend(providers::faults(&config.providers).into_iter().map(|mut fault| {
                let place = file.as_ref().map(|file| file.place_of(&fault.name.replace('[', ".").replace(']', "")));
                fault.problem.extend(place.map(|place| format!(" ({place})")));
                StartError::part(fault)
            }));
            faults.extend(check::faults(&mut config));
            if faults.is_empty() { Ok(config) } else { Err(StartError::all(faults)) }
        }
        Err(error) => {
            faults.push(StartError::part(error));
            Err(StartError::all(faults))
        }
    }
}

fn settings_file(options: &Options) -> Result<Option<SettingsFile>, StartError> {
    match &options.config {
        Some(file) if !file.is_file() => {
            Err(StartError::setting("--config", format!("names '{}', which is no file", file.display())))
        }
        Some(file) => SettingsFile::read(file.clone()).map(Some),
        None if Path::new(DEFAULT_FILE).is_file() => SettingsFile::read(PathBuf::from(DEFAULT_FILE)).map(Some),
        None => Ok(None),
    }
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

impl Config {
    /// What the operator calls a setting: the variable, the key with its place in the file, or the flag that set it; the
    /// variable where nothing did.
    pub(crate) fn name_of(&self, key: &str) -> String {
        self.names.get(key).cloned().unwrap_or_else(|| variable(key))
    }

    /// A setting that cannot be used.
    pub(crate) fn refuse(&self, key: &str, problem: impl Into<String>) -> StartError {
        StartError::setting(self.name_of(key), problem)
    }

    /// The settings in force, without secrets.
    pub(crate) fn shown(&self) -> serde_json::Value {
        let mut shown = serde_json::to_value(self).unwrap_or_default();
        shown["secret_key"] = self.secret_key.as_ref().map(|_| "(set)").into();
        let url = |url: &Option<String>| url.as_deref().map(without_password).into();
        let DatabaseConfig { jobs_url, owner_url, listen_url, .. } = &self.database;
        shown["database_url"] = match &self.database_url {
            None => format!("sqlite://{}", self.sqlite_file().display()).into(),
            given => url(given),
        };
        let providers = self.providers.iter().map(providers::Entry::shown).collect::<Vec<_>>();
        shown["providers"] = serde_json::to_value(providers).unwrap_or_default();
        for (name, value) in [("jobs_url", jobs_url), ("owner_url", owner_url), ("listen_url", listen_url)] {
            shown["database"][name] = url(value);
        }
        shown
    }

    /// The file of the database that is used where no other is named.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self.data_file(DATABASE_FILE)
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
