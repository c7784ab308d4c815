//! `banyan migrate`.

use std::process::ExitCode;

use clap::Subcommand;
use domain::clock::SystemClock;
use infra_postgres::{MigrationState, PostgresOptions, migrate_down, migrate_status, migrate_up, prepare};
use infra_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;

use crate::{
    config::Config,
    data_folder,
    error::StartError,
    output::say,
    wiring::{self, Backend},
};

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply what is missing
    Up,
    /// Take back the newest migrations, with what is stored in their tables
    Down {
        /// How many
        #[arg(long, default_value_t = 1)]
        steps: u32,
    },
    /// Show what is applied
    Status,
    /// Make database, roles, extension and the logins of all URLs on PostgreSQL, once, with an administrator's
    /// rights
    Prepare {
        /// The URL of a PostgreSQL superuser
        #[arg(long, value_name = "URL")]
        admin_url: String,
    },
}

pub(super) async fn run(command: MigrateCommand, config: &Config) -> Result<ExitCode, StartError> {
    let options = PostgresOptions::default();
    match (command, Backend::of(config)?) {
        (MigrateCommand::Prepare { admin_url }, Backend::Postgres(urls)) => {
            let prepared = prepare(&admin_url, &urls, &options).await.map_err(StartError::part)?;
            say("prepared; the server may start")?;
            if !prepared.without_large_objects {
                say("everybody who can run SQL may make large objects: the server refused to take that right")?;
            }
            if !prepared.leakproof_search {
                say("searching by words will be slower: the server refused to mark ts_match_vq as leakproof")?;
            }
        }
        (MigrateCommand::Prepare { .. }, _) => {
            let problem = "must name the PostgreSQL database and login to make, such as 'postgres://banyan:<password>@<host>/banyan'";
            return Err(config.refuse("database_url", problem));
        }
        (MigrateCommand::Up, Backend::Postgres(urls)) => {
            let applied = migrate_up(&urls, &options).await.map_err(StartError::part)?;
            say(format!("applied {applied} migrations"))?;
        }
        (MigrateCommand::Down { steps }, Backend::Postgres(urls)) => {
            let taken_back = migrate_down(&urls, steps, &options).await.map_err(StartError::part)?;
            say(format!("took back {taken_back} migrations"))?;
        }
        (MigrateCommand::Status, Backend::Postgres(urls)) => {
            print(&migrate_status(&urls, &options).await.map_err(StartError::part)?)?;
        }
        (MigrateCommand::Status, Backend::Sqlite(path)) => {
            print(&infra_sqlite::migrate_status(&path).await.map_err(StartError::part)?)?;
        }
        (MigrateCommand::Up, Backend::Sqlite(path)) => {
            wiring::check(config)?;
            data_folder::make(&config.data_dir)?;
            let store = SqliteStore::open(&path, &SqliteOptions::default(), Arc::new(SystemClock)).await;
            store.map_err(StartError::part)?;
            say(format!("the schema of '{}' is up to date", path.display()))?;
        }
        (MigrateCommand::Down { .. }, Backend::Sqlite(path)) => {
            let problem = "is migrated when it is opened, and only forwards; put back a copy of it instead";
            return Err(StartError::setting(format!("the SQLite file '{}'", path.display()), problem));
        }
        (_, Backend::Memory) => {
            return Err(config.refuse("database_url", "keeps nothing, so there is nothing to migrate"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(states: &[MigrationState]) -> Result<(), StartError> {
    for state in states {
        say(format!("{} {}", if state.applied { "applied" } else { "missing" }, state.name))?;
    }
    Ok(())
}
