//! Why the schema could not be brought up to date.

use sea_orm_migration::DbErr;

use crate::postgres;

/// Why the database could not be prepared or migrated.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database refused a statement or cannot be reached.
    #[error("the database refused a statement of the migration")]
    Database(#[source] DbErr),
    /// The roles are missing, or the login may not act as their owner.
    #[error(
        "the roles of this database are not prepared, or by an older version; run \
         `banyan migrate prepare --admin-url <superuser url>` once"
    )]
    NotPrepared(#[source] DbErr),
    /// A newer version of the program has made the schema.
    #[error("a newer version of the program has changed the schema; use that one, or put back a copy from before")]
    Newer(#[source] DbErr),
    /// Another process has been migrating for longer than anybody should wait.
    #[error("another process has held the migration lock for {0} s; see what it does, then try again")]
    Locked(u64),
    /// The server is too old.
    #[error("PostgreSQL {found} is too old; use PostgreSQL 16 or newer")]
    ServerTooOld {
        /// Its version number, as `server_version` reports it.
        found: String,
    },
    /// The extension's files are not on the server.
    #[error(
        "pgvector is not installed on the PostgreSQL server; install its package, such as \
         'postgresql-{major}-pgvector' (Debian, Ubuntu) or 'pgvector_{major}' (Red Hat), or use an image that has it"
    )]
    PgvectorMissing {
        /// The server's major version, which the package must match.
        major: u32,
    },
    /// The extension is too old.
    #[error("pgvector {found} is too old; install 0.8 or newer and run `ALTER EXTENSION vector UPDATE`")]
    PgvectorTooOld {
        /// Its version.
        found: String,
    },
    /// The login could go around row-level security.
    #[error(
        "the login '{login}' is a superuser, bypasses row-level security or makes roles; name another, or a new one"
    )]
    PrivilegedLogin {
        /// The login.
        login: String,
    },
    /// The function works on PostgreSQL only.
    #[error("only PostgreSQL is prepared; SQLite needs nothing")]
    NotPostgres,
}

impl From<DbErr> for MigrateError {
    fn from(error: DbErr) -> Self {
        // The migrator's own words for a migration that was applied and is not among ours.
        let is_unknown = matches!(&error, DbErr::Custom(text) if text.starts_with("Migration file of version"));
        if is_unknown { Self::Newer(error) } else { Self::Database(error) }
    }
}

impl MigrateError {
    /// Whether the database refused a statement because the login has not the right to it.
    #[must_use]
    pub fn lacks_rights(&self) -> bool {
        matches!(self, Self::Database(error) if postgres::has_state(error, postgres::INSUFFICIENT_PRIVILEGE))
    }
}
