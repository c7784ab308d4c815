//! Daily sums that are kept: a summary is the same whatever is folded, down to the last row.

use chrono::{DateTime, NaiveDate, TimeDelta};
use domain::{
    access::Scope,
    clock::Timestamp,
    identity::User,
    money::Money,
    store::{Mode, StoreError, Tx},
    usage::{AgentType, Folding, TokenUsage, UsageFilter, UsageGroup, UsageGrouping, UsageLog, UsageTotals},
};

use crate::{Cast, World, assert_refused, scopes};

const ALL: UsageFilter = UsageFilter { from: None, to: None, conversation: None };
const GROUPINGS: [UsageGrouping; 5] =
    [UsageGrouping::Model, UsageGrouping::User, UsageGrouping::Day, UsageGrouping::Agent, UsageGrouping::Message];

/// Hours after midnight of 2026-11-18.
fn hour(hours: i64) -> Timestamp {
    DateTime::from_timestamp(1_794_960_000, 0).unwrap() + TimeDelta::hours(hours)
}

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, number).unwrap()
}

async fn add(world: &World, row: &UsageLog) {
    let scope = Scope::system_in(row.tenant_id);
    assert!(world.write(&scope, async |tx| tx.usage().insert(row).await).await);
}

/// Rows of four days and three owners, unlike each other in all that sums are kept by.
fn rows(world: &World, cast: &Cast) -> Vec<UsageLog> {
    let owners = [Some(&cast.ada), Some(&cast.bob), None];
    let mut rows = Vec::new();
    for number in 0..64_i64 {
        let which = usize::try_from(number).unwrap();
        let owner = owners[which % 3];
        let tokens = TokenUsage { input_tokens: number.unsigned_abs(), output_tokens: 3, ..TokenUsage::default() };
        let cost = (number % 7 != 0).then_some(Money(1_000_003 * number - 5));
        rows.push(UsageLog {
            user_id: owner.map(|user| user.id),
            agent_type: AgentType::ALL[which % 2],
            model: format!("m{}", number % 4),
            provider: ["openai", "ollama"][which % 2].to_owned(),
            tokens,
            // Every hour and a half; each fourth at the very midnight or hour.
            requested_at: hour(number * 3 / 2) + TimeDelta::microseconds(number % 4),
            ..world.make.usage_at(&cast.ada, Money::ZERO)
        });
        rows[which].cost = cost;
    }
    rows
}

/// What the summary of these rows must be.
fn expected(rows: &[UsageLog], owner: Option<&User>, filter: UsageFilter, by: UsageGrouping) -> Vec<UsageGroup> {
    let mut groups = std::collections::BTreeMap::<String, UsageTotals>::new();
    for row in rows {
        let is_meant = filter.from.is_none_or(|from| from <= row.requested_at)
            && filter.to.is_none_or(|to| row.requested_at < to)
            && owner.is_none_or(|owner| row.user_id == Some(owner.id));
        if !is_meant {
            continue;
        }
        let key = match by {
            UsageGrouping::Model => format!("{}/{}", row.provider, row.model),
            UsageGrouping::User => row.user_id.map(|id| id.to_string()).unwrap_or_default(),
            UsageGrouping::Day => row.requested_at.format("%Y-%m-%d").to_string(),
            UsageGrouping::Agent => row.agent_type.as_str().to_owned(),
            UsageGrouping::Message => String::new(),
        };
        let totals = UsageTotals {
            requests: 1,
            input_tokens: row.tokens.input_tokens,
            output_tokens: row.tokens.output_tokens,
            cost: row.cost.unwrap_or_default(),
            unknown_costs: u64::from(row.cost.is_none()),
        };
        let sum = groups.entry(key).or_default();
        *sum = sum.checked_add(totals).unwrap();
    }
    groups.into_iter().map(|(key, totals)| UsageGroup { key, totals }).collect()
}

/// Asserts that every summary is that of these rows, and that the kept sums are those of theirs.
async fn assert_sums(world: &World, cast: &Cast, rows: &[UsageLog], when: &str) {
    let times = [None, Some(hour(0)), Some(hour(24)), Some(hour(29)), Some(hour(48)), Some(hour(71)), Some(hour(200))];
    for (scope, owner) in [(scopes::system(&cast.ada), None), (scopes::own(&cast.bob), Some(&cast.bob))] {
        let tx = world.begin(&scope, Mode::Read).await;
        for by in GROUPINGS {
            for from in times {
                for to in times {
                    let filter = UsageFilter { from, to, ..ALL };
                    let found = tx.usage().summary(filter, by).await.unwrap();
                    assert_eq!(found, expected(rows, owner, filter, by), "{when}: {by:?} {from:?} {to:?} {owner:?}");
                }
            }
        }
        tx.rollback().await.unwrap();
    }
    let wrong = world.read(&scopes::system(&cast.ada), async |tx| tx.usage().wrong_days().await).await;
    assert_eq!(wrong, [], "{when}");
}

async fn fold(world: &World, user: &User, before: Timestamp) -> Folding {
    world.store.fold_usage(user.tenant_id.unwrap(), before, 100).await.unwrap()
}

async fn folded_before(world: &World, user: &User) -> Option<Timestamp> {
    world.read(&scopes::system(user), async |tx| tx.usage().folded_before().await).await
}

/// Summaries of any time, group and reach are the same however far the ledger is folded.
pub async fn a_fold_changes_no_sum(world: World) {
    let cast = world.cast().await;
    let rows = rows(&world, &cast);
    for row in &rows {
        add(&world, row).await;
    }
    add(&world, &world.make.usage(&cast.eve)).await;
    assert_sums(&world, &cast, &rows, "nothing is folded").await;
    assert_eq!(folded_before(&world, &cast.ada).await, None);
    for hours in [-5, 0, 10, 11, 24, 53, 72, 150, 151] {
        assert_eq!(fold(&world, &cast.ada, hour(hours)).await, Folding::Done);
        assert_eq!(folded_before(&world, &cast.ada).await, Some(hour(hours)));
        assert_sums(&world, &cast, &rows, &format!("folded to hour {hours}")).await;
    }
    // What is folded already stays so.
    assert_eq!(fold(&world, &cast.ada, hour(3)).await, Folding::Done);
    assert_eq!(folded_before(&world, &cast.ada).await, Some(hour(151)));
    assert_sums(&world, &cast, &rows, "folded to less").await;
    assert_eq!(folded_before(&world, &cast.eve).await, None);
}

/// A fold does as many days as it may, leaves out days without rows, and goes on where it was.
pub async fn a_fold_is_done_in_steps(world: World) {
    let cast = world.cast().await;
    let rows: Vec<_> =
        [1, 25, 80, 170].map(|at| UsageLog { requested_at: hour(at), ..world.make.usage(&cast.ada) }).into();
    for row in &rows {
        add(&world, row).await;
    }
    let step = async || world.store.fold_usage(cast.ada.tenant_id.unwrap(), hour(175), 1).await.unwrap();
    for (progress, folded) in
        [(Folding::Unfinished, 24), (Folding::Unfinished, 48), (Folding::Unfinished, 96), (Folding::Done, 175)]
    {
        assert_eq!(step().await, progress);
        assert_eq!(folded_before(&world, &cast.ada).await, Some(hour(folded)));
        assert_sums(&world, &cast, &rows, &format!("hour {folded}")).await;
    }
}

/// A row of a day that is folded, which comes later all the same, counts at once and once.
pub async fn a_late_row_is_counted_once(world: World) {
    let cast = world.cast().await;
    let mut rows = rows(&world, &cast);
    for row in &rows {
        add(&world, row).await;
    }
    let unfolded = async |before| {
        let scope = Scope::system("contract suite");
        world.read(&scope, async |tx| tx.usage().unfolded_tenants(before, 10).await).await
    };
    let tenant = cast.ada.tenant_id.unwrap();
    assert_eq!(unfolded(hour(60)).await, [tenant]);
    fold(&world, &cast.ada, hour(60)).await;
    assert_eq!(unfolded(hour(60)).await, []);
    // In days that are over, in one without rows so far, in the one that is folded in part, and not late at all.
    for (at, user) in
        [(5, &cast.bob), (30, &cast.ada), (30, &cast.ada), (-40, &cast.bob), (59, &cast.bob), (61, &cast.ada)]
    {
        let row = UsageLog { requested_at: hour(at), model: "late".to_owned(), ..world.make.usage(user) };
        add(&world, &row).await;
        // The same call again is none.
        let again = UsageLog { id: world.make.ordered_id(), ..row.clone() };
        assert!(!world.write(&scopes::system(user), async |tx| tx.usage().insert(&again).await).await);
        rows.push(row);
        assert_sums(&world, &cast, &rows, &format!("a row of hour {at}")).await;
    }
    assert_eq!(unfolded(hour(60)).await, [tenant]);
    assert_eq!(fold(&world, &cast.ada, hour(60)).await, Folding::Done);
    assert_sums(&world, &cast, &rows, "late rows are folded").await;
    assert_eq!(unfolded(hour(60)).await, []);
    // Closed, but not folded yet: late, and of the ledger.
    world.write(&scopes::system(&cast.ada), async |tx| tx.usage().close(hour(90)).await).await;
    let row = UsageLog { requested_at: hour(80), ..world.make.usage(&cast.ada) };
    add(&world, &row).await;
    rows.push(row);
    assert_sums(&world, &cast, &rows, "closed").await;
    assert_eq!(fold(&world, &cast.ada, hour(90)).await, Folding::Done);
    assert_sums(&world, &cast, &rows, "folded").await;
}

/// Tenants that lag are found by the installation: those that lag most come first.
pub async fn tenants_that_lag_are_found(world: World) {
    let cast = world.cast().await;
    let third = world.tenant("third").await;
    let zoe = world.user(&third, "zoe").await;
    world.tenant("without-rows").await;
    for user in [&cast.ada, &cast.eve, &zoe] {
        add(&world, &UsageLog { requested_at: hour(1), ..world.make.usage(user) }).await;
        add(&world, &UsageLog { requested_at: hour(50), ..world.make.usage(user) }).await;
    }
    fold(&world, &cast.ada, hour(40)).await;
    fold(&world, &cast.eve, hour(30)).await;
    let unfolded = async |before, limit| {
        let scope = Scope::system("contract suite");
        world.read(&scope, async |tx| tx.usage().unfolded_tenants(before, limit).await).await
    };
    let [ada, eve] = [&cast.ada, &cast.eve].map(|user| user.tenant_id.unwrap());
    assert_eq!(unfolded(hour(51), 10).await, [third.id, eve, ada]);
    assert_eq!(unfolded(hour(51), 2).await, [third.id, eve]);
    assert_eq!(unfolded(hour(50), 10).await, [third.id]);
    assert_eq!(unfolded(hour(1), 10).await, []);
}

/// Kept sums are reached as the rows are; folding and checking needs the whole tenant, and time that is closed.
pub async fn kept_sums_are_reached_as_rows_are(world: World) {
    let cast = world.cast().await;
    for user in [&cast.ada, &cast.bob, &cast.eve] {
        add(&world, &UsageLog { requested_at: hour(1), ..world.make.usage(user) }).await;
        fold(&world, user, hour(30)).await;
        // One of them by its note.
        add(&world, &UsageLog { requested_at: hour(2), ..world.make.usage(user) }).await;
    }
    add(&world, &UsageLog { requested_at: hour(2), user_id: None, ..world.make.usage(&cast.ada) }).await;
    for folded in [false, true] {
        for (scope, seen) in [
            (scopes::own(&cast.ada), 2),
            (scopes::visible(&cast.ada), 2),
            (scopes::own(&cast.bob), 2),
            (scopes::whole(&cast.bob), 5),
            (scopes::system(&cast.ada), 5),
            (scopes::nothing(&cast.ada), 0),
            (scopes::whole(&cast.eve), 2),
            (scopes::own(&cast.eve), 2),
        ] {
            for by in GROUPINGS {
                let groups = world.read(&scope, async |tx| tx.usage().summary(ALL, by).await).await;
                let requests: u64 = groups.iter().map(|group| group.totals.requests).sum();
                assert_eq!(requests, seen, "{scope:?} {by:?}, late ones folded: {folded}");
            }
        }
        fold(&world, &cast.ada, hour(30)).await;
        fold(&world, &cast.eve, hour(30)).await;
    }
    for scope in [scopes::own(&cast.ada), scopes::visible(&cast.ada), scopes::nothing(&cast.ada)] {
        let refused = async |command: for<'a> fn(&'a dyn Tx) -> crate::Running<'a, ()>| {
            assert_refused!(world.attempt(&scope, async |tx| command(tx).await).await, StoreError::OutOfScope(_));
        };
        refused(|tx| tx.usage().close(hour(99))).await;
        refused(|tx| Box::pin(async move { tx.usage().fold(hour(1)).await.map(drop) })).await;
        refused(|tx| tx.usage().refold(day(18))).await;
        refused(|tx| Box::pin(async move { tx.usage().wrong_days().await.map(drop) })).await;
        refused(|tx| Box::pin(async move { tx.usage().folded_before().await.map(drop) })).await;
        refused(|tx| Box::pin(async move { tx.usage().unfolded_tenants(hour(1), 1).await.map(drop) })).await;
    }
    let system = scopes::system(&cast.ada);
    let outcome = world.attempt(&system, async |tx| tx.usage().unfolded_tenants(hour(1), 1).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    let outcome = world.attempt(&system, async |tx| tx.usage().fold(hour(31)).await).await;
    assert_refused!(outcome, StoreError::Stale);
    let nobody = world.tenant("nobody").await;
    let outcome = world.attempt(&Scope::system_in(nobody.id), async |tx| tx.usage().fold(hour(1)).await).await;
    assert_refused!(outcome, StoreError::Stale);
}

/// Settlements of whatever time and folds of several instances at once lose nothing and count nothing twice,
/// at any moment.
pub async fn folds_and_settlements_meet(world: World) {
    const WRITERS: i64 = 6;
    const ROWS: i64 = 25;
    let cast = world.cast().await;
    let tenant = cast.ada.tenant_id.unwrap();
    let scope = scopes::system(&cast.ada);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (world, user, scope) = (world.clone(), cast.ada.clone(), scope.clone());
            tokio::spawn(async move {
                for number in 0..ROWS {
                    // Some in front of what is folded, some far behind, some where a fold may be at work.
                    let at = hour((number * 7 + writer * 11) % 100) + TimeDelta::microseconds(number);
                    let row = UsageLog { requested_at: at, ..world.make.usage(&user) };
                    let tx = world.begin(&scope, Mode::Write).await;
                    tx.usage().insert(&row).await.unwrap();
                    tokio::task::yield_now().await;
                    if number % 5 == 4 { tx.rollback().await.unwrap() } else { tx.commit().await.unwrap() }
                }
            })
        })
        .collect();
    let folders: Vec<_> = (0..2)
        .map(|folder| {
            let world = world.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    match world.store.fold_usage(tenant, hour(4 * number + folder), 100).await {
                        Ok(_) | Err(StoreError::Retry) => {}
                        Err(error) => panic!("a fold failed: {error}"),
                    }
                }
            })
        })
        .collect();
    let is_right = async || {
        let tx = world.begin(&scope, Mode::Read).await;
        let rows = tx.usage().list(ALL, u32::MAX).await.unwrap();
        for by in GROUPINGS {
            assert_eq!(tx.usage().summary(ALL, by).await.unwrap(), expected(&rows, None, ALL, by), "{by:?}");
        }
        assert_eq!(tx.usage().wrong_days().await.unwrap(), []);
        tx.rollback().await.unwrap();
        rows.len()
    };
    while !writers.iter().chain(&folders).all(tokio::task::JoinHandle::is_finished) {
        is_right().await;
        tokio::task::yield_now().await;
    }
    for task in writers.into_iter().chain(folders) {
        task.await.unwrap();
    }
    assert_eq!(is_right().await, usize::try_from(WRITERS * ROWS * 4 / 5).unwrap());
    assert_eq!(fold(&world, &cast.ada, hour(120)).await, Folding::Done);
    assert_eq!(is_right().await, usize::try_from(WRITERS * ROWS * 4 / 5).unwrap());
}
