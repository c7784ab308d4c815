//! `banyan usage`.

use std::process::ExitCode;

use app::usage::discrepancies_of;
use clap::Subcommand;

use crate::{config::Config, error::StartError, wiring};

/// What to do about the books.
#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Count the conversations whose totals differ from their rows of the ledger; 0 is right
    Reconcile,
}

pub(super) async fn run(command: UsageCommand, config: &Config) -> Result<ExitCode, StartError> {
    let UsageCommand::Reconcile = command;
    let app = wiring::build(config).await?;
    let differences = discrepancies_of(&app).await?;
    for (tenant, conversation, money) in &differences {
        println!("tenant {tenant} conversation {conversation} differs by {} USD", money.to_usd());
    }
    println!("{}", differences.len());
    Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
