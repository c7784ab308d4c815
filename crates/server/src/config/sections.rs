//! The sections of the settings, but for the bounds.

use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// What is logged by default: what the libraries beneath say of their beginnings tells an operator nothing.
const DEFAULT_FILTER: &str = "info,actix_server=warn,sea_orm_migration=warn";

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
    /// A model over the wire: `<provider>/…`, or any name together with `base_url`.
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
    /// A person at a terminal reads text; what collects the log of a service reads JSON.
    fn default() -> Self {
        let format = if stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json };
        Self { filter: DEFAULT_FILTER.to_owned(), format }
    }
}
