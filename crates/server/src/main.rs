//! `banyan`: the program that serves Banyan, and the commands of its operators.

use std::process::ExitCode;

use clap::Parser;

mod commands;
mod config;
mod connections;
mod data_folder;
mod error;
mod listeners;
mod secret;
mod shutdown;
mod telemetry;
mod wiring;

use commands::{Arguments, Command};
use error::StartError;

fn main() -> ExitCode {
    let mut raw = std::env::args();
    // The parser of documents limits itself before anything else exists in its process.
    if raw.nth(1).as_deref() == Some("parse") {
        return infra_documents::run_child(raw);
    }
    let arguments = Arguments::parse();
    let command = arguments.command.unwrap_or(Command::Serve);
    let outcome = config::load(&arguments.options).and_then(|loaded| run(command, loaded));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("banyan: {}", error::sentence(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, loaded: config::Loaded) -> Result<ExitCode, StartError> {
    telemetry::init(&loaded.config)?;
    for hint in &loaded.hints {
        tracing::warn!("{hint}");
    }
    // One provider of cryptography for all of TLS; a second installation is refused, which is fine.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a provider of cryptography was installed before");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(StartError::Runtime)?;
    runtime.block_on(commands::run(command, loaded.config))
}
