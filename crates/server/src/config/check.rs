//! Rules of settings that their types do not say.

use std::net::{IpAddr, SocketAddr};

use domain::{
    error::ValueError,
    identity::{Email, Username},
};
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

/// What cannot be meant, each by the name of its setting. Writes the public URL in its one form.
pub(super) fn faults(config: &mut Config) -> Vec<StartError> {
    let mut faults = numbers(config);
    for (key, value) in [("listen", &config.listen), ("metrics_listen", &config.metrics_listen)] {
        if !is_address(value) {
            let problem = "must be an address and a port, such as '127.0.0.1:8080', or '0.0.0.0:8080' for all networks";
            faults.push(config.refuse(key, format!("{problem}{}", instead_of(key, value))));
        }
    }
    if meet(&config.listen, &config.metrics_listen) {
        let [api, metrics] = ["listen", "metrics_listen"].map(|key| config.name_of(key));
        let problem = format!(
            "lead to one port ('{}' and '{}'); give one of them another port",
            config.listen, config.metrics_listen
        );
        faults.push(StartError::setting(format!("{api} and {metrics}"), problem));
    }
    match config.public_url.as_deref().map(public_url) {
        Some(Ok(url)) => config.public_url = Some(url),
        Some(Err(problem)) => faults.push(config.refuse("public_url", problem)),
        None => {}
    }
    faults.extend(first_admin(config));
    let embeddings = &config.embeddings;
    if embeddings.path.is_some() && (embeddings.model.is_some() || embeddings.base_url.is_some()) {
        let [model, base_url] = ["embeddings.model", "embeddings.base_url"].map(|key| config.name_of(key));
        let problem = format!("cannot be set together with {model} or {base_url}; choose one");
        faults.push(config.refuse("embeddings.path", problem));
    }
    faults
}

fn numbers(config: &Config) -> Vec<StartError> {
    let (database, limits) = (&config.database, &config.limits);
    let given = |number: Option<u32>| number.map_or(1, u64::from);
    let bounds = [
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
    ];
    let outside = bounds.into_iter().filter(|(_, number, least, most)| !(least..=most).contains(&number));
    let fault = |(key, number, least, most)| config.refuse(key, format!("must be {least} to {most}, and not {number}"));
    outside.map(fault).collect()
}

/// `<host>:<port>`: a name, an IPv4 address, or an IPv6 address in brackets.
fn is_address(value: &str) -> bool {
    let is_name = |host: &str| {
        !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter))
    };
    value.parse::<SocketAddr>().is_ok()
        || value.rsplit_once(':').is_some_and(|(host, port)| is_name(host) && port.parse::<u16>().is_ok())
}

/// Whether two addresses cannot be listened on together. Port 0 is a free one, so never that of another.
fn meet(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (one.parse::<SocketAddr>(), other.parse::<SocketAddr>()) else {
        return one.eq_ignore_ascii_case(other) && !one.ends_with(":0");
    };
    // All addresses of IPv6 are those of IPv4 as well.
    let covers = |all: IpAddr, ip: IpAddr| all.is_unspecified() && (all.is_ipv6() || ip.is_ipv4());
    let (ip, other_ip) = (one.ip(), other.ip());
    one.port() != 0 && one.port() == other.port() && (ip == other_ip || covers(ip, other_ip) || covers(other_ip, ip))
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
        let plain = format!("{}{}", url.origin().ascii_serialization(), url.path());
        let plain = plain.trim_end_matches('/');
        return Err(format!("must end with its path, without '?' and '#'; write it as '{plain}'"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The first admin, where it is made without the setup URL.
fn first_admin(config: &Config) -> Vec<StartError> {
    let mut faults = Vec::new();
    if config.admin_email.is_some() != config.admin_password_file.is_some() {
        let [email, file] = ["admin_email", "admin_password_file"].map(|key| config.name_of(key));
        faults.push(StartError::setting(format!("{email} and {file}"), "belong together; set both or none"));
    }
    if config.admin_email.is_none() && config.admin_username.is_some() {
        let problem = format!("is set without {}; set both or none", config.name_of("admin_email"));
        faults.push(config.refuse("admin_username", problem));
    }
    let mut check = |key: &str, found: Result<(), ValueError>| {
        faults.extend(found.err().map(|error| config.refuse(key, error.message)));
    };
    if let Some(email) = &config.admin_email {
        check("admin_email", Email::parse(email).map(drop));
    }
    if let Some(name) = &config.admin_username {
        check("admin_username", Username::parse(name).map(drop));
    }
    if let Some(name) = config.tenant_name.as_ref().filter(|_| config.admin_email.is_some()) {
        check("tenant_name", domain::text::name("tenant_name", name).map(drop));
    }
    faults
}
