//! A login for each role, and what whoever runs any SQL as one of them gets.

use std::sync::Arc;

use domain::{
    access::Scope,
    clock::SystemClock,
    identity::User,
    store::{Mode, Store, StoreError},
};
use infra_postgres::{PostgresError, PostgresOptions, PostgresStore, PostgresUrls, migrate_down, migrate_up, prepare};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, postgres::PgRow};
use storage_testkit::{World, scopes};

use crate::database::{TestDatabase, as_login, run, superuser_url, system_clock};

/// The hash of each password of these tests, behind its salt.
const HASH: &str = "dGhlIGhhc2ggb2YgYSBwYXNzd29yZA";
/// `insufficient_privilege`.
const DENIED: &str = "42501";
/// `check_violation`.
const CHECK: &str = "23514";

async fn connect(urls: &PostgresUrls) -> Result<PostgresStore, PostgresError> {
    PostgresStore::connect(urls, &PostgresOptions::default(), Arc::new(SystemClock)).await
}

/// A database with two tenants, whose people have passwords, and a superadmin; set up.
struct Filled {
    database: TestDatabase,
    store: Arc<PostgresStore>,
    own: User,
    other: User,
}

impl Filled {
    async fn new() -> Self {
        let database = TestDatabase::create().await;
        let urls = database.split_urls();
        // A copy of a database does not have what was granted on the database itself.
        prepare(&superuser_url(), &urls, &PostgresOptions::default()).await.unwrap();
        let store = Arc::new(connect(&urls).await.unwrap());
        let world = World::new(Arc::clone(&store) as Arc<dyn Store>);
        let cast = world.cast().await;
        let root = world.make.user(None, "root");
        let installation = Scope::system("test");
        let at = world.make.now();
        world.write(&installation, async |tx| tx.users().insert(&root).await).await;
        let hash = format!("$argon2id$v=19$m=47104,t=1,p=1$c2FsdHNhbHQ${HASH}");
        for (user, scope) in [
            (&cast.ada, scopes::system(&cast.ada)),
            (&cast.eve, scopes::system(&cast.eve)),
            (&root, installation.clone()),
        ] {
            world.write(&scope, async |tx| tx.users().set_password(user.id, &hash, at).await).await;
        }
        world.write(&installation, async |tx| tx.installation().complete_setup(None, at).await.map(drop)).await;
        Self { database, store, own: cast.ada, other: cast.eve }
    }

    /// What an attacker gets from a statement in the middle of a unit of work: all that it tells, or the SQLSTATE.
    async fn attempt(&self, url: &str, role: &str, tenant: &str, sql: &str) -> Result<String, String> {
        let mut connection = PgConnection::connect(url).await.unwrap();
        run(&mut connection, format!("BEGIN; SET LOCAL ROLE {role}; SET LOCAL app.tenant_id = '{tenant}'")).await;
        let sql = sql.replace("#own", &self.own.tenant_id.unwrap().to_string());
        let sql = sql.replace("#other", &self.other.tenant_id.unwrap().to_string());
        let sql = sql.replace("#email", self.other.email.as_str());
        let outcome = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut connection).await;
        outcome
            .map(|rows| rows.iter().map(text).collect())
            .map_err(|error| error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned())
    }
}

/// All of a row, as the server wrote it.
fn text(row: &PgRow) -> String {
    (0..row.len()).map(|at| format!("{} ", row.try_get_raw(at).unwrap().as_str().unwrap_or("null"))).collect()
}

/// What no login may do.
const FOR_NOBODY: &[(&str, &str)] = &[
    ("SELECT password_hash FROM users", DENIED),
    ("SELECT u FROM users u", DENIED),
    ("SELECT to_jsonb(u) FROM users u", DENIED),
    ("SELECT set_config('app.tenant_id', '#other', true), (SELECT max(password_hash) FROM users)", DENIED),
    ("UPDATE users SET username = username RETURNING password_hash", DENIED),
    ("SELECT 1 FROM users WHERE password_hash LIKE '$argon2id%'", DENIED),
    ("SELECT rolpassword FROM pg_authid", DENIED),
    ("SET ROLE banyan_owner", DENIED),
    ("SET ROLE banyan_sign_in", DENIED),
    ("SELECT set_config('role', 'banyan_owner', true)", DENIED),
    ("SELECT set_config('role', 'banyan_sign_in', false)", DENIED),
    ("SET SESSION AUTHORIZATION postgres", DENIED),
    ("UPDATE installation SET set_up_at = NULL", CHECK),
    ("UPDATE installation SET setup_token_hash = repeat('a', 64)", CHECK),
    ("UPDATE installation SET set_up_at = NULL, setup_token_hash = NULL WHERE id = 1", CHECK),
    ("DELETE FROM installation", DENIED),
    ("INSERT INTO installation (id) VALUES (2)", DENIED),
    ("TRUNCATE installation", DENIED),
    ("ALTER TABLE installation DISABLE TRIGGER ALL", DENIED),
    ("SELECT lo_create(0)", DENIED),
    ("SELECT lo_from_bytea(0, '\\x00')", DENIED),
    ("SELECT lo_import('/etc/passwd')", DENIED),
    ("LOCK TABLE users", DENIED),
    ("LOCK TABLE installation", DENIED),
    ("LOCK TABLE usage_logs", DENIED),
    ("LOCK TABLE audit_logs", DENIED),
    ("DELETE FROM users", DENIED),
    ("CREATE TEMPORARY TABLE users (id uuid)", DENIED),
    ("CREATE TABLE public.mine (id uuid)", DENIED),
    ("CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", DENIED),
    ("ALTER TABLE users NO FORCE ROW LEVEL SECURITY", DENIED),
    ("COPY (SELECT 1) TO '/tmp/x'", DENIED),
    ("COPY users FROM PROGRAM 'id'", DENIED),
    ("SELECT pg_read_file('/etc/passwd')", DENIED),
];

/// What who serves may not do besides.
const NOT_FOR_SERVING: &[(&str, &str)] = &[
    ("SELECT * FROM sign_in_account_by_email('#email', NULL)", DENIED),
    ("SELECT * FROM sign_in_account_by_username('eve', NULL)", DENIED),
    ("SELECT sign_in_has_password('#own', 'x')", DENIED),
    ("SET ROLE banyan_jobs", DENIED),
    ("SELECT set_config('role', 'banyan_jobs', true)", DENIED),
    (
        "INSERT INTO users (id, email, username, is_active, email_verified) \
      VALUES (gen_random_uuid(), 'a@b.c', 'root2', true, true)",
        DENIED,
    ),
];

/// What who works in the background may not do besides.
const NOT_FOR_BACKGROUND: &[(&str, &str)] = &[
    ("SELECT * FROM sign_in_account_by_email('#email', NULL)", DENIED),
    ("SELECT sign_in_has_password('#own', 'x')", DENIED),
    ("SET ROLE banyan_app", DENIED),
    ("SELECT set_config('role', 'banyan_app', true)", DENIED),
    ("SELECT content FROM chunks", DENIED),
    ("SELECT title FROM conversations", DENIED),
    ("SELECT parts FROM messages", DENIED),
    ("SELECT data FROM stream_events", DENIED),
    ("SELECT key_hash FROM api_keys", DENIED),
    ("SELECT answer_body FROM idempotency_keys", DENIED),
    ("SELECT query FROM retrieval_runs", DENIED),
    (
        "INSERT INTO users (id, tenant_id, email, username, is_active, email_verified) \
      VALUES (gen_random_uuid(), '#own', 'a@b.c', 'mine', true, true)",
        DENIED,
    ),
];

#[tokio::test]
async fn s112_sql_as_a_login_reaches_no_password_and_no_further_role() {
    let filled = Filled::new().await;
    let urls = filled.database.split_urls();
    let own = filled.own.tenant_id.unwrap().to_string();
    let background = urls.background.clone().unwrap();
    let logins = [
        (urls.serving.as_str(), "banyan_app", own.as_str(), NOT_FOR_SERVING),
        (background.as_str(), "banyan_jobs", "", NOT_FOR_BACKGROUND),
    ];
    for (url, role, tenant, own_cases) in logins {
        for (sql, state) in FOR_NOBODY.iter().chain(own_cases) {
            let outcome = filled.attempt(url, role, tenant, sql).await;
            assert_eq!(outcome, Err((*state).to_owned()), "{role}: {sql}");
        }
        // What is not refused tells no hash either.
        for sql in [
            "SELECT set_config('app.tenant_id', '', true), (SELECT s FROM sign_in_account_by_email('#email', NULL) s)",
            "SELECT set_config('app.tenant_id', '', true), (SELECT s FROM sign_in_account_by_username('eve', 'other') s)",
            "SELECT set_config('app.tenant_id', '#other', true), (SELECT string_agg(email, ' ') FROM users)",
            "SELECT prosrc FROM pg_proc WHERE proname LIKE 'sign_in%'",
            "SELECT most_common_vals::text || histogram_bounds::text FROM pg_stats WHERE attname = 'password_hash'",
            "SELECT query FROM pg_stat_activity",
            "RESET ROLE; SELECT current_user",
        ] {
            let told = filled.attempt(url, role, tenant, sql).await.unwrap_or_default();
            assert!(!told.contains(HASH), "{role}: {sql}: {told}");
        }
        // The login without its role has nothing.
        let nothing = filled.attempt(url, role, tenant, "RESET ROLE; SELECT count(*) FROM tenants").await;
        assert_eq!(nothing, Err(DENIED.to_owned()), "{role}");
    }
    let people = filled.attempt(&background, "banyan_jobs", "", "SELECT username FROM users").await.unwrap();
    assert_eq!(people, "root ", "of tenants' people work across tenants sees nobody");
    let mut admin = filled.database.superuser().await;
    let done: bool = sqlx::query_scalar("SELECT set_up_at IS NOT NULL AND setup_token_hash IS NULL FROM installation")
        .fetch_one(&mut admin)
        .await
        .unwrap();
    assert!(done, "set-up stays closed");
    admin.close().await.unwrap();
    filled.store.close();
}

#[tokio::test]
async fn a_connection_that_works_as_another_role_is_not_handed_out() {
    let database = TestDatabase::create().await;
    let options = PostgresOptions { app_connections: 1, ..PostgresOptions::default() };
    // By one login, which may take the other roles.
    let store = PostgresStore::connect(&database.url.as_str().into(), &options, system_clock()).await.unwrap();
    for stray in ["SET ROLE banyan_jobs", "RESET ROLE", "SET ROLE NONE"] {
        let mut connection = store.app_pool().get().await.unwrap();
        run(&mut connection, stray).await;
        drop(connection);
        let begun = store.begin(&Scope::sign_in(), Mode::Read).await;
        // The role that it started with is what RESET goes back to.
        if stray == "RESET ROLE" {
            begun.unwrap().rollback().await.unwrap();
            continue;
        }
        assert!(matches!(begun, Err(StoreError::Unavailable(_))), "{stray}");
        // The next one is a new one.
        store.begin(&Scope::sign_in(), Mode::Read).await.unwrap().rollback().await.unwrap();
    }
    store.close();
}

#[tokio::test]
async fn no_tenant_outlives_its_unit_of_work_on_a_connection() {
    let database = TestDatabase::create().await;
    let options = PostgresOptions { app_connections: 1, ..PostgresOptions::default() };
    let store = PostgresStore::connect(&database.split_urls(), &options, system_clock()).await.unwrap();
    let mut connection = store.app_pool().get().await.unwrap();
    run(&mut connection, "SET app.tenant_id = '00000000-0000-0000-0000-000000000001'").await;
    drop(connection);
    let tx = store.begin(&Scope::sign_in(), Mode::Read).await.unwrap();
    // The look-ups of sign-in refuse to be made where a tenant is set.
    assert_eq!(tx.sign_in().account_by_email("nobody@example.com", None).await.unwrap(), None);
    tx.rollback().await.unwrap();
    store.close();
}

#[tokio::test]
async fn each_login_takes_its_role_and_no_other() {
    let database = TestDatabase::create().await;
    let urls = database.split_urls();
    connect(&urls).await.unwrap().close();
    let one = PostgresUrls::from(database.url.as_str());
    // A login for everything has too much where each role has its own.
    for wrong in [
        PostgresUrls { serving: one.serving.clone(), ..urls.clone() },
        PostgresUrls { background: Some(one.serving.clone()), ..urls.clone() },
        PostgresUrls { owner: Some(one.serving.clone()), ..urls.clone() },
        PostgresUrls { owner: urls.owner.clone(), ..one.clone() },
    ] {
        let said = connect(&wrong).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains("which is not for it") && said.contains("banyan migrate prepare"), "{said}");
    }
    // The role of the look-ups reads hashes of passwords: no login is to take it.
    let stray = format!("{}_stray", database.name);
    let mut admin = database.superuser().await;
    let made = format!(
        "CREATE ROLE {stray} LOGIN PASSWORD 'stray'; GRANT CONNECT ON DATABASE {} TO {stray}; \
         GRANT banyan_app, banyan_sign_in TO {stray} WITH INHERIT FALSE, SET TRUE",
        database.name
    );
    run(&mut admin, made).await;
    let wrong = PostgresUrls { serving: as_login(&stray, "stray", &database.name), ..urls.clone() };
    let said = connect(&wrong).await.err().map(|error| error.to_string()).unwrap_or_default();
    run(&mut admin, format!("DROP OWNED BY {stray}; DROP ROLE {stray}")).await;
    assert!(said.contains("banyan_sign_in, which is not for it"), "{said}");
    // And one of three has too little where it does everything.
    let said = connect(&urls.serving.as_str().into()).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("is no member of banyan_jobs"), "{said}");
}

#[tokio::test]
async fn who_serves_without_the_owner_refuses_a_schema_that_is_behind() {
    let database = TestDatabase::create().await;
    let (urls, options) = (database.split_urls(), PostgresOptions::default());
    let serving = PostgresUrls { owner: None, ..urls.clone() };
    connect(&serving).await.unwrap().close();
    assert!(matches!(migrate_up(&serving, &options).await, Err(PostgresError::NoOwner)));
    assert_eq!(migrate_down(&urls, 1, &options).await.unwrap(), 1);
    let said = connect(&serving).await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("banyan migrate up"), "{said}");
    assert_eq!(migrate_up(&urls, &options).await.unwrap(), 1);
    connect(&serving).await.unwrap().close();
}
