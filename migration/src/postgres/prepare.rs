//! The preparation that a superuser does once for each database.

use std::time::Duration;

use sea_orm_migration::{
    DbErr,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement, TransactionTrait, TryGetable, Value},
};

use super::{APP, INSUFFICIENT_PRIVILEGE, JOBS, OWNER, SIGN_IN, has_state};
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
    /// Nobody but superusers makes large objects, which know no tenant.
    pub without_large_objects: bool,
}

/// A login that is to be there.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its password; `None`: as it is.
    pub password: Option<&'a str>,
    /// The roles that it takes, of [`OWNER`], [`APP`] and [`JOBS`]; of the others it is no member.
    pub roles: &'a [&'a str],
}

/// Makes, in the database of `admin`, what a running program cannot: the roles, the logins as their
/// members, the extension `vector`, the right of the owner to create tables. What is there already is left,
/// so it may be called again and by several at once; given passwords are set, and memberships in roles that
/// a login is not to take are ended.
///
/// It takes from everybody what knows no tenant or outlives a transaction: large objects, temporary tables.
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
pub async fn prepare(admin: &DatabaseConnection, logins: &[Login<'_>]) -> Result<Prepared, MigrateError> {
    if admin.get_database_backend() != DbBackend::Postgres {
        return Err(MigrateError::NotPostgres);
    }
    check_server(admin).await?;
    for attempt in 1.. {
        match prepare_cluster(admin, logins).await {
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
    prepare_database(admin, logins).await?;
    Ok(Prepared {
        leakproof_search: make_search_leakproof(admin).await?,
        without_large_objects: close_large_objects(admin).await?,
    })
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
async fn prepare_cluster(admin: &DatabaseConnection, logins: &[Login<'_>]) -> Result<(), MigrateError> {
    let tx = admin.begin().await?;
    for role in [OWNER, APP, JOBS, SIGN_IN] {
        make_role(&tx, role).await?;
    }
    make_member(&tx, SIGN_IN, OWNER, true).await?;
    for login in logins {
        make_login(&tx, login).await?;
        for role in [OWNER, APP, JOBS] {
            if login.roles.contains(&role) {
                make_member(&tx, role, login.name, false).await?;
            } else {
                revoke(&tx, role, login.name).await?;
            }
        }
        revoke(&tx, SIGN_IN, login.name).await?;
    }
    Ok(tx.commit().await?)
}

/// Ends a membership, if there is one: without one PostgreSQL would warn.
async fn revoke(tx: &impl ConnectionTrait, role: &str, member: &str) -> Result<(), DbErr> {
    let is = "SELECT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = $1::text::regrole \
              AND m.member = quote_ident($2)::regrole)";
    if scalar::<bool>(tx, is, [role.into(), member.into()]).await? {
        tx.execute_unprepared(&format!("REVOKE {role} FROM {}", identifier(member))).await?;
    }
    Ok(())
}

/// Makes somebody a member of a role who may take it, and has its rights without that or not.
async fn make_member(tx: &impl ConnectionTrait, role: &str, member: &str, inherits: bool) -> Result<(), DbErr> {
    let is = "SELECT EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = $1::text::regrole \
              AND m.member = quote_ident($2)::regrole AND m.inherit_option = $3 AND m.set_option)";
    if !scalar::<bool>(tx, is, [role.into(), member.into(), inherits.into()]).await? {
        let sql = format!("GRANT {role} TO {} WITH INHERIT {inherits}, SET TRUE", identifier(member));
        tx.execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Makes one of the roles, or takes from it what would open the wall.
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
async fn make_login(tx: &impl ConnectionTrait, login: &Login<'_>) -> Result<(), MigrateError> {
    let Login { name: login, password, .. } = *login;
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
async fn prepare_database(admin: &DatabaseConnection, logins: &[Login<'_>]) -> Result<(), DbErr> {
    let tx = admin.begin().await?;
    let database: String = scalar(&tx, "SELECT current_database()::text", []).await?;
    // Several preparations of one database wait for each other.
    tx.execute_unprepared("SELECT pg_advisory_xact_lock(hashtext('banyan migrate prepare'))").await?;
    tx.execute_unprepared("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public").await?;
    let database = identifier(&database);
    tx.execute_unprepared(&format!(
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;
         REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
         GRANT USAGE, CREATE ON SCHEMA public TO {OWNER} WITH GRANT OPTION;
         GRANT USAGE ON SCHEMA public TO {APP}, {JOBS}, {SIGN_IN}",
    ))
    .await?;
    for login in logins {
        let sql = format!("GRANT CONNECT ON DATABASE {database} TO {}", identifier(login.name));
        tx.execute_unprepared(&sql).await?;
    }
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

/// Takes the functions of large objects from everybody; returns whether they are.
async fn close_large_objects(admin: &DatabaseConnection) -> Result<bool, DbErr> {
    let functions = "FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace \
                     AND proname ~ '^(lo_|loread$|lowrite$)'";
    let open = format!("SELECT EXISTS (SELECT {functions} AND has_function_privilege('{APP}', oid, 'EXECUTE'))");
    if !scalar::<bool>(admin, &open, []).await? {
        return Ok(true);
    }
    let revoke = format!(
        "DO $$
         DECLARE f regprocedure;
         BEGIN
             FOR f IN SELECT oid {functions} LOOP
                 EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
             END LOOP;
         END
         $$"
    );
    match admin.execute_unprepared(&revoke).await {
        Ok(_) => {}
        Err(error) if has_state(&error, INSUFFICIENT_PRIVILEGE) => {}
        // Another preparation of this database was at it in the same moment.
        Err(error) => return if scalar::<bool>(admin, &open, []).await? { Err(error) } else { Ok(true) },
    }
    let is_open = scalar::<bool>(admin, &open, []).await?;
    if is_open {
        tracing::warn!("the functions of large objects cannot be taken from everybody by this user");
    }
    Ok(!is_open)
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
