//! The preparation that a superuser does once for each database.

use std::time::Duration;

use sea_orm_migration::{
    DbErr,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait, TryGetable, Value},
};

use super::{APP, INSUFFICIENT_PRIVILEGE, JOBS, OWNER, has_state};
use crate::MigrateError;

/// Roles are the cluster's: two preparations at once, in different databases, may meet in them.
const ATTEMPTS: u32 = 20;
/// Pause after the first such meeting; it grows with each.
const PAUSE: Duration = Duration::from_millis(25);
/// What PostgreSQL reports then: unique violation, duplicate object, serialization failure, and
/// "tuple concurrently updated", an internal error without a state of its own.
const MEETING_STATES: &[&str] = &["23505", "42710", "40001", "XX000"];

/// Oldest server: memberships WITH INHERIT FALSE, SET TRUE, as `server_version_num`.
const OLDEST_SERVER: i32 = 160_000;
/// Oldest pgvector: iterative index scans.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

/// What [`prepare`] could do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prepared {
    /// The full-text match is leakproof. Where it is not, search works and is slower.
    pub leakproof_search: bool,
}

/// Makes, in the database of `admin`, what a running program cannot: the three roles, the login as
/// their member, the extension `vector`, the right of the owner to create tables. What is there
/// already is left, so it may be called again and by several at once; a given password is set.
///
/// It also says `ALTER FUNCTION ts_match_vq(tsvector, tsquery) LEAKPROOF`: under row-level security
/// PostgreSQL evaluates a function that might tell of hidden rows only after the policy, and so would
/// never use the full-text index. This one raises no error that shows a value. Where the right to say
/// so is refused, a warning is logged.
///
/// # Errors
/// [`MigrateError::ServerTooOld`], [`MigrateError::PgvectorMissing`], [`MigrateError::PgvectorTooOld`],
/// [`MigrateError::PrivilegedLogin`] where the login is there and has rights that it must not have,
/// [`MigrateError::NotPostgres`], or what the database reported.
pub async fn prepare(
    admin: &DatabaseConnection,
    login: &str,
    password: Option<&str>,
) -> Result<Prepared, MigrateError> {
    if admin.get_database_backend() != DbBackend::Postgres {
        return Err(MigrateError::NotPostgres);
    }
    check_server(admin).await?;
    for attempt in 1.. {
        match prepare_cluster(admin, login, password).await {
            Err(MigrateError::Database(error))
                if attempt < ATTEMPTS && MEETING_STATES.iter().any(|state| has_state(&error, state)) =>
            {
                tokio::time::sleep(PAUSE * attempt).await;
            }
            result => {
                result?;
                break;
            }
        }
    }
    prepare_database(admin, login).await?;
    Ok(Prepared { leakproof_search: make_search_leakproof(admin).await? })
}

/// Checks the versions of server and extension before anything is changed.
async fn check_server(admin: &DatabaseConnection) -> Result<(), MigrateError> {
    let number: i32 = scalar(admin, "SELECT current_setting('server_version_num')::integer", []).await?;
    if number < OLDEST_SERVER {
        let found = scalar(admin, "SELECT current_setting('server_version')", []).await?;
        return Err(MigrateError::ServerTooOld { found });
    }
    let version = "SELECT (SELECT coalesce(installed_version, default_version) FROM pg_available_extensions \
                   WHERE name = 'vector')";
    let Some(found) = scalar::<Option<String>>(admin, version, []).await? else {
        return Err(MigrateError::PgvectorMissing { major: number.unsigned_abs() / 10_000 });
    };
    let mut parts = found.split('.').map(|part| part.parse().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST_PGVECTOR {
        return Err(MigrateError::PgvectorTooOld { found });
    }
    Ok(())
}

/// Roles and memberships, in one transaction that may be tried again.
async fn prepare_cluster(admin: &DatabaseConnection, login: &str, password: Option<&str>) -> Result<(), MigrateError> {
    let tx = admin.begin().await?;
    for role in [OWNER, APP, JOBS] {
        make_role(&tx, role).await?;
    }
    make_login(&tx, login, password).await?;
    for role in [OWNER, APP, JOBS] {
        let member = "SELECT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = $1::text::regrole \
                      AND m.member = quote_ident($2)::regrole AND NOT m.inherit_option AND m.set_option)";
        if !scalar::<bool>(&tx, member, [role.into(), login.into()]).await? {
            let sql = format!("GRANT {role} TO {} WITH INHERIT FALSE, SET TRUE", identifier(login));
            tx.execute_unprepared(&sql).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Makes one of the three roles, or takes from it what would open the wall.
async fn make_role(tx: &impl ConnectionTrait, role: &str) -> Result<(), DbErr> {
    let attributes = "NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION";
    let as_it_should_be = "SELECT NOT (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole \
                           OR rolreplication) FROM pg_roles WHERE rolname = $1";
    match optional::<bool>(tx, as_it_should_be, [role.into()]).await? {
        Some(true) => Ok(()),
        Some(false) => tx.execute_unprepared(&format!("ALTER ROLE {role} {attributes}")).await.map(drop),
        None => tx.execute_unprepared(&format!("CREATE ROLE {role} {attributes}")).await.map(drop),
    }
}

/// Makes the login. One that is there keeps its rights, so it must not have any that open the wall.
async fn make_login(tx: &impl ConnectionTrait, login: &str, password: Option<&str>) -> Result<(), MigrateError> {
    let privileged = "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = $1";
    match optional::<bool>(tx, privileged, [login.into()]).await? {
        Some(true) => return Err(MigrateError::PrivilegedLogin { login: login.to_owned() }),
        Some(false) => {}
        None => {
            tx.execute_unprepared(&format!("CREATE ROLE {} LOGIN", identifier(login))).await?;
        }
    }
    if let Some(password) = password {
        let sql = format!("ALTER ROLE {} LOGIN PASSWORD {}", identifier(login), literal(password));
        tx.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// The rights inside this database, and its extension.
async fn prepare_database(admin: &DatabaseConnection, login: &str) -> Result<(), DbErr> {
    let tx = admin.begin().await?;
    let database: String = scalar(&tx, "SELECT current_database()::text", []).await?;
    // Several preparations of one database wait for each other.
    tx.execute_unprepared("SELECT pg_advisory_xact_lock(hashtext('banyan migrate prepare'))").await?;
    tx.execute_unprepared("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public").await?;
    tx.execute_unprepared(&format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         GRANT CONNECT ON DATABASE {} TO {};
         GRANT USAGE, CREATE ON SCHEMA public TO {OWNER};
         GRANT USAGE ON SCHEMA public TO {APP}, {JOBS}",
        identifier(&database),
        identifier(login),
    ))
    .await?;
    tx.commit().await
}

/// Marks the full-text match leakproof; returns whether it is.
async fn make_search_leakproof(admin: &DatabaseConnection) -> Result<bool, DbErr> {
    let is = "SELECT proleakproof FROM pg_proc WHERE oid = 'pg_catalog.ts_match_vq(tsvector, tsquery)'::regprocedure";
    if scalar(admin, is, []).await? {
        return Ok(true);
    }
    let sql = "ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF";
    match admin.execute_unprepared(sql).await {
        Ok(_) => Ok(true),
        Err(error) if has_state(&error, INSUFFICIENT_PRIVILEGE) => {
            tracing::warn!("ts_match_vq cannot be marked leakproof by this user; full-text search will be slower");
            Ok(false)
        }
        // Another preparation of this database was at it in the same moment.
        Err(error) => scalar::<bool>(admin, is, []).await?.then_some(true).ok_or(error),
    }
}

/// The one value of a query, if it returns a row.
async fn optional<T: TryGetable>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, DbErr> {
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, values);
    db.query_one_raw(statement).await?.map(|row| row.try_get_by_index(0)).transpose()
}

/// The one value of a query that always returns a row.
async fn scalar<T: TryGetable>(
    db: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<T, DbErr> {
    optional(db, sql, values).await?.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))
}

/// A quoted identifier.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted string, whatever `standard_conforming_strings` says.
fn literal(value: &str) -> String {
    format!(" E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords_cannot_break_out_of_their_quotes() {
        assert_eq!(identifier(r#"a"; DROP ROLE b; --"#), r#""a""; DROP ROLE b; --""#);
        assert_eq!(literal(r"it's \' here"), r" E'it''s \\'' here'");
    }
}
