//! Fresh databases, migrated, on SQLite and PostgreSQL.

use std::sync::atomic::{AtomicU32, Ordering};

use migration::{Migrator, postgres};
use sea_orm_migration::{
    MigratorTrait,
    sea_orm::{
        ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
        Statement, TransactionTrait, TryGetable,
    },
};

/// The login that acts as the roles; one for all tests, as roles are the cluster's.
pub(crate) const LOGIN: &str = "banyan_migration_tests";
/// Its password, good for nothing else.
const PASSWORD: &str = "it's a \"test\"";

/// A login that takes every role.
pub(crate) fn login(name: &str) -> postgres::Login<'_> {
    let roles = &[postgres::OWNER, postgres::APP, postgres::JOBS];
    postgres::Login { name, password: Some(PASSWORD), roles }
}

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A database of its own for one test.
pub(crate) struct TestDatabase {
    /// Where the test works: on PostgreSQL as the login, which is nothing but a member of the roles.
    pub(crate) db: DatabaseConnection,
    postgres: Option<Admin>,
}

/// The superuser's side of a PostgreSQL database.
struct Admin {
    server: DatabaseConnection,
    inside: DatabaseConnection,
    name: String,
}

impl TestDatabase {
    /// An empty SQLite database in memory.
    pub(crate) async fn sqlite() -> Self {
        Self { db: connect("sqlite::memory:").await, postgres: None }
    }

    /// An empty, prepared PostgreSQL database.
    pub(crate) async fn postgres() -> Self {
        let url = server_url();
        let server = connect(&url).await;
        let name = format!("migration_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed));
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let inside = connect(&format!("{}/{name}", address(&url))).await;
        let prepared = postgres::prepare(&inside, &[login(LOGIN)]).await.unwrap();
        assert!(prepared.leakproof_search && prepared.without_large_objects);
        let user = format!("{LOGIN}:it%27s%20a%20%22test%22");
        let db = connect(&format!("postgres://{user}@{}/{name}", host(&url))).await;
        Self { db, postgres: Some(Admin { server, inside, name }) }
    }

    /// The same, migrated.
    pub(crate) async fn migrated(self) -> Self {
        migration::up(&self.db).await.unwrap();
        self
    }

    /// The same, as the program before this migration left it.
    pub(crate) async fn migrated_before(self, name: &str) -> Self {
        let migrations = Migrator::migrations();
        let before =
            migrations.iter().position(|migration| migration.name() == name).expect("there is no such migration");
        let tx = self.begin_as(postgres::OWNER, "").await;
        Migrator::up(&tx, Some(u32::try_from(before).unwrap())).await.unwrap();
        tx.commit().await.unwrap();
        self
    }

    /// A connection that may read every catalogue.
    pub(crate) fn admin(&self) -> &DatabaseConnection {
        self.postgres.as_ref().map_or(&self.db, |admin| &admin.inside)
    }

    /// The URL of this PostgreSQL database for `user:password`.
    pub(crate) fn url_for(&self, user: &str) -> String {
        let name = self.postgres.as_ref().map_or("", |admin| &admin.name);
        format!("postgres://{user}@{}/{name}", host(&server_url()))
    }

    /// Whether this is PostgreSQL.
    pub(crate) fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Begins a transaction as a role of PostgreSQL within a tenant (SQLite knows neither).
    pub(crate) async fn begin_as(&self, role: &str, tenant: &str) -> DatabaseTransaction {
        let tx = self.db.begin().await.unwrap();
        if self.is_postgres() {
            let sql = format!("SET LOCAL ROLE {role}; SELECT set_config('app.tenant_id', '{tenant}', true)");
            tx.execute_unprepared(&sql).await.unwrap();
        }
        tx
    }

    /// Closes and removes the database.
    pub(crate) async fn remove(self) {
        self.db.close().await.unwrap();
        if let Some(admin) = self.postgres {
            admin.inside.close().await.unwrap();
            admin.server.execute_unprepared(&format!("DROP DATABASE {} WITH (FORCE)", admin.name)).await.unwrap();
        }
    }
}

/// The superuser's URL. Tests on PostgreSQL fail without one; they are never skipped in silence.
fn server_url() -> String {
    std::env::var("BANYAN_TEST_POSTGRES_URL").unwrap_or_else(|_| {
        panic!("BANYAN_TEST_POSTGRES_URL is not set; run the tests by `cargo xtask test`, which starts PostgreSQL")
    })
}

/// A URL without its database.
fn address(url: &str) -> &str {
    url.rsplit_once('/').expect("the URL must name a database").0
}

/// Host and port of a URL.
fn host(url: &str) -> &str {
    address(url).rsplit_once('@').expect("the URL must name a user").1
}

/// A pool; SQLite in memory has one connection, which is the database.
pub(crate) async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(if url.starts_with("sqlite") { 1 } else { 8 }).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}

/// The first column of what a query returns.
pub(crate) async fn column<T: TryGetable>(db: &impl ConnectionTrait, sql: &str) -> Result<Vec<T>, DbErr> {
    let backend = db.get_database_backend();
    let rows = db.query_all_raw(Statement::from_string(backend, sql)).await?;
    rows.iter().map(|row| row.try_get_by_index(0)).collect()
}

/// Tables and triggers, and on PostgreSQL functions and types too: what a migration may leave behind.
pub(crate) async fn objects(db: &impl ConnectionTrait) -> Vec<String> {
    let sql = if db.get_database_backend() == DbBackend::Postgres {
        "SELECT 'relation ' || relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
         UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
         UNION ALL SELECT 'policy ' || polname FROM pg_policy
         UNION ALL SELECT 'function ' || p.proname FROM pg_proc p
            WHERE p.pronamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
         ORDER BY 1"
    } else {
        "SELECT type || ' ' || name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1"
    };
    column(db, sql).await.unwrap()
}
