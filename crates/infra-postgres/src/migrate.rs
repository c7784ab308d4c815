//! The schema: preparation by an administrator, then migrations by the login.

use migration::postgres::{APP, Login, Prepared};
use percent_encoding::percent_decode_str;
use sea_orm::DatabaseConnection;
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};

use crate::{
    boot,
    error::PostgresError,
    options::PostgresOptions,
    urls::{PostgresUrls, Target},
};

/// `duplicate_database`: somebody else made it in the same moment.
const DUPLICATE_DATABASE: &str = "42P04";
/// `undefined_table` and `insufficient_privilege`: nobody has migrated it so far that its login could see how far.
const UNSEEN_STATES: &[&str] = &["42P01", "42501"];

/// A migration and whether it has been applied.
pub type MigrationState = migration::MigrationState;

/// Applies the migrations that are pending, as the role that owns the schema; returns how many.
/// Of several processes that do so at once one migrates and the others wait.
///
/// # Errors
/// [`PostgresError`], when the database cannot be reached or does not fit, or a migration fails; then
/// nothing has changed.
pub async fn migrate_up(urls: &PostgresUrls, settings: &PostgresOptions) -> Result<usize, PostgresError> {
    let owner = urls.owner()?;
    // Before any statement of a migration, whose own words would not say what to do.
    boot::check(urls, settings).await?;
    with_connection(&owner, settings, async |db| Ok(migration::up(db).await?)).await
}

/// Takes back the newest `steps` migrations with what is stored in their tables; returns how many.
///
/// # Errors
/// As [`migrate_up`].
pub async fn migrate_down(urls: &PostgresUrls, steps: u32, settings: &PostgresOptions) -> Result<usize, PostgresError> {
    with_connection(&urls.owner()?, settings, async |db| Ok(migration::down(db, steps).await?)).await
}

/// All migrations, oldest first.
///
/// # Errors
/// As [`migrate_up`].
pub async fn migrate_status(
    urls: &PostgresUrls,
    settings: &PostgresOptions,
) -> Result<Vec<MigrationState>, PostgresError> {
    with_connection(&urls.owner()?, settings, async |db| Ok(migration::status(db).await?)).await
}

/// How many migrations are missing, also where the owner's login is not known.
pub(crate) async fn pending(urls: &PostgresUrls, settings: &PostgresOptions) -> Result<usize, PostgresError> {
    match migrate_status(urls, settings).await {
        Ok(migrations) => return Ok(migrations.iter().filter(|migration| !migration.applied).count()),
        Err(PostgresError::NoOwner) => {}
        Err(error) => return Err(error),
    }
    let mut connection = boot::connect(&urls.serving()?, settings).await?;
    let read = format!("BEGIN; SET LOCAL ROLE {APP}; SELECT version FROM public.seaql_migrations; ROLLBACK");
    let rows = sqlx::raw_sql(AssertSqlSafe(read)).fetch_all(&mut connection).await.map_err(|error| {
        let code = error.as_database_error().and_then(|error| error.code());
        if code.is_some_and(|code| UNSEEN_STATES.contains(&&*code)) { PostgresError::Older } else { error.into() }
    })?;
    let applied = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    Ok(migration::names().filter(|name| !applied.contains(name)).count())
}

/// Makes what a running program cannot, with the rights of `admin_url`: the database of the URL that serves,
/// the logins of all URLs with the passwords given there, the roles and the extension. What is there already
/// is left, so it may be run again.
///
/// # Errors
/// [`PostgresError`]; the next run goes on from there.
pub async fn prepare(
    admin_url: &str,
    urls: &PostgresUrls,
    settings: &PostgresOptions,
) -> Result<Prepared, PostgresError> {
    let admin = urls.admin(admin_url)?;
    let serving = urls.serving()?.options;
    let database = serving.get_database().unwrap_or(serving.get_username());
    make_database(&admin, database, settings).await.map_err(PostgresError::preparing)?;
    let mut logins = Vec::new();
    for (url, roles) in urls.logins() {
        logins.push((urls.options_of(url)?.options.get_username().to_owned(), password(url), roles));
    }
    let logins: Vec<_> =
        logins.iter().map(|(name, password, roles)| Login { name, password: password.as_deref(), roles }).collect();
    let admin = Target { options: admin.options.database(database), ..admin };
    let work = async |db: &DatabaseConnection| Ok(migration::postgres::prepare(db, &logins).await?);
    with_connection(&admin, settings, work).await.map_err(PostgresError::preparing)
}

/// The password of a URL; the driver's options keep it to themselves.
fn password(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    Some(percent_decode_str(url.password()?).decode_utf8_lossy().into_owned())
}

async fn make_database(admin: &Target, name: &str, settings: &PostgresOptions) -> Result<(), PostgresError> {
    let mut connection = boot::connect(admin, settings).await?;
    let statement: Option<String> = sqlx::query_scalar(
        "SELECT format('CREATE DATABASE %I', $1) WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = $1)",
    )
    .bind(name)
    .fetch_optional(&mut connection)
    .await?;
    let Some(statement) = statement else { return Ok(()) };
    match sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await {
        Ok(_) => Ok(()),
        Err(error) if error.as_database_error().and_then(|e| e.code()).as_deref() == Some(DUPLICATE_DATABASE) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Does the work on one connection, without the bounds of time that serving has.
async fn with_connection<T>(
    target: &Target,
    settings: &PostgresOptions,
    work: impl AsyncFnOnce(&DatabaseConnection) -> Result<T, PostgresError>,
) -> Result<T, PostgresError> {
    let pool: PgPool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(settings.connect_timeout)
        .connect_with(target.options.clone())
        .await
        .map_err(|error| PostgresError::connecting(target, error))?;
    let done = work(&DatabaseConnection::from(pool.clone())).await;
    pool.close().await;
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_of_a_url_is_decoded() {
        assert_eq!(password("postgres://a:p%40ss+w%25rd@h/d").as_deref(), Some("p@ss+w%rd"));
        assert_eq!(password("postgres://a@h/d"), None);
    }
}
