//! Kept daily sums on PostgreSQL: what they are made of, who is waited for, and who is gone.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, TimeDelta};
use domain::{
    clock::Timestamp,
    identity::User,
    money::Money,
    store::{Mode, Store},
    usage::{Folding, UsageFilter, UsageGrouping, UsageLog, UsageTotals},
};
use infra_postgres::{PostgresOptions, migrate_down, migrate_status, migrate_up};
use storage_testkit::{Harness, World, scopes};

use crate::{
    PostgresHarness,
    database::{run, system_clock},
    harness,
};

/// Hours after midnight of 2026-11-18.
fn hour(hours: i64) -> Timestamp {
    DateTime::from_timestamp(1_794_960_000, 0).unwrap() + TimeDelta::hours(hours)
}

async fn add(world: &World, user: &User, at: Timestamp) -> UsageLog {
    let row = UsageLog { requested_at: at, ..world.make.usage(user) };
    assert!(world.write(&scopes::system(user), async |tx| tx.usage().insert(&row).await).await);
    row
}

/// The sums of the tenant by user.
async fn sums(world: &World, user: &User) -> Vec<(String, u64, i64)> {
    let scope = scopes::system(user);
    let all = UsageFilter::default();
    let groups = world.read(&scope, async |tx| tx.usage().summary(all, UsageGrouping::User).await);
    let row = |key, UsageTotals { requests, cost, .. }: UsageTotals| (key, requests, cost.0);
    groups.await.into_iter().map(|group| row(group.key, group.totals)).collect()
}

async fn requests(world: &World, user: &User) -> u64 {
    sums(world, user).await.iter().map(|(_, requests, _)| requests).sum()
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

async fn fold(harness: &PostgresHarness, user: &User, before: Timestamp) -> Folding {
    harness.store.fold_usage(user.tenant_id.unwrap(), before, 100).await.unwrap()
}

#[tokio::test]
async fn a_summary_reads_kept_sums_and_a_wrong_one_is_put_right() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for at in [1, 2, 25, 49] {
        add(&world, &cast.ada, hour(at)).await;
        add(&world, &cast.eve, hour(at)).await;
    }
    for user in [&cast.ada, &cast.eve] {
        assert_eq!(fold(&harness, user, hour(48)).await, Folding::Done);
    }
    let mut admin = harness.database.superuser().await;
    let tenant = cast.ada.tenant_id.unwrap();
    run(
        &mut admin,
        format!(
            "UPDATE usage_daily SET cost_nano_usd = cost_nano_usd + 5, request_count = 9 WHERE \
        tenant_id = '{tenant}' AND day = '2026-11-18+00'"
        ),
    )
    .await;
    run(&mut admin, format!("DELETE FROM usage_daily WHERE tenant_id = '{tenant}' AND day = '2026-11-19+00'")).await;
    assert_eq!(sums(&world, &cast.ada).await, [(cast.ada.id.to_string(), 10, 95)]);
    let days = [18, 19].map(|day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap());
    assert_eq!(wrong_days(&world, &cast.ada).await, [(days[0], Money(5)), (days[1], Money(-30))]);
    assert_eq!(wrong_days(&world, &cast.eve).await, []);
    for day in days {
        world.write(&scopes::system(&cast.ada), async |tx| tx.usage().refold(day).await).await;
    }
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    assert_eq!(sums(&world, &cast.ada).await, [(cast.ada.id.to_string(), 4, 120)]);
    harness.close().await;
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
    fold(&harness, &cast.ada, hour(48)).await;
    add(&world, &cast.ada, hour(2)).await;
    let mut admin = harness.database.superuser().await;
    run(&mut admin, format!("DELETE FROM users WHERE id = '{}'", cast.ada.id)).await;
    let left = [(String::new(), 3, 90), (cast.bob.id.to_string(), 2, 60)];
    assert_eq!(sums(&world, &cast.bob).await, left);
    run(&mut admin, format!("DELETE FROM users WHERE id = '{}'", cast.bob.id)).await;
    assert_eq!(sums(&world, &cast.bob).await, [(String::new(), 5, 150)]);
    assert_eq!(wrong_days(&world, &cast.bob).await, []);
    fold(&harness, &cast.ada, hour(48)).await;
    assert_eq!(sums(&world, &cast.bob).await, [(String::new(), 5, 150)]);
    run(&mut admin, format!("DELETE FROM tenants WHERE id = '{}'", cast.ada.tenant_id.unwrap())).await;
    for table in ["usage_folds", "usage_late", "usage_daily", "usage_logs"] {
        let left: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
            .fetch_one(&mut admin)
            .await
            .unwrap();
        assert_eq!(left, 0, "{table}");
    }
    harness.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fold_waits_for_who_may_not_have_seen_that_time_is_closed() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    add(&world, &cast.ada, hour(1)).await;
    // This one has written its row, and is not committed when time is closed.
    let scope = scopes::system(&cast.ada);
    let slow = world.begin(&scope, Mode::Write).await;
    let row = UsageLog { requested_at: hour(2), ..world.make.usage(&cast.ada) };
    assert!(slow.usage().insert(&row).await.unwrap());
    // These have begun, and write their rows afterwards: one in a unit of work that has written before.
    let idle = world.begin(&scope, Mode::Write).await;
    let working = world.begin(&scope, Mode::Write).await;
    let row = UsageLog { requested_at: hour(100), ..world.make.usage(&cast.ada) };
    assert!(working.usage().insert(&row).await.unwrap());
    assert_eq!(fold(&harness, &cast.ada, hour(24)).await, Folding::Waiting);
    assert_eq!(requests(&world, &cast.ada).await, 1);
    for tx in [&idle, &working] {
        let row = UsageLog { requested_at: hour(3), ..world.make.usage(&cast.ada) };
        assert!(tx.usage().insert(&row).await.unwrap());
    }
    working.commit().await.unwrap();
    slow.commit().await.unwrap();
    idle.commit().await.unwrap();
    assert_eq!(requests(&world, &cast.ada).await, 5);
    // One that begins now and stays open has seen it, so only its row is waited for, which is noted.
    let open = world.begin(&scope, Mode::Write).await;
    let fold_soon = {
        let (store, tenant) = (Arc::clone(&harness.store), cast.ada.tenant_id.unwrap());
        tokio::spawn(async move { store.fold_usage(tenant, hour(24), 100).await.unwrap() })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    let row = UsageLog { requested_at: hour(4), ..world.make.usage(&cast.ada) };
    assert!(open.usage().insert(&row).await.unwrap());
    assert_eq!(fold_soon.await.unwrap(), Folding::Done);
    assert_eq!(requests(&world, &cast.ada).await, 5);
    open.commit().await.unwrap();
    assert_eq!(requests(&world, &cast.ada).await, 6);
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    assert_eq!(fold(&harness, &cast.ada, hour(24)).await, Folding::Done);
    assert_eq!(requests(&world, &cast.ada).await, 6);
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    harness.close().await;
}

#[tokio::test]
async fn what_has_another_snapshot_is_noted() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    let row = add(&world, &cast.ada, hour(1)).await;
    let mut other = harness.database.superuser().await;
    run(&mut other, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM usage_logs").await;
    assert_eq!(fold(&harness, &cast.ada, hour(24)).await, Folding::Done);
    // As an operator's script would.
    let copy = format!(
        "INSERT INTO usage_logs SELECT (jsonb_populate_record(u, jsonb_build_object('id', gen_random_uuid(), \
         'request_id', gen_random_uuid()))).* FROM usage_logs u WHERE id = '{}'",
        row.id
    );
    run(&mut other, copy).await;
    run(&mut other, "COMMIT").await;
    assert_eq!(requests(&world, &cast.ada).await, 2);
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    fold(&harness, &cast.ada, hour(24)).await;
    assert_eq!(requests(&world, &cast.ada).await, 2);
    harness.close().await;
}

#[tokio::test]
async fn a_filled_database_of_the_version_before_has_right_sums_at_once() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for at in 0..100 {
        add(&world, [&cast.ada, &cast.bob, &cast.eve][at as usize % 3], hour(at)).await;
    }
    fold(&harness, &cast.ada, hour(60)).await;
    let before = sums(&world, &cast.ada).await;
    let (urls, options) = (harness.database.urls(), PostgresOptions::default());
    let migrations = migrate_status(&urls, &options).await.unwrap();
    let steps = migrations.iter().rev().position(|migration| migration.name.ends_with("_usage_daily")).unwrap();
    migrate_down(&urls, u32::try_from(steps + 1).unwrap(), &options).await.unwrap();
    migrate_up(&urls, &options).await.unwrap();

    let folded = async || world.read(&scopes::system(&cast.ada), async |tx| tx.usage().folded_before().await).await;
    assert_eq!((folded().await, sums(&world, &cast.ada).await), (None, before.clone()));
    // Folded day by day, and right at each.
    let mut steps = 0;
    while harness.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(96), 1).await.unwrap() != Folding::Done {
        steps += 1;
        assert_eq!(sums(&world, &cast.ada).await, before, "after {:?}", folded().await);
    }
    assert_eq!((steps, folded().await), (3, Some(hour(96))));
    assert_eq!(sums(&world, &cast.ada).await, before);
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    harness.close().await;
}

#[tokio::test]
async fn sums_of_all_users_are_there_after_an_upgrade_and_a_wrong_one_is_put_right() {
    let harness = harness(system_clock()).await;
    let world = World::new(harness.store());
    let cast = world.cast().await;
    for (user, at) in [(&cast.ada, 1), (&cast.bob, 2), (&cast.bob, 25), (&cast.ada, 49)] {
        add(&world, user, hour(at)).await;
    }
    fold(&harness, &cast.ada, hour(48)).await;
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    let (url, options) = (&harness.database.urls(), PostgresOptions::default());
    let migrations = migrate_status(url, &options).await.unwrap();
    let steps = migrations.iter().rev().position(|migration| migration.name.ends_with("_usage_daily_totals")).unwrap();
    migrate_down(url, u32::try_from(steps + 1).unwrap(), &options).await.unwrap();
    migrate_up(url, &options).await.unwrap();
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    let mut admin = harness.database.superuser().await;
    let wrong = "UPDATE usage_daily_totals SET cost_nano_usd = cost_nano_usd + 5 WHERE day = '2026-11-18+00'";
    run(&mut admin, wrong).await;
    assert_eq!(totals(&world, &cast.ada).await, (4, 125));
    let day = NaiveDate::from_ymd_opt(2026, 11, 18).unwrap();
    assert_eq!(wrong_days(&world, &cast.ada).await, [(day, Money(5))]);
    world.write(&scopes::system(&cast.ada), async |tx| tx.usage().refold(day).await).await;
    assert_eq!(totals(&world, &cast.ada).await, (4, 120));
    assert_eq!(wrong_days(&world, &cast.ada).await, []);
    harness.close().await;
}
