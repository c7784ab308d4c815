//! What the databases report, as errors of the store.

use domain::store::StoreError;
use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError},
};

/// Turns an error of the database into the store's, with the names of constraints kept.
///
/// SQLite does not tell the name of a unique constraint but its columns; the name is put together
/// from them by the schema's rule, `<table>_<columns without tenant_id>_key`.
#[must_use]
pub fn store_error(error: DbErr) -> StoreError {
    match &error {
        DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed) => {
            StoreError::Unavailable(Box::new(error))
        }
        DbErr::Type(message) | DbErr::Json(message) => StoreError::Corrupt(message.clone()),
        DbErr::Conn(RuntimeErr::SqlxError(source))
        | DbErr::Exec(RuntimeErr::SqlxError(source))
        | DbErr::Query(RuntimeErr::SqlxError(source)) => match source.as_ref() {
            sqlx::Error::Database(reported) => {
                reported_error(reported.as_ref()).unwrap_or_else(|| StoreError::Backend(Box::new(error)))
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => StoreError::Unavailable(Box::new(error)),
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(source.to_string()),
            _ => StoreError::Backend(Box::new(error)),
        },
        _ => StoreError::Backend(Box::new(error)),
    }
}

/// What a database said by a code, if the code has a meaning for callers.
fn reported_error(error: &dyn DatabaseError) -> Option<StoreError> {
    let code = error.code()?;
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        sqlite_error(code.parse().ok()?, error.message())
    } else {
        postgres_error(&code, error.constraint(), error.message())
    }
}

/// By SQLSTATE (PostgreSQL, appendix A).
fn postgres_error(code: &str, constraint: Option<&str>, message: &str) -> Option<StoreError> {
    match code {
        "23505" => Some(StoreError::Conflict { constraint: constraint.unwrap_or(message).to_owned() }),
        "23503" | "23001" => Some(StoreError::ForeignKey),
        // Check, not null, exclusion; a value out of range, too long or with NUL in it.
        "23514" | "23502" | "23P01" | "22001" | "22003" | "22021" | "22P05" => {
            Some(StoreError::Check(constraint.unwrap_or(message).to_owned()))
        }
        "40001" | "40P01" | "55P03" => Some(StoreError::Retry),
        "25P02" => Some(StoreError::Poisoned),
        "25006" => Some(StoreError::OutOfScope("a write in a read transaction")),
        "42501" => Some(StoreError::OutOfScope("the database refuses rows of another tenant")),
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
            Some(StoreError::Unavailable(message.into()))
        }
        _ => None,
    }
}

/// By extended result code (<https://www.sqlite.org/rescode.html>).
fn sqlite_error(code: u32, message: &str) -> Option<StoreError> {
    match code {
        2067 | 1555 => Some(StoreError::Conflict { constraint: unique_constraint(message) }),
        787 => Some(StoreError::ForeignKey),
        // Check, not null, and what a trigger refuses.
        275 | 1299 | 1811 => {
            let what = message.split_once("constraint failed: ").map_or(message, |(_, what)| what);
            Some(StoreError::Check(what.to_owned()))
        }
        _ => match code & 0xff {
            // Busy, locked.
            5 | 6 => Some(StoreError::Retry),
            8 => Some(StoreError::OutOfScope("a write in a read transaction")),
            // Input or output failed, disk full, cannot open.
            10 | 13 | 14 => Some(StoreError::Unavailable(message.into())),
            _ => None,
        },
    }
}

/// The name of a unique constraint from `UNIQUE constraint failed: users.tenant_id, users.username`
/// or `UNIQUE constraint failed: index 'users_email_key'`.
fn unique_constraint(message: &str) -> String {
    let what = message.split_once("constraint failed: ").map_or(message, |(_, what)| what);
    if let Some(index) = what.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    let table = what.split_once('.').map_or(what, |(table, _)| table);
    let columns: Vec<&str> = what
        .split(", ")
        .filter_map(|column| column.split_once('.').map(|(_, name)| name))
        .filter(|name| *name != "tenant_id")
        .collect();
    format!("{table}_{}_key", columns.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_names_a_unique_constraint_by_the_rule_of_the_schema() {
        for (message, name) in [
            ("UNIQUE constraint failed: users.tenant_id, users.username", "users_username_key"),
            ("UNIQUE constraint failed: index 'users_email_key'", "users_email_key"),
            ("UNIQUE constraint failed: usage_logs.request_id", "usage_logs_request_id_key"),
        ] {
            let Some(StoreError::Conflict { constraint }) = sqlite_error(2067, message) else { panic!("{message}") };
            assert_eq!(constraint, name);
        }
    }

    #[test]
    fn both_databases_give_the_same_kinds() {
        assert!(matches!(postgres_error("23503", None, ""), Some(StoreError::ForeignKey)));
        assert!(matches!(sqlite_error(787, "FOREIGN KEY constraint failed"), Some(StoreError::ForeignKey)));
        assert!(matches!(postgres_error("40P01", None, ""), Some(StoreError::Retry)));
        assert!(matches!(sqlite_error(517, "database is locked"), Some(StoreError::Retry)));
        assert!(matches!(postgres_error("25P02", None, ""), Some(StoreError::Poisoned)));
        let check = sqlite_error(275, "CHECK constraint failed: messages_role_check");
        assert!(matches!(check, Some(StoreError::Check(name)) if name == "messages_role_check"));
        assert!(matches!(sqlite_error(1811, "a step that is not allowed"), Some(StoreError::Check(_))));
        assert!(postgres_error("42601", None, "syntax").is_none());
    }

    #[test]
    fn a_full_pool_is_unavailable() {
        assert!(matches!(store_error(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)), StoreError::Unavailable(_)));
    }
}
