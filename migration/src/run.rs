//! Running migrations, safely when several processes do at once.

use sea_orm_migration::{
    MigrationStatus,
    prelude::*,
    sea_orm::{
        ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
        TransactionTrait,
    },
};

use crate::{MigrateError, Migrator, postgres};

/// Key of PostgreSQL's advisory lock: `banyan` in ASCII.
const LOCK_KEY: i64 = 0x62_61_6e_79_61_6e;
/// Seconds to wait for another process that migrates.
const LOCK_WAIT_SECONDS: u64 = 120;
/// Seconds that a statement of a migration waits for those who use its table; queries queue behind it.
const TABLE_WAIT_SECONDS: u64 = 2;

/// A migration, and whether it has been applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// Its name: date, number, subject.
    pub name: String,
    /// It has been applied.
    pub applied: bool,
}

/// Applies what is missing; returns how many migrations that were.
///
/// # Errors
/// [`MigrateError::NotPrepared`] on PostgreSQL without [`postgres::prepare`], [`MigrateError::Locked`]
/// when another process does not end; otherwise what the database reported. After an error nothing
/// has changed.
pub async fn up(db: &DatabaseConnection) -> Result<usize, MigrateError> {
    let tx = begin(db).await?;
    let pending = Migrator::get_pending_migrations(&tx).await?.len();
    Migrator::up(&tx, None).await?;
    tx.commit().await?;
    Ok(pending)
}

/// Takes back the last `steps` migrations, with their data; returns how many that were.
///
/// # Errors
/// As [`up`].
pub async fn down(db: &DatabaseConnection, steps: u32) -> Result<usize, MigrateError> {
    let tx = begin(db).await?;
    let applied = Migrator::get_applied_migrations(&tx).await?.len();
    Migrator::down(&tx, Some(steps)).await?;
    tx.commit().await?;
    Ok(applied.min(steps as usize))
}

/// All migrations in order. Changes nothing and takes no lock.
///
/// # Errors
/// As [`up`].
pub async fn status(db: &DatabaseConnection) -> Result<Vec<MigrationState>, MigrateError> {
    let tx = db.begin().await?;
    if db.get_database_backend() == DbBackend::Postgres {
        become_owner(&tx).await?;
    }
    let migrations = Migrator::get_migration_with_status_read_only(&tx).await?;
    tx.rollback().await?;
    Ok(migrations
        .into_iter()
        .map(|migration| MigrationState {
            name: migration.name().to_owned(),
            applied: migration.status() == MigrationStatus::Applied,
        })
        .collect())
}

/// Begins the transaction that everything happens in, alone in the database.
async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, MigrateError> {
    if db.get_database_backend() != DbBackend::Postgres {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        return Ok(db.begin_with_options(options).await?);
    }
    let tx = db.begin().await?;
    become_owner(&tx).await?;
    // A preparation by an older version has made three roles.
    let sql = format!("SELECT pg_has_role('{}', 'SET')", postgres::SIGN_IN);
    tx.execute_unprepared(&sql).await.map_err(not_prepared)?;
    tx.execute_unprepared(&format!("SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS}s'")).await?;
    tx.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK_KEY})")).await.map_err(|error| {
        if postgres::has_state(&error, postgres::LOCK_NOT_AVAILABLE) {
            MigrateError::Locked(LOCK_WAIT_SECONDS)
        } else {
            error.into()
        }
    })?;
    tx.execute_unprepared(&format!("SET LOCAL lock_timeout = '{TABLE_WAIT_SECONDS}s'")).await?;
    Ok(tx)
}

/// Tables belong to the owner, not to the login. The schema is named, whatever the login's path is.
async fn become_owner(tx: &DatabaseTransaction) -> Result<(), MigrateError> {
    let sql = format!("SET LOCAL ROLE {}; SET LOCAL search_path = public", postgres::OWNER);
    tx.execute_unprepared(&sql).await.map(drop).map_err(not_prepared)
}

/// A role that is missing, or may not be taken.
fn not_prepared(error: DbErr) -> MigrateError {
    let states = [postgres::UNDEFINED_OBJECT, postgres::INVALID_PARAMETER, postgres::INSUFFICIENT_PRIVILEGE];
    if states.into_iter().any(|state| postgres::has_state(&error, state)) {
        MigrateError::NotPrepared(error)
    } else {
        error.into()
    }
}
