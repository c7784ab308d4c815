//! Rules of settings that their types do not say.

use std::net::SocketAddr;

use domain::identity::{Email, Username};
use url::Url;

use super::{Config, words::instead_of};
use crate::error::StartError;

/// A day: longer waits at the end, and threads and connections beyond what a machine has, are mistakes.
const MAX_SHUTDOWN_SECONDS: u64 = 24 * 3600;
/// Ten years.
const MAX_EVENTS_KEPT_SECONDS: u64 = 10 * 365 * 24 * 3600;
const MAX_THREADS: u64 = 1024;
const MAX_DATABASE_CONNECTIONS: u64 = 10_000;
const MAX_CONNECTIONS: u64 = 1_000_000;

/// Refuses what cannot be meant, by the name of the setting. Writes the public URL in its one form.
///
/// # Errors
/// [`StartError::Setting`].
pub(super) fn check(config: &mut Config) -> Result<(), StartError> {
    numbers(config)?;
    super::providers::check(&config.providers).map_err(StartError::part)?;
    for (key, value) in [("listen", &config.listen), ("metrics_listen", &config.metrics_listen)] {
        if !is_address(value) {
            let problem = "must be an address and a port, such as '127.0.0.1:8080', or '0.0.0.0:8080' for all networks";
            return Err(config.refuse(key, format!("{problem}{}", instead_of(key, value))));
        }
    }
    if let Some(url) = &config.public_url {
        config.public_url = Some(public_url(url).map_err(|problem| config.refuse("public_url", problem))?);
    }
    first_admin(config)?;
    let embeddings = &config.embeddings;
    if embeddings.path.is_some() && (embeddings.model.is_some() || embeddings.base_url.is_some()) {
        let [model, base_url] = ["embeddings.model", "embeddings.base_url"].map(|key| config.name_of(key));
        let problem = format!("cannot be set together with {model} or {base_url}; choose one");
        return Err(config.refuse("embeddings.path", problem));
    }
    Ok(())
}

fn numbers(config: &Config) -> Result<(), StartError> {
    let (database, limits) = (&config.database, &config.limits);
    let given = |number: Option<u32>| number.map_or(1, u64::from);
    for (key, number, least, most) in [
        ("http_workers", config.http_workers as u64, 0, MAX_THREADS),
        ("shutdown_seconds", config.shutdown_seconds, 0, MAX_SHUTDOWN_SECONDS),
        ("database.connections", given(database.connections), 1, MAX_DATABASE_CONNECTIONS),
        ("database.job_connections", given(database.job_connections), 1, MAX_DATABASE_CONNECTIONS),
        ("database.readers", given(database.readers), 1, MAX_DATABASE_CONNECTIONS),
        ("embeddings.max_tokens", given(config.embeddings.max_tokens), 1, u64::from(u32::MAX)),
        ("limits.upload_bytes", limits.upload_bytes, 1, i64::MAX as u64),
        ("limits.events_kept_seconds", limits.events_kept_seconds, 0, MAX_EVENTS_KEPT_SECONDS),
        ("limits.ingest_workers", limits.ingest_workers as u64, 0, MAX_THREADS),
        ("limits.connections", limits.connections as u64, 1, MAX_CONNECTIONS),
    ] {
        if !(least..=most).contains(&number) {
            return Err(config.refuse(key, format!("must be {least} to {most}, and not {number}")));
        }
    }
    Ok(())
}

/// `<host>:<port>`: a name, an IPv4 address, or an IPv6 address in brackets.
fn is_address(value: &str) -> bool {
    let is_name = |host: &str| {
        !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter))
    };
    value.parse::<SocketAddr>().is_ok()
        || value.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok())
}

/// A public URL in the form that links begin with.
///
/// # Errors
/// What is wrong with it.
fn public_url(value: &str) -> Result<String, String> {
    const EXAMPLE: &str = "'https://chat.example.com'";
    let url = Url::parse(value).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    // The parser mends what a person has mistyped, and would find a host in what was meant as a path.
    let host = value.split_once("://").map(|(_, rest)| rest).filter(|rest| !rest.starts_with(['/', '\\']));
    let url = url.filter(|_| host.is_some() && !value.chars().any(char::is_whitespace));
    let Some(url) = url else {
        let problem = format!("must be the whole address that people open, such as {EXAMPLE}");
        return Err(format!("{problem}{}", instead_of("public_url", value)));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("must not hold a name or password; write it as {EXAMPLE}"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("must end with its path, without '?' and '#'; write it as {EXAMPLE}"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The first admin, where it is made without the setup URL.
fn first_admin(config: &Config) -> Result<(), StartError> {
    if config.admin_email.is_some() != config.admin_password_file.is_some() {
        let [email, file] = ["admin_email", "admin_password_file"].map(|key| config.name_of(key));
        return Err(StartError::setting(format!("{email} and {file}"), "belong together; set both or none"));
    }
    let Some(email) = &config.admin_email else {
        return match config.admin_username {
            Some(_) => Err(config.refuse("admin_username", "is set without BANYAN_ADMIN_EMAIL; set both or none")),
            None => Ok(()),
        };
    };
    Email::parse(email).map_err(|error| config.refuse("admin_email", error.message))?;
    if let Some(name) = &config.admin_username {
        Username::parse(name).map_err(|error| config.refuse("admin_username", error.message))?;
    }
    if let Some(name) = &config.tenant_name {
        domain::text::name("tenant_name", name).map_err(|error| config.refuse("tenant_name", error.message))?;
    }
    Ok(())
}
