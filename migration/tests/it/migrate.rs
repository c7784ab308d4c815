//! Up, down and up again, by one and by many; the preparation; the prices.

use migration::{MigrateError, postgres};
use sea_orm_migration::MigratorTrait;
use sea_orm_migration::sea_orm::ConnectionTrait;

use crate::{
    database::{LOGIN, TestDatabase, column, login, objects},
    fixture::{fill, tenant},
};

async fn goes_up_and_down_without_leftovers(database: TestDatabase) {
    let all = migration::Migrator::migrations().len();
    assert!(migration::status(&database.db).await.unwrap().iter().all(|state| !state.applied));
    assert_eq!(migration::up(&database.db).await.unwrap(), all);
    assert_eq!(migration::up(&database.db).await.unwrap(), 0);
    assert!(migration::status(&database.db).await.unwrap().iter().all(|state| state.applied));
    let first = objects(database.admin()).await;
    fill(&database).await;

    // One step at a time, on rows that exist: nothing may rest on what came after it.
    for _ in 0..all {
        assert_eq!(migration::down(&database.db, 1).await.unwrap(), 1);
        // What is left still works: a user goes with all that there is.
        if objects(database.admin()).await.iter().any(|name| name.ends_with(" users")) {
            let users = "DELETE FROM users WHERE email = 'nobody'";
            database.admin().execute_unprepared(users).await.unwrap();
        }
    }
    assert_eq!(migration::down(&database.db, 1).await.unwrap(), 0);
    let left: Vec<_> = objects(database.admin()).await.into_iter().filter(|name| !name.contains("seaql")).collect();
    assert_eq!(left, Vec::<String>::new());

    migration::up(&database.db).await.unwrap();
    assert_eq!(objects(database.admin()).await, first);
    database.remove().await;
}

#[tokio::test]
async fn sqlite_goes_up_and_down_without_leftovers() {
    goes_up_and_down_without_leftovers(TestDatabase::sqlite().await).await;
}

#[tokio::test]
async fn postgres_goes_up_and_down_without_leftovers() {
    goes_up_and_down_without_leftovers(TestDatabase::postgres().await).await;
}

/// Starters that migrate at once.
const STARTERS: usize = 5;

async fn of_many_starters_one_migrates(databases: Vec<sea_orm_migration::sea_orm::DatabaseConnection>) {
    let starters: Vec<_> =
        databases.into_iter().map(|db| tokio::spawn(async move { migration::up(&db).await.unwrap() })).collect();
    let mut applied = Vec::new();
    for starter in starters {
        applied.push(starter.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, 0, migration::Migrator::migrations().len()]);
}

#[tokio::test]
async fn of_many_starters_one_migrates_on_postgres() {
    let database = TestDatabase::postgres().await;
    of_many_starters_one_migrates(vec![database.db.clone(); STARTERS]).await;
    database.remove().await;
}

#[tokio::test]
async fn of_many_starters_one_migrates_on_sqlite() {
    let folder = std::env::temp_dir().join(format!("banyan-migration-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.join("starters.db").display());
    let mut starters = Vec::new();
    for _ in 0..STARTERS {
        starters.push(crate::database::connect(&url).await);
    }
    of_many_starters_one_migrates(starters).await;
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing() {
    let database = TestDatabase::postgres().await;
    // In the way of the fourth of the migrations.
    database.admin().execute_unprepared("CREATE TABLE conversations (id integer)").await.unwrap();
    let error = migration::up(&database.db).await.unwrap_err();
    assert!(matches!(error, MigrateError::Database(_)), "{error}");
    let objects = objects(database.admin()).await;
    assert_eq!(objects, ["relation conversations"]);
    database.remove().await;
}

#[tokio::test]
async fn an_unprepared_login_is_told_what_to_do() {
    let database = TestDatabase::postgres().await;
    let name = format!("banyan_stranger_{}", std::process::id());
    let admin = database.admin();
    admin.execute_unprepared(&format!("CREATE ROLE {name} LOGIN PASSWORD 'x'")).await.unwrap();
    let stranger = crate::database::connect(&database.url_for(&format!("{name}:x"))).await;
    let error = migration::up(&stranger).await.unwrap_err();
    assert!(matches!(error, MigrateError::NotPrepared(_)), "{error}");
    assert!(error.to_string().contains("banyan migrate prepare"));
    stranger.close().await.unwrap();
    admin.execute_unprepared(&format!("DROP ROLE {name}")).await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn preparing_is_safe_by_many_in_several_databases() {
    let (one, two) = (TestDatabase::postgres().await, TestDatabase::postgres().await);
    // A role with rights that would open the wall loses them, whoever gave them.
    let admin = one.admin();
    admin.execute_unprepared("ALTER ROLE banyan_app REPLICATION").await.unwrap();
    let tasks: Vec<_> = (0..4)
        .flat_map(|_| [one.admin().clone(), two.admin().clone()])
        .map(|admin| tokio::spawn(async move { postgres::prepare(&admin, &[login(LOGIN)]).await }))
        .collect();
    for task in tasks {
        assert!(task.await.unwrap().unwrap().leakproof_search);
    }
    let app = "SELECT rolreplication FROM pg_roles WHERE rolname = 'banyan_app'";
    assert_eq!(column::<bool>(admin, app).await.unwrap(), [false]);
    let roles_of = async |login: &str| {
        let member = format!(
            "SELECT roleid::regrole || ' ' || inherit_option || ' ' || set_option || ' ' || admin_option
             FROM pg_auth_members WHERE member = '{login}'::regrole ORDER BY 1"
        );
        column::<String>(admin, &member).await.unwrap()
    };
    assert_eq!(
        roles_of(LOGIN).await,
        ["banyan_app false true false", "banyan_jobs false true false", "banyan_owner false true false"]
    );
    // Where there is a login for each role, none takes another's.
    let name = format!("banyan_serving_{}", std::process::id());
    postgres::prepare(admin, &[login(&name)]).await.unwrap();
    assert_eq!(roles_of(&name).await.len(), 3);
    postgres::prepare(admin, &[postgres::Login { roles: &[postgres::APP], ..login(&name) }]).await.unwrap();
    assert_eq!(roles_of(&name).await, ["banyan_app false true false"]);
    for sql in [format!("DROP OWNED BY {name}"), format!("DROP ROLE {name}")] {
        admin.execute_unprepared(&sql).await.unwrap();
    }
    // A login that could go around the policies is refused, and not stripped of what it may be for.
    let superuser = column::<String>(admin, "SELECT current_user::text").await.unwrap();
    let error = postgres::prepare(admin, &[login(&superuser[0])]).await.unwrap_err();
    assert!(matches!(error, MigrateError::PrivilegedLogin { .. }), "{error}");
    let error = postgres::prepare(&TestDatabase::sqlite().await.db, &[login(LOGIN)]).await.unwrap_err();
    assert!(matches!(error, MigrateError::NotPostgres));
    one.remove().await;
    two.remove().await;
}

async fn prices_are_loaded(database: TestDatabase) {
    let sql = "SELECT provider || '/' || model || ' ' || input_pico_usd_per_token || ' '
            || coalesce(cached_input_pico_usd_per_token, -1) || ' ' || output_pico_usd_per_token
        FROM model_prices WHERE model IN ('gpt-4o-mini', 'text-embedding-3-small', 'extractive') ORDER BY 1";
    let tx = database.begin_as("banyan_app", &tenant(1)).await;
    assert_eq!(
        column::<String>(&tx, sql).await.unwrap(),
        [
            "banyan/extractive 0 0 0",
            "openai/gpt-4o-mini 150000 75000 600000",
            "openai/text-embedding-3-small 20000 -1 0"
        ]
    );
    tx.rollback().await.unwrap();
    database.remove().await;
}

#[tokio::test]
async fn prices_are_loaded_on_sqlite() {
    prices_are_loaded(TestDatabase::sqlite().await.migrated().await).await;
}

#[tokio::test]
async fn prices_are_loaded_on_postgres() {
    prices_are_loaded(TestDatabase::postgres().await.migrated().await).await;
}
