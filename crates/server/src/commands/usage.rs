//! `banyan usage`.

use std::process::ExitCode;

use app::usage::{WrongDay, discrepancies_of, right_the_sums};
use clap::Subcommand;

use crate::{config::Config, error::StartError, output::say, wiring};

/// What to do about the books.
#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Count the conversations and kept days whose sums differ from their rows of the ledger; 0 is right.
    /// Days are added up anew
    Reconcile,
}

pub(super) async fn run(command: UsageCommand, config: &Config) -> Result<ExitCode, StartError> {
    let UsageCommand::Reconcile = command;
    let app = wiring::books(config).await?;
    let differences = discrepancies_of(&app).await?;
    for (tenant, conversation, money) in &differences {
        say(format!("tenant {tenant} conversation {conversation} differs by {} USD", money.to_usd()))?;
    }
    let days = right_the_sums(&app).await?;
    for WrongDay { tenant, day, difference } in &days {
        say(format!("tenant {tenant} day {day} differed by {} USD and was added up anew", difference.to_usd()))?;
    }
    let found = differences.len() + days.len();
    say(found)?;
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
