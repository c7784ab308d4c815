//! The schema of a file, looked at without changing it.

use std::path::Path;

use migration::MigrationState;
use sea_orm::DatabaseConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::store::SqliteError;

/// All migrations, oldest first. None is applied where there is no file, and none is made.
///
/// # Errors
/// [`SqliteError::Open`] when the file cannot be read, [`SqliteError::Schema`] when it is no database, or one of a newer
/// version of the program.
pub async fn migrate_status(path: &Path) -> Result<Vec<MigrationState>, SqliteError> {
    if !path.try_exists().map_err(|source| SqliteError::File { path: path.to_owned(), source })? {
        return Ok(migration::names().map(|name| MigrationState { name, applied: false }).collect());
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let opened = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
    let reading = opened.map_err(|source| SqliteError::Open { path: path.to_owned(), source })?;
    let states = migration::status(&DatabaseConnection::from(reading.clone())).await;
    reading.close().await;
    states.map_err(|source| SqliteError::Schema { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::clock::SystemClock;

    use super::*;
    use crate::{SqliteOptions, SqliteStore};

    #[tokio::test]
    async fn a_file_is_looked_at_and_neither_made_nor_changed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("banyan.db");
        assert!(migrate_status(&file).await.unwrap().iter().all(|state| !state.applied));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(&file, "").unwrap();
        assert!(migrate_status(&file).await.unwrap().iter().all(|state| !state.applied));
        assert_eq!(std::fs::read(&file).unwrap(), b"");
        let store = SqliteStore::open(&file, &SqliteOptions::default(), Arc::new(SystemClock)).await.unwrap();
        assert!(migrate_status(&file).await.unwrap().iter().all(|state| state.applied), "beside a server");
        drop(store);
        std::fs::write(&file, "no database, but a text of some length\n".repeat(100)).unwrap();
        assert!(matches!(migrate_status(&file).await, Err(SqliteError::Schema { .. } | SqliteError::Open { .. })));
    }

    #[tokio::test]
    async fn a_schema_of_a_newer_version_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("banyan.db");
        let store = SqliteStore::open(&file, &SqliteOptions::default(), Arc::new(SystemClock)).await.unwrap();
        drop(store);
        let pool = sqlx::SqlitePool::connect_with(SqliteConnectOptions::new().filename(&file)).await.unwrap();
        let later = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29990101_000001_later', 0)";
        sqlx::query(later).execute(&pool).await.unwrap();
        pool.close().await;
        let told = migrate_status(&file).await.unwrap_err();
        assert!(matches!(told, SqliteError::Schema { source: migration::MigrateError::Newer(_), .. }), "{told:?}");
        let opened = SqliteStore::open(&file, &SqliteOptions::default(), Arc::new(SystemClock)).await.unwrap_err();
        assert!(
            matches!(opened, SqliteError::Migration { source: migration::MigrateError::Newer(_), .. }),
            "{opened:?}"
        );
    }
}
