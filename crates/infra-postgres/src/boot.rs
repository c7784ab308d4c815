//! What is checked before the program serves a database.
//!
//! Row-level security holds only for roles that own nothing and bypass nothing, so the program
//! refuses a login with more rights than it needs.

use migration::postgres::{APP, JOBS, OWNER, SIGN_IN};
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

use crate::{
    error::PostgresError,
    options::PostgresOptions,
    urls::{PostgresUrls, Target},
};

/// The oldest server: `GRANT … WITH INHERIT FALSE, SET TRUE` came with 16.
const OLDEST_SERVER: i32 = 160_000;
/// The oldest pgvector: iterative scans came with 0.8.
const OLDEST_PGVECTOR: (u32, u32) = (0, 8);

/// Opens one connection outside any pool.
pub(crate) async fn connect(target: &Target, settings: &PostgresOptions) -> Result<PgConnection, PostgresError> {
    match timeout(settings.connect_timeout, PgConnection::connect_with(&target.options)).await {
        Ok(connected) => connected.map_err(|error| PostgresError::connecting(target, error)),
        Err(_) => Err(PostgresError::connecting(target, sqlx::Error::PoolTimedOut)),
    }
}

/// Refuses a server, extension or login that does not fit.
pub(crate) async fn check(urls: &PostgresUrls, settings: &PostgresOptions) -> Result<(), PostgresError> {
    for (url, roles) in urls.logins() {
        let mut connection = connect(&urls.options_of(url)?, settings).await?;
        // In one transaction: behind a pooler each could be on another connection.
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        server_version(&mut connection).await?;
        login(&mut connection, &roles).await?;
        pgvector(&mut connection).await?;
        sqlx::raw_sql("ROLLBACK").execute(&mut connection).await?;
        connection.close().await?;
    }
    Ok(())
}

async fn server_version(connection: &mut PgConnection) -> Result<(), PostgresError> {
    let row = sqlx::query("SELECT current_setting('server_version_num')::int4, current_setting('server_version')")
        .persistent(false)
        .fetch_one(connection)
        .await?;
    if row.try_get::<i32, _>(0)? < OLDEST_SERVER {
        return Err(PostgresError::ServerVersion(row.try_get(1)?));
    }
    Ok(())
}

async fn pgvector(connection: &mut PgConnection) -> Result<(), PostgresError> {
    let version: Option<String> = sqlx::query_scalar("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        .persistent(false)
        .fetch_optional(connection)
        .await?;
    let Some(version) = version else { return Err(PostgresError::Pgvector { found: "is missing".to_owned() }) };
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < OLDEST_PGVECTOR {
        return Err(PostgresError::Pgvector { found: format!("is version {version}") });
    }
    Ok(())
}

/// The login must own nothing, bypass nothing, and be able to take its roles and no other one of ours, nor
/// one of PostgreSQL's own, which reach past all tables' rights.
async fn login(connection: &mut PgConnection, roles: &[&str]) -> Result<(), PostgresError> {
    let row = sqlx::query(
        "SELECT session_user::text, current_user::text, r.rolsuper, r.rolbypassrls, \
           EXISTS (SELECT 1 FROM pg_shdepend d JOIN pg_database b ON b.datname = current_database() \
             WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid AND d.deptype = 'o' \
               AND (d.dbid = b.oid OR d.dbid = 0 AND d.classid = 'pg_database'::regclass AND d.objid = b.oid)) \
         FROM pg_roles r WHERE r.rolname = session_user",
    )
    .persistent(false)
    .fetch_one(&mut *connection)
    .await?;
    let login: String = row.try_get(0)?;
    let refuse = |problem: String| Err(PostgresError::Roles { login: login.clone(), problem });
    if row.try_get::<bool, _>(2)? {
        return refuse("is a superuser, whom row-level security does not bind".to_owned());
    }
    if row.try_get::<bool, _>(3)? {
        return refuse("has BYPASSRLS, so row-level security does not bind it".to_owned());
    }
    if row.try_get::<bool, _>(4)? {
        return refuse("owns objects of this database, whose owner row-level security need not bind".to_owned());
    }
    if row.try_get::<String, _>(1)? != login {
        return refuse(format!("works as '{}' from the start", row.try_get::<String, _>(1)?));
    }
    let beyond: Option<String> = sqlx::query_scalar(
        "SELECT r.rolname::text FROM pg_roles r WHERE pg_has_role(session_user, r.oid, 'MEMBER') \
           AND (r.rolname = ANY ($1) OR r.rolname LIKE 'pg\\_%') LIMIT 1",
    )
    // The owner has the rights of the look-ups' role, and whoever takes the owner's role reaches them.
    .bind(
        [OWNER, APP, JOBS, SIGN_IN]
            .into_iter()
            .filter(|role| !roles.contains(role) && (*role != SIGN_IN || !roles.contains(&OWNER)))
            .collect::<Vec<_>>(),
    )
    .persistent(false)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(beyond) = beyond {
        return refuse(format!("is a member of {beyond}, which is not for it"));
    }
    for role in roles {
        // As the catalogue's own privileges: to take the role, and to have its rights without that.
        let row = sqlx::query(
            "SELECT r.rolsuper OR r.rolbypassrls, pg_has_role(session_user, r.oid, 'SET'), \
               pg_has_role(session_user, r.oid, 'USAGE') \
             FROM pg_roles r WHERE r.rolname = $1",
        )
        .bind(role)
        .persistent(false)
        .fetch_optional(&mut *connection)
        .await?;
        let Some(row) = row else { return refuse(format!("cannot take the role {role}, which does not exist")) };
        if row.try_get::<bool, _>(0)? {
            return refuse(format!("would take the role {role}, which is superuser or has BYPASSRLS"));
        }
        if !row.try_get::<bool, _>(1)? {
            return refuse(format!("is no member of {role} WITH SET TRUE"));
        }
        if row.try_get::<bool, _>(2)? {
            return refuse(format!("inherits the rights of {role}; it must be a member WITH INHERIT FALSE"));
        }
    }
    Ok(())
}
