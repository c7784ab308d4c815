//! What the databases report, as errors of the store.

use domain::store::StoreError;
use sea_orm::{
    ConnAcquireErr, DbErr, RuntimeErr,
    sqlx::{self, error::DatabaseError},
};

/// Turns an error of the database into the store's, with the names of constraints kept.
///
/// SQLite does not tell the name of a unique constraint but its columns; the name that the schema
/// gives it is looked up from them.
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
        "53100" => Some(StoreError::Full(message.into())),
        _ if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
            Some(StoreError::Unavailable(message.into()))
        }
        _ => None,
    }
}

/// By extended result code (<https://www.sqlite.org/rescode.html>).
fn sqlite_error(code: u32, message: &str) -> Option<StoreError> {
    let what = message.split_once("constraint failed: ").map_or(message, |(_, what)| what);
    match code {
        1555 => {
            let table = what.split_once('.').map_or(what, |(table, _)| table);
            Some(StoreError::Conflict { constraint: format!("{table}_pkey") })
        }
        2067 => Some(StoreError::Conflict { constraint: unique_constraint(what) }),
        787 => Some(StoreError::ForeignKey),
        // Check, not null.
        275 | 1299 => Some(StoreError::Check(what.to_owned())),
        // A trigger, which names its rule before a colon.
        1811 => Some(StoreError::Check(what.split_once(':').map_or(what, |(name, _)| name).to_owned())),
        _ => match code & 0xff {
            // Busy, locked.
            5 | 6 => Some(StoreError::Retry),
            8 => Some(StoreError::OutOfScope("a write in a read transaction")),
            13 => Some(StoreError::Full(message.into())),
            // Input or output failed, cannot open.
            10 | 14 => Some(StoreError::Unavailable(message.into())),
            _ => None,
        },
    }
}

/// Unique constraints whose name is not made of all their columns.
const NAMED: &[(&str, &str)] = &[
    ("user_roles_user_id_role_id", "uq_user_roles_user_role"),
    ("sources_collection_id_content_hash", "uq_sources_content_hash"),
    ("source_versions_source_id_version", "uq_source_versions_version"),
    ("chunks_source_version_id_ordinal", "uq_chunks_ordinal"),
    ("messages_conversation_id_seq", "uq_messages_seq"),
    ("streams_message_id", "uq_streams_running_message"),
    ("citations_message_id_citation_index", "uq_citations_index"),
    ("model_prices_provider_model_valid_from", "uq_model_prices_model"),
    ("usage_logs_request_id", "uq_usage_logs_request"),
    ("jobs_source_id", "uq_jobs_live_source"),
];

/// The name of a unique constraint from `users.tenant_id, users.username`, or from
/// `index 'uq_users_email'` where the key is an expression.
fn unique_constraint(what: &str) -> String {
    if let Some(index) = what.strip_prefix("index '") {
        return index.trim_end_matches('\'').to_owned();
    }
    // The keys of a table without its tenant beside one with it.
    if let Some(name @ ("username" | "email")) = what.strip_prefix("users.") {
        return format!("uq_users_superadmin_{name}");
    }
    let table = what.split_once('.').map_or(what, |(table, _)| table);
    let columns = what.split(", ").filter_map(|column| column.split_once('.').map(|(_, name)| name));
    let columns: Vec<&str> = columns.filter(|name| *name != "tenant_id").collect();
    let key = format!("{table}_{}", columns.join("_"));
    match NAMED.iter().find(|(columns, _)| *columns == key) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("uq_{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(table, columns, name)` of the schema's named unique constraints and indexes.
    fn unique_constraints() -> Vec<(String, String, String)> {
        let mut found: Vec<(String, String, String)> = Vec::new();
        let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migration/sql")).unwrap();
        let mut folders: Vec<_> = folders.map(|folder| folder.unwrap()).collect();
        folders.sort_by_key(|folder| {
            let name = folder.file_name().into_string().unwrap();
            name.split_once('_').unwrap().0.parse::<u32>().unwrap()
        });
        for folder in folders {
            let texts = ["tables.sql", "changes.sql"].map(|file| std::fs::read_to_string(folder.path().join(file)));
            let sql: String = texts.into_iter().filter_map(Result::ok).collect();
            let mut table = String::new();
            for line in sql.lines() {
                if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
                    table = rest.split(' ').next().unwrap().to_owned();
                }
                let Some((_, rest)) = line.split_once("uq_") else { continue };
                if line.starts_with("DROP INDEX") {
                    let dropped = format!("uq_{}", rest.trim_end_matches(';'));
                    found.retain(|(_, _, name)| *name != dropped);
                    continue;
                }
                // An index names its table itself.
                if let Some((_, on)) = rest.split_once(" ON ") {
                    table = on.split(' ').next().unwrap().to_owned();
                }
                let name = format!("uq_{}", rest.split(' ').next().unwrap());
                let columns = match rest.split_once('(') {
                    // A constraint of the one column that the line begins with.
                    _ if line.contains("UNIQUE CHECK") => line.trim().split(' ').next().unwrap(),
                    Some((_, columns)) => columns.split(')').next().unwrap(),
                    None => panic!("{line}"),
                };
                found.push((table.clone(), columns.to_owned(), name));
            }
        }
        found
    }

    #[test]
    fn sqlite_conflicts_get_the_names_of_the_schema() {
        let constraints = unique_constraints();
        assert!(constraints.len() > 15, "{constraints:?}");
        for (table, columns, name) in constraints {
            // Keys that only others refer to: they end in the primary key.
            if columns.ends_with(" id") {
                continue;
            }
            let columns: Vec<String> = columns.split(", ").map(|column| format!("{table}.{column}")).collect();
            let message = format!("UNIQUE constraint failed: {}", columns.join(", "));
            let Some(StoreError::Conflict { constraint }) = sqlite_error(2067, &message) else { panic!("{message}") };
            assert_eq!(constraint, name);
        }
        let primary = sqlite_error(1555, "UNIQUE constraint failed: messages.tenant_id, messages.id");
        assert!(matches!(primary, Some(StoreError::Conflict { constraint }) if constraint == "messages_pkey"));
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
        let trigger = sqlite_error(1811, "messages_status_step: a message may not take this step");
        assert!(matches!(trigger, Some(StoreError::Check(name)) if name == "messages_status_step"));
        assert!(postgres_error("42601", None, "syntax").is_none());
    }

    #[test]
    fn a_full_pool_is_unavailable() {
        assert!(matches!(store_error(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)), StoreError::Unavailable(_)));
    }
}
