//! Kept daily sums on SQLite: what they are made of, and who is gone.

use chrono::{DateTime, NaiveDate, TimeDelta};
use domain::{
    clock::Timestamp,
    identity::User,
    money::Money,
    store::Store,
    usage::{Folding, UsageFilter, UsageGrouping, UsageLog},
};
use infra_sqlite::SqliteOptions;
use sea_orm::DatabaseConnection;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection, SqlitePool, sqlite::SqliteConnectOptions};
use storage_testkit::{Harness, World, scopes};

use crate::{SqliteHarness, harness, open, system_clock};

/// Hours after midnight of 2026-11-18.
fn hour(hours: i64) -> Timestamp {
    DateTime::from_timestamp(1_794_960_000, 0).unwrap() + TimeDelta::hours(hours)
}

async fn add(world: &World, user: &User, at: Timestamp) {
    let row = UsageLog { requested_at: at, ..world.make.usage(user) };
    assert!(world.write(&scopes::system(user), async |tx| tx.usage().insert(&row).await).await);
}

/// The sums of the tenant by user.
async fn sums(world: &World, user: &User) -> Vec<(String, u64, i64)> {
    let scope = scopes::system(user);
    let all = UsageFilter::default();
    let groups = world.read(&scope, async |tx| tx.usage().summary(all, UsageGrouping::User).await);
    groups.await.into_iter().map(|group| (group.key, group.totals.requests, group.totals.cost.0)).collect()
}

/// Rows and costs of the tenant, over all users.
async fn totals(world: &World, user: &User) -> (u64, i64) {
    let scope = scopes::system(user);
    let all = UsageFilter::default();
    let groups = world.read(&scope, async |tx| tx.usage().summary(all, UsageGrouping::Model).await).await;
    groups.iter().fold((0, 0), |sum, group| (sum.0 + group.totals.requests, sum.1 + group.totals.cost.0))
}

async fn wrong_days(world: &World, user: &User) -> Vec<(NaiveDate, Money)> {
    world.read(&scopes::system(user), async |tx| tx.usage().wrong_days().await).await
}

/// Changes the file behind the store's back.
async fn run(harness: &SqliteHarness, sql: String) {
    let options = SqliteConnectOptions::new().filename(harness.folder.path().join("banyan.db")).foreign_keys(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_summary_reads_kept_sums_and_a_wrong_one_is_put_right() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for at in [1, 2, 25, 49] {
        add(&world, &cast.ada, hour(at)).await;
    }
    let folded = harness.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(48), 100).await.unwrap();
    assert_eq!(folded, Folding::Done);
    let wrong = "UPDATE usage_daily SET cost_nano_usd = cost_nano_usd + 5 WHERE day = '2026-11-18T00:00:00+00:00'; \
                 DELETE FROM usage_daily WHERE day = '2026-11-19T00:00:00+00:00'";
    run(&harness, wrong.to_owned()).await;
    assert_eq!(sums(&world, &cast.ada).await, [(cast.ada.id.to_string(), 3, 95)]);
    let days = [18, 19].map(|day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap());
    assert_eq!(wrong_days(&world, &cast.ada).await, [(days[0], Money(5)), (days[1], Money(-30))]);
    for day in days {
        world.write(&scopes::system(&cast.ada), async |tx| tx.usage().refold(day).await).await;
    }
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    assert_eq!(sums(&world, &cast.ada).await, [(cast.ada.id.to_string(), 4, 120)]);
}

#[tokio::test]
async fn a_user_that_is_gone_leaves_its_sums() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for user in [&cast.ada, &cast.bob] {
        add(&world, user, hour(1)).await;
        add(&world, user, hour(60)).await;
    }
    harness.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(48), 100).await.unwrap();
    add(&world, &cast.ada, hour(2)).await;
    for user in [&cast.ada, &cast.bob] {
        run(&harness, format!("DELETE FROM users WHERE id = x'{}'", user.id.0.simple())).await;
    }
    assert_eq!(sums(&world, &cast.bob).await, [(String::new(), 5, 150)]);
    assert_eq!(wrong_days(&world, &cast.bob).await, []);
    harness.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(48), 100).await.unwrap();
    assert_eq!(sums(&world, &cast.bob).await, [(String::new(), 5, 150)]);
}

#[tokio::test]
async fn a_filled_file_of_the_version_before_has_right_sums_at_once() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for at in 0..100 {
        add(&world, [&cast.ada, &cast.bob, &cast.eve][at as usize % 3], hour(at)).await;
    }
    let tenant = cast.ada.tenant_id.unwrap();
    harness.store.fold_usage(tenant, hour(60), 100).await.unwrap();
    let before = sums(&world, &cast.ada).await;
    let SqliteHarness { store, folder } = harness;
    drop((world, store));
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(folder.path().join("banyan.db"))).await;
    let db = DatabaseConnection::from(pool.unwrap());
    let migrations = migration::status(&db).await.unwrap();
    let steps = migrations.iter().rev().position(|migration| migration.name.ends_with("_usage_daily")).unwrap();
    migration::down(&db, u32::try_from(steps + 1).unwrap()).await.unwrap();
    db.close().await.unwrap();

    let store = open(&folder, &SqliteOptions::default(), system_clock()).await;
    let world = World::new(store.clone());
    let folded = async || world.read(&scopes::system(&cast.ada), async |tx| tx.usage().folded_before().await).await;
    assert_eq!((folded().await, sums(&world, &cast.ada).await), (None, before.clone()));
    // Folded day by day, and right at each.
    let mut steps = 0;
    while store.fold_usage(tenant, hour(96), 1).await.unwrap() != Folding::Done {
        steps += 1;
        assert_eq!(sums(&world, &cast.ada).await, before, "after {:?}", folded().await);
    }
    assert_eq!((steps, folded().await), (3, Some(hour(96))));
    assert_eq!(sums(&world, &cast.ada).await, before);
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
}

#[tokio::test]
async fn sums_of_all_users_are_there_after_an_upgrade_and_a_wrong_one_is_put_right() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for (user, at) in [(&cast.ada, 1), (&cast.bob, 2), (&cast.bob, 25), (&cast.ada, 49)] {
        add(&world, user, hour(at)).await;
    }
    harness.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(48), 100).await.unwrap();
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    let SqliteHarness { store, folder } = harness;
    drop((world, store));
    let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(folder.path().join("banyan.db"))).await;
    let db = DatabaseConnection::from(pool.unwrap());
    let migrations = migration::status(&db).await.unwrap();
    let steps = migrations.iter().rev().position(|migration| migration.name.ends_with("_usage_daily_totals")).unwrap();
    migration::down(&db, u32::try_from(steps + 1).unwrap()).await.unwrap();
    db.close().await.unwrap();
    let store = open(&folder, &SqliteOptions::default(), system_clock()).await;
    let world = World::new(store.clone());
    let harness = SqliteHarness { store, folder };
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    let wrong = "UPDATE usage_daily_totals SET cost_nano_usd = cost_nano_usd + 5 \
                 WHERE day = '2026-11-18T00:00:00+00:00'";
    run(&harness, wrong.to_owned()).await;
    assert_eq!(totals(&world, &cast.ada).await, (4, 125));
    let day = NaiveDate::from_ymd_opt(2026, 11, 18).unwrap();
    assert_eq!(wrong_days(&world, &cast.ada).await, [(day, Money(5))]);
    world.write(&scopes::system(&cast.ada), async |tx| tx.usage().refold(day).await).await;
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
}
