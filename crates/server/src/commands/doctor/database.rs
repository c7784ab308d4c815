//! The database: its schema, its roles, and what is kept in it.

use std::{path::Path, sync::Arc};

use app::{App, AppBuilder};
use domain::{clock::SystemClock, store::Store};
use infra_memory::{MemoryBlobStore, MemoryWakeups};
use infra_postgres::{PostgresError, PostgresStore, PostgresUrls, migrate_status};
use infra_providers::ProviderRegistry;
use infra_sqlite::SqliteStore;

use super::{LIMIT, Report, told};
use crate::{
    config::Config,
    error::StartError,
    wiring::{self, Backend},
};

/// An application on the data that is there, for looking at it; `None` where there is none yet, or none that this version
/// can read.
pub(super) async fn look(report: &mut Report, config: &Config) -> Option<App> {
    let backend = match Backend::of(config) {
        Ok(backend) => backend,
        Err(error) => {
            report.tell("database", Err(told(error)));
            return None;
        }
    };
    let opened = match &backend {
        Backend::Sqlite(path) => sqlite(path, config).await,
        Backend::Postgres(urls) => {
            let slow = || Err("did not answer in time; check that it is well".to_owned());
            tokio::time::timeout(LIMIT, postgres(urls, config)).await.unwrap_or_else(|_| slow())
        }
        Backend::Memory => Ok(("memory, gone when the program ends".to_owned(), None)),
    };
    let (text, store) = match opened {
        Ok((text, store)) => (Ok(text), store),
        Err(text) => (Err(text), None),
    };
    report.tell("database", text);
    let (models, blobs) = (Arc::new(ProviderRegistry::default()), Arc::new(MemoryBlobStore::default()));
    let app = AppBuilder::new(store?, models, blobs, Arc::new(MemoryWakeups::default())).build();
    report.look("setup", set_up(&app)).await;
    report.look("books", books(&app)).await;
    Some(app)
}

type Opened = Result<(String, Option<Arc<dyn Store>>), String>;

async fn sqlite(path: &Path, config: &Config) -> Opened {
    let part = |error| told(StartError::part(error));
    let shown = path.display();
    if !path.exists() {
        wiring::check_folder(config, path).map_err(told)?;
        return Ok((format!("SQLite in '{shown}', which would be made at the first start"), None));
    }
    let states = infra_sqlite::migrate_status(path).await.map_err(part)?;
    match states.iter().filter(|state| !state.applied).count() {
        0 => {
            let clock = Arc::new(SystemClock);
            let store = SqliteStore::open(path, &wiring::sqlite_options(config), clock).await.map_err(part)?;
            Ok((format!("SQLite in '{shown}', its schema is up to date"), Some(Arc::new(store))))
        }
        missing => Ok((format!("SQLite in '{shown}'; the next start applies {missing} migrations"), None)),
    }
}

async fn postgres(urls: &PostgresUrls, config: &Config) -> Opened {
    let options = wiring::postgres_options(config);
    let logins = match (&urls.background, &urls.owner) {
        (Some(_), Some(_)) => "a login for each role",
        (Some(_), None) => "a login for each role; another process migrates",
        (None, _) => "one login for serving and background work, which each reaches the other's rights",
    };
    let network = if urls.trusted_network { ", TLS left to a trusted network" } else { "" };
    let named = format!("PostgreSQL, {logins}{network}");
    match PostgresStore::connect(urls, &options, Arc::new(SystemClock)).await {
        Ok(store) => Ok((format!("{named}; its schema is up to date"), Some(Arc::new(store)))),
        // Whoever has the owner's login migrates when it starts.
        Err(PostgresError::NotMigrated { pending }) if migrate_status(urls, &options).await.is_ok() => {
            Ok((format!("{named}; the next start applies {pending} migrations"), None))
        }
        Err(error) => Err(told(StartError::part(error))),
    }
}

async fn set_up(app: &App) -> Result<String, String> {
    let text = |done| if done { "done" } else { "open; start the server and follow the URL that it prints" };
    app.identity().is_set_up().await.map(|done| text(done).to_owned()).map_err(told)
}

async fn books(app: &App) -> Result<String, String> {
    match app::usage::discrepancies_of(app).await {
        Ok(differences) if differences.is_empty() => Ok("right to the last digit".to_owned()),
        Ok(differences) => Err(format!("{} conversations differ; see 'banyan usage reconcile'", differences.len())),
        Err(error) => Err(told(error)),
    }
}
