//! The commands of the program.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    config::{Config, Options},
    error::StartError,
    output::say,
    telemetry::Logged,
};

pub(crate) mod admin;
mod doctor;
mod migrate;
mod openapi;
mod serve;
mod usage;

pub(crate) use admin::AdminCommand;
pub(crate) use migrate::MigrateCommand;
pub(crate) use usage::UsageCommand;

/// Banyan: a self-hosted backend for AI chat.
#[derive(Debug, Parser)]
#[command(
    name = "banyan",
    version,
    after_help = "Settings also come from banyan.toml and from variables \
    BANYAN_…; 'banyan config' prints those in force."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API (the default)
    Serve,
    /// Change or show the schema of the database
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Make accounts on the host
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Check the books
    #[command(subcommand)]
    Usage(UsageCommand),
    /// Print the OpenAPI document
    Openapi,
    /// Print the settings in force, without secrets
    Config,
    /// Look for what is wrong with this installation
    Doctor,
    /// Parse a document from standard input (used by the server itself)
    #[command(hide = true)]
    Parse,
}

impl Command {
    /// Whose log it writes.
    pub(crate) const fn logged(&self) -> Logged {
        match self {
            Self::Serve => Logged::Server,
            Self::Doctor => Logged::Doctor,
            _ => Logged::Command,
        }
    }
}

/// Runs a command.
pub(crate) async fn run(command: Command, config: Config) -> Result<ExitCode, StartError> {
    match command {
        Command::Serve => serve::run(config).await,
        Command::Migrate(command) => migrate::run(command, &config).await,
        Command::Admin(command) => admin::run(command, &config).await,
        Command::Usage(command) => usage::run(command, &config).await,
        Command::Openapi => openapi::run(),
        Command::Doctor => doctor::run(&config).await,
        Command::Config => {
            print_json(&config.shown())?;
            Ok(ExitCode::SUCCESS)
        }
        // Taken care of before anything else in `main`, where it comes first on the command line.
        Command::Parse => Err(StartError::setting("parse", "must be the first argument")),
    }
}

fn print_json(value: &impl serde::Serialize) -> Result<(), StartError> {
    say(serde_json::to_string_pretty(value).map_err(StartError::part)?)
}
