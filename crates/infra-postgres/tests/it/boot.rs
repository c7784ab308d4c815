//! What the program refuses to serve, and the sentence it says.

use std::sync::Arc;

use domain::clock::SystemClock;
use infra_postgres::{
    PostgresError, PostgresOptions, PostgresStore, PostgresUrls, migrate_down, migrate_status, prepare,
};
use sqlx::Connection;

use crate::database::{TestDatabase, as_login, on_database, run, superuser, superuser_url, unique};

async fn refusal(url: &str) -> PostgresError {
    match PostgresStore::connect(&url.into(), &PostgresOptions::default(), Arc::new(SystemClock)).await {
        Ok(_) => panic!("{url} must be refused"),
        Err(error) => error,
    }
}

async fn sentence(url: &str) -> String {
    refusal(url).await.to_string()
}

#[tokio::test]
async fn wrong_urls_are_told_apart() {
    assert!(sentence("not a url").await.contains("postgres://"));
    let nobody = sentence("postgres://a:b@127.0.0.1:1/c").await;
    assert!(nobody.contains("no PostgreSQL answers at 127.0.0.1:1"), "{nobody}");
    let no_login = sentence(&as_login(&unique("nobody_"), "x", "postgres")).await;
    assert!(no_login.contains("refuses the login") && no_login.contains("banyan migrate prepare"), "{no_login}");
    let unverified = sentence("postgres://a:b@192.0.2.1/c?sslmode=require").await;
    assert!(unverified.contains("192.0.2.1") && unverified.contains("sslmode=verify-full"), "{unverified}");
    let without_tls = sentence(&format!("{}?sslmode=verify-full", on_database("postgres"))).await;
    assert!(without_tls.contains("cannot be verified by TLS"), "{without_tls}");
    let no_database = sentence(&on_database(&unique("nowhere_"))).await;
    assert!(no_database.contains("there is no database"), "{no_database}");
}

#[tokio::test]
async fn a_url_that_does_not_work_is_told_by_what_names_it() {
    let database = TestDatabase::create().await;
    let options = PostgresOptions::default();
    let urls = database.split_urls();
    let nobody = as_login(&unique("nobody_"), "x", &database.name);
    for wrong in [nobody.as_str(), "postgres://a:b@127.0.0.1:1/c", "postgres://a:b@192.0.2.1/c", "not a url"] {
        let said = prepare(wrong, &urls, &options).await.unwrap_err().to_string();
        assert!(said.contains("--admin-url") && !said.contains("migrate prepare"), "{said}");
        let other = |url: &str| Some(url.to_owned());
        for (urls, setting) in [
            (PostgresUrls::from(wrong), "BANYAN_DATABASE_URL"),
            (PostgresUrls { background: other(wrong), ..urls.clone() }, "BANYAN_DATABASE__JOBS_URL"),
            (PostgresUrls { owner: other(wrong), ..urls.clone() }, "BANYAN_DATABASE__OWNER_URL"),
        ] {
            let refused = PostgresStore::connect(&urls, &options, Arc::new(SystemClock)).await.err();
            let said = refused.expect("must be refused").to_string();
            assert!(said.contains(setting), "{said}");
        }
    }
    let new = PostgresUrls::from(as_login(&unique("banyan_test_new_"), "x", &database.name).as_str());
    let said = prepare(&database.url, &new, &options).await.unwrap_err().to_string();
    assert!(said.contains("--admin-url") && said.contains("superuser"), "{said}");
}

#[tokio::test]
async fn a_superuser_is_refused() {
    let database = TestDatabase::create().await;
    let said = sentence(&on_database(&database.name)).await;
    assert!(said.contains("is a superuser"), "{said}");
}

#[tokio::test]
async fn logins_with_too_many_or_too_few_rights_are_refused() {
    let database = TestDatabase::create().await;
    let login = unique("banyan_test_");
    let url = as_login(&login, "x", &database.name);
    let mut admin = database.superuser().await;
    let member = format!("GRANT banyan_owner, banyan_app, banyan_jobs TO {login} WITH INHERIT FALSE, SET TRUE");
    run(&mut admin, format!("CREATE ROLE {login} LOGIN PASSWORD 'x'")).await;
    let cases = [
        (String::from("SELECT 1"), "is no member of banyan_app WITH SET TRUE"),
        (format!("{member}; ALTER ROLE {login} BYPASSRLS"), "has BYPASSRLS"),
        (
            format!("ALTER ROLE {login} NOBYPASSRLS; CREATE TABLE theirs (); ALTER TABLE theirs OWNER TO {login}"),
            "owns objects",
        ),
        (
            format!("DROP TABLE theirs; GRANT banyan_app TO {login} WITH INHERIT TRUE"),
            "inherits the rights of banyan_app",
        ),
    ];
    for (change, problem) in cases {
        run(&mut admin, change).await;
        let said = sentence(&url).await;
        assert!(said.contains(problem) && said.contains("banyan migrate prepare"), "{said}");
    }
    run(&mut admin, format!("GRANT banyan_app TO {login} WITH INHERIT FALSE")).await;
    let served =
        PostgresStore::connect(&url.as_str().into(), &PostgresOptions::default(), Arc::new(SystemClock)).await.unwrap();
    served.close();
    run(&mut admin, format!("DROP ROLE {login}")).await;
    admin.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_prepared_or_migrated_is_refused() {
    let database = TestDatabase::create().await;
    let empty = unique("banyan_it_empty_");
    let login = url::Url::parse(&database.url).unwrap();
    let url = as_login(login.username(), login.password().unwrap(), &empty);
    let mut admin = superuser().await;
    run(&mut admin, format!("CREATE DATABASE {empty}")).await;
    let said = sentence(&url).await;
    assert!(said.contains("pgvector is missing"), "{said}");

    prepare(&superuser_url(), &url.as_str().into(), &PostgresOptions::default()).await.unwrap();
    let said = sentence(&url).await;
    assert!(said.contains("migrations behind") && said.contains("banyan migrate up"), "{said}");
    run(&mut admin, format!("DROP DATABASE {empty} WITH (FORCE)")).await;

    let options = PostgresOptions::default();
    assert_eq!(migrate_down(&database.urls(), 1, &options).await.unwrap(), 1);
    let states = migrate_status(&database.urls(), &options).await.unwrap();
    assert!(states.iter().filter(|state| !state.applied).count() == 1 && !states.last().unwrap().applied);
    assert!(matches!(refusal(&database.url).await, PostgresError::NotMigrated { pending: 1 }));
    admin.close().await.unwrap();
}

#[tokio::test]
async fn the_server_sends_warnings_and_no_notices() {
    let database = TestDatabase::create().await;
    let store = database.store().await;
    for pool in [store.app_pool(), store.jobs_pool()] {
        let mut connection = pool.get().await.unwrap();
        let least: String = sqlx::query_scalar("SHOW client_min_messages").fetch_one(&mut *connection).await.unwrap();
        assert_eq!(least, "warning");
    }
    store.close();
}

#[tokio::test]
async fn plans_made_while_tables_are_empty_read_them_by_an_index() {
    let database = TestDatabase::create().await;
    let mut admin = database.superuser().await;
    run(&mut admin, "ANALYZE messages").await;
    let store = database.store().await;
    let mut connection = store.app_pool().get().await.unwrap();
    let look_up = "EXPLAIN (COSTS OFF) SELECT 1 FROM messages WHERE tenant_id = gen_random_uuid() AND id = tenant_id";
    let plan: Vec<String> = sqlx::query_scalar(look_up).fetch_all(&mut *connection).await.unwrap();
    assert!(!plan.iter().any(|line| line.contains("Seq Scan")), "{plan:?}");
    store.close();
    admin.close().await.unwrap();
}
