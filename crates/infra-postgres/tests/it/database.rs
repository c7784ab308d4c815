//! A database for each test, copied from a template that is migrated once for each build.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use domain::{
    clock::{Clock, SystemClock},
    ids::{IdGen, RandomIds},
};
use infra_postgres::{PostgresOptions, PostgresStore, PostgresUrls, migrate_up, prepare};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

/// Where the server for tests is, as superuser.
const URL_VARIABLE: &str = "BANYAN_TEST_POSTGRES_URL";
/// The login of the tests, and its password.
const LOGIN: (&str, &str) = ("banyan_test_login", "banyan-test");
/// The logins of tests that have one for each role: who serves, works in the background, owns the schema.
const LOGINS: [&str; 3] = ["banyan_test_serving", "banyan_test_background", "banyan_test_owner"];
/// Where a pooler before the test server takes connections, as a URL without a user; unset: there is none.
const POOLER_VARIABLE: &str = "BANYAN_TEST_POOLER_URL";
/// Templates of this crate's tests.
const TEMPLATE_PREFIX: &str = "banyan_it_template_";
/// Templates of other builds that are left.
const MAX_TEMPLATES: usize = 3;
/// Key of the advisory lock under which the template is made.
const TEMPLATE_LOCK: i64 = 0x6261_6e79_7465;

/// The URL of the server's superuser.
pub(crate) fn superuser_url() -> String {
    std::env::var(URL_VARIABLE).unwrap_or_else(|_| {
        panic!("{URL_VARIABLE} is not set: run the tests by `cargo xtask test`, or name a superuser of a test server")
    })
}

/// The superuser's URL with another database.
pub(crate) fn on_database(database: &str) -> String {
    let mut url = url::Url::parse(&superuser_url()).unwrap();
    url.set_path(database);
    url.into()
}

/// The URL of a login on a database of the test server.
pub(crate) fn as_login(login: &str, password: &str, database: &str) -> String {
    let mut url = url::Url::parse(&on_database(database)).unwrap();
    url.set_username(login).unwrap();
    url.set_password(Some(password)).unwrap();
    url.into()
}

/// A connection as superuser to the server's own database.
pub(crate) async fn superuser() -> PgConnection {
    PgConnection::connect(&superuser_url()).await.unwrap()
}

pub(crate) async fn run(connection: &mut PgConnection, sql: impl Into<String>) {
    let sql = sql.into();
    connection
        .execute(sqlx::raw_sql(AssertSqlSafe(sql.clone())))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A name that nobody else has.
pub(crate) fn unique(prefix: &str) -> String {
    format!("{prefix}{}", RandomIds.random().simple())
}

/// The migrated database that others are copied from: one for each build of the tests. The lock is
/// the connection's, until it is closed: tests of another build would drop the template.
async fn template(admin: &mut PgConnection) -> String {
    let program = std::env::current_exe().unwrap();
    let mut hasher = DefaultHasher::new();
    program.metadata().unwrap().modified().unwrap().hash(&mut hasher);
    let name = format!("{TEMPLATE_PREFIX}{:016x}", hasher.finish());
    run(admin, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    let rows = sqlx::query("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)")
        .bind(TEMPLATE_PREFIX)
        .fetch_all(&mut *admin)
        .await
        .unwrap();
    let present: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if !present.contains(&name) {
        // Those of older builds; one that is in use this moment may be among the last ones.
        for old in present.iter().skip(MAX_TEMPLATES) {
            run(admin, format!("DROP DATABASE IF EXISTS {old} WITH (FORCE)")).await;
        }
        let building = unique("banyan_it_building_");
        let login = as_login(LOGIN.0, LOGIN.1, &building).as_str().into();
        for urls in [&login, &split_urls(&building)] {
            prepare(&superuser_url(), urls, &PostgresOptions::default()).await.unwrap();
        }
        migrate_up(&login, &PostgresOptions::default()).await.unwrap();
        // Only a whole template has the name.
        run(admin, format!("ALTER DATABASE {building} RENAME TO {name}")).await;
    }
    name
}

/// A login for each role, on a database.
fn split_urls(database: &str) -> PostgresUrls {
    let [serving, background, owner] = LOGINS.map(|login| as_login(login, LOGIN.1, database));
    PostgresUrls { serving, background: Some(background), owner: Some(owner), ..PostgresUrls::default() }
}

/// The clock of tests that look at no time.
pub(crate) fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// A migrated, empty database that goes with the test.
pub(crate) struct TestDatabase {
    pub(crate) name: String,
    /// The login's URL.
    pub(crate) url: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        let mut admin = superuser().await;
        let template = template(&mut admin).await;
        let name = unique("banyan_it_");
        run(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")).await;
        admin.close().await.unwrap();
        Self { url: as_login(LOGIN.0, LOGIN.1, &name), name }
    }

    /// How a store connects: by one login, or behind a pooler by three.
    pub(crate) fn urls(&self) -> PostgresUrls {
        let Ok(pooler) = std::env::var(POOLER_VARIABLE) else { return self.url.as_str().into() };
        let behind = |login: &str| {
            let mut url = url::Url::parse(&pooler).unwrap();
            url.set_path(&self.name);
            url.set_username(login).and_then(|()| url.set_password(Some(LOGIN.1))).unwrap();
            String::from(url)
        };
        let direct = self.split_urls();
        PostgresUrls {
            serving: behind(LOGINS[0]),
            background: Some(behind(LOGINS[1])),
            listen: direct.background.clone(),
            ..direct
        }
    }

    /// A login for each role.
    pub(crate) fn split_urls(&self) -> PostgresUrls {
        split_urls(&self.name)
    }

    /// A store on it by the system's clock.
    pub(crate) async fn store(&self) -> PostgresStore {
        self.store_by(system_clock()).await
    }

    /// A store on it, with small pools, so that tests may run at once.
    pub(crate) async fn store_by(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        self.store_with(PostgresOptions::default(), clock).await
    }

    /// The same whose searches are answered by the database alone.
    pub(crate) async fn store_without_memory(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        let options = PostgresOptions { words_cache_bytes: 0, vector_cache_bytes: 0, ..PostgresOptions::default() };
        self.store_with(options, clock).await
    }

    async fn store_with(&self, options: PostgresOptions, clock: Arc<dyn Clock>) -> PostgresStore {
        // A pooler opens connections too, each with a handshake of its own.
        let acquire_timeout = options.acquire_timeout * if std::env::var_os(POOLER_VARIABLE).is_some() { 5 } else { 1 };
        let options = PostgresOptions { app_connections: 8, job_connections: 4, acquire_timeout, ..options };
        PostgresStore::connect(&self.urls(), &options, clock).await.unwrap()
    }

    /// A connection as superuser, who sees past every policy.
    pub(crate) async fn superuser(&self) -> PgConnection {
        PgConnection::connect(&on_database(&self.name)).await.unwrap()
    }
}

impl Drop for TestDatabase {
    /// Drops it, after a test that failed too.
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut admin = superuser().await;
                run(&mut admin, format!("DROP DATABASE {name} WITH (FORCE)")).await;
            });
        });
        if dropping.join().is_err() {
            eprintln!("a database of the tests was left behind");
        }
    }
}
