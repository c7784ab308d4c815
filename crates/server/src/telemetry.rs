//! The log (to standard error) and the figures for `/metrics`.

use std::io::{IsTerminal, stderr};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::{
    config::{Config, LogFormat, nearest},
    error::StartError,
};

/// Bounds of the buckets of request times, in seconds.
const SECONDS: &[f64] = &[0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0];

/// Bounds of the buckets of statements and waits, in seconds: most take a small part of a millisecond.
const DATABASE_SECONDS: &[f64] = &[0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What a command of the operator logs that tells its findings by itself: what this program says of the settings.
const OF_THE_DOCTOR: &str = "off,banyan=warn";
/// What other commands of the operator log.
const OF_COMMANDS: &str = "warn";

/// Whose log it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logged {
    /// The server's.
    Server,
    /// That of a command, read by the person who gave it.
    Command,
    /// That of the doctor, who tells what is wrong by itself.
    Doctor,
}

/// Starts the log. A command's is a text of warnings, unless the operator says otherwise.
///
/// # Errors
/// [`StartError::Setting`] for a filter that is none.
pub(crate) fn init(config: &Config, logged: Logged) -> Result<(), StartError> {
    let written = config.log.filter.trim();
    let is_word = written.chars().all(|letter| letter.is_ascii_alphabetic());
    let meant = nearest(written, LEVELS).filter(|level| is_word && !level.eq_ignore_ascii_case(written));
    if let Some(level) = meant {
        // The name of a part is a filter as well: this one would let nothing through.
        return Err(config.refuse("log.filter", format!("must be a level; did you mean '{level}'?")));
    }
    let is_set = |key: &str| config.names.contains_key(key);
    let filter = match logged {
        Logged::Command if !is_set("log.filter") => OF_COMMANDS,
        Logged::Doctor if !is_set("log.filter") => OF_THE_DOCTOR,
        _ => &config.log.filter,
    };
    let format = match logged {
        Logged::Command | Logged::Doctor if !is_set("log.format") => LogFormat::Text,
        _ => config.log.format,
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        let problem =
            format!("must be a level, such as 'info', or levels of parts, such as 'info,app=debug' ({error})");
        config.refuse("log.filter", problem)
    })?;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => registry.with(fmt::layer().json().flatten_event(true).with_writer(stderr)).try_init(),
        LogFormat::Text => {
            let layer = fmt::layer().with_writer(stderr);
            // The library's own choice heeds NO_COLOR, and not what reads the log.
            let layer = if stderr().is_terminal() { layer } else { layer.with_ansi(false) };
            registry.with(layer).try_init()
        }
    };
    started.map_err(|error| StartError::Log(Box::new(error)))
}

/// Starts to count; the handle writes the figures out.
///
/// # Errors
/// [`StartError::Part`] when something counts already.
pub(crate) fn metrics() -> Result<PrometheusHandle, StartError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
        .map_err(StartError::part)?
        .set_buckets_for_metric(Matcher::Prefix("banyan_db_".to_owned()), DATABASE_SECONDS)
        .map_err(StartError::part)?
        .install_recorder()
        .map_err(StartError::part)
}
