//! `banyan`: the program that serves Banyan, and the commands of its operators.

use std::process::ExitCode;

use clap::Parser;

mod commands;
mod config;
mod connections;
mod data_folder;
mod error;
mod listeners;
mod output;
mod secret;
mod shutdown;
mod telemetry;
mod wiring;

use commands::{Arguments, Command};
use config::Config;
use error::StartError;

fn main() -> ExitCode {
    let mut raw = std::env::args();
    // The parser of documents limits itself before anything else exists in its process.
    if raw.nth(1).as_deref() == Some("parse") {
        return infra_documents::run_child(raw);
    }
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    let (loaded, hints) = config::load(&arguments.options);
    if loaded.is_err() {
        // There is no log yet, and one of them may be what is missing.
        hints.iter().for_each(|hint| eprintln!("banyan: {hint}"));
    }
    match loaded.and_then(|config| run(command, config, &hints)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("banyan: {}", error::sentence(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, config: Config, hints: &[String]) -> Result<ExitCode, StartError> {
    telemetry::init(&config, command.logged())?;
    for hint in hints {
        tracing::warn!("{hint}");
    }
    // One provider of cryptography for all of TLS; a second installation is refused, which is fine.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a provider of cryptography was installed before");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(commands::run(command, config))
}
