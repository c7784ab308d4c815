//! Jobs: queueing, finding, claiming.

use std::collections::BTreeSet;

use domain::{
    access::Scope,
    admin::{Job, JobFailure, JobKind, JobLease, JobState, job::LIVE_SOURCE},
    store::{Mode, StoreError},
};

use super::job;
use crate::{World, assert_conflict, assert_refused, scopes};

const SYSTEM: Scope = Scope::system("contract suite");
/// Jobs that many workers share.
const MANY: usize = 20;

async fn enqueue(world: &World, job: &Job) {
    world.write(&Scope::system_in(job.tenant_id), async |tx| tx.jobs().enqueue(job).await).await;
}

async fn claim(world: &World) -> Option<Job> {
    let (now, until) = (world.make.now(), world.make.in_seconds(20));
    world.write(&SYSTEM, async |tx| tx.jobs().claim(now, until).await).await
}

/// Every field comes back.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let full = Job {
        user_id: Some(cast.ada.id),
        state: JobState::Dead,
        step: Some("embed".to_owned()),
        progress_done: 3,
        progress_total: 9,
        attempts: 5,
        fence: 7,
        lease_expires_at: Some(world.make.in_seconds(1)),
        run_at: world.make.in_seconds(2),
        error: Some("it broke – ü".to_owned()),
        updated_at: world.make.in_seconds(3),
        ..job(&world, &cast.ada).await
    };
    for job in [full, job(&world, &cast.ada).await] {
        enqueue(&world, &job).await;
        for scope in [scopes::system(&cast.ada), SYSTEM] {
            let found = world.read(&scope, async |tx| tx.jobs().get(job.id).await).await;
            assert_eq!(found.as_ref(), Some(&job));
        }
        let outcome = world.attempt(&scopes::system(&cast.ada), async |tx| tx.jobs().enqueue(&job).await).await;
        assert_conflict(outcome, &["jobs"]);
    }
}

/// The newest job about a source.
pub async fn the_newest_job_of_a_source_is_found(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let older = Job { state: JobState::Dead, ..job(&world, &cast.ada).await };
    world.make.clock.advance(chrono::TimeDelta::seconds(1));
    let newer = Job { state: JobState::Done, kind: older.kind.clone(), ..job(&world, &cast.ada).await };
    for job in [&newer, &older, &job(&world, &cast.ada).await] {
        enqueue(&world, job).await;
    }
    let JobKind::Ingest { source_id, .. } = older.kind;
    let found = world.read(&scope, async |tx| tx.jobs().find_by_source(source_id).await).await;
    assert_eq!(found, Some(newer));
    // One that is to be worked on comes before any that is over.
    let live = Job { state: JobState::Queued, created_at: older.created_at, ..again(&world, &older) };
    enqueue(&world, &live).await;
    assert_eq!(world.read(&scope, async |tx| tx.jobs().find_by_source(source_id).await).await, Some(live));
    let theirs = scopes::system(&cast.eve);
    assert_eq!(world.read(&theirs, async |tx| tx.jobs().find_by_source(source_id).await).await, None);
    let missing = world.make.id();
    assert_eq!(world.read(&scope, async |tx| tx.jobs().find_by_source(missing).await).await, None);
}

/// Another job about the same source.
fn again(world: &World, job: &Job) -> Job {
    Job { id: world.make.id(), state: JobState::Queued, ..job.clone() }
}

/// While a job about a source is queued or runs, no other is queued; once it has ended, well or not,
/// the next one is.
pub async fn a_source_has_one_live_job(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let first = job(&world, &cast.ada).await;
    for state in [JobState::Done, JobState::Dead] {
        enqueue(&world, &Job { state, ..again(&world, &first) }).await;
    }
    let refuse = async || {
        for state in [JobState::Queued, JobState::Running] {
            let second = Job { state, lease_expires_at: Some(world.make.in_seconds(9)), ..again(&world, &first) };
            let outcome = world.attempt(&scope, async |tx| tx.jobs().enqueue(&second).await).await;
            assert_conflict(outcome, &[LIVE_SOURCE]);
        }
        // What is over stands in nobody's way, and another source has a job of its own.
        enqueue(&world, &Job { state: JobState::Dead, ..again(&world, &first) }).await;
        enqueue(&world, &Job { run_at: world.make.in_seconds(3600), ..job(&world, &cast.ada).await }).await;
    };
    enqueue(&world, &first).await;
    refuse().await;
    let taken = claim(&world).await.unwrap();
    assert_eq!(taken.id, first.id);
    refuse().await;
    // A try that failed is queued again: it is the same job, and still the only one.
    let (lease, at) = (JobLease { id: taken.id, fence: taken.fence }, world.make.now());
    let failure = |retry_at| JobFailure { error: "it broke".to_owned(), retry_at };
    world.write(&scope, async |tx| tx.jobs().fail(lease, &failure(Some(at)), at).await).await;
    refuse().await;
    let taken = claim(&world).await.unwrap();
    let lease = JobLease { id: taken.id, fence: taken.fence };
    world.write(&scope, async |tx| tx.jobs().fail(lease, &failure(None), at).await).await;
    let second = again(&world, &first);
    enqueue(&world, &second).await;
    refuse().await;
    let taken = claim(&world).await.unwrap();
    assert_eq!(taken.id, second.id);
    let lease = JobLease { id: taken.id, fence: taken.fence };
    world.write(&scope, async |tx| tx.jobs().finish(lease, at).await).await;
    enqueue(&world, &again(&world, &first)).await;
}

/// Of many who queue a job about one source at once exactly one does.
pub async fn one_of_many_jobs_of_a_source_is_queued(world: World) {
    let cast = world.cast().await;
    let job = job(&world, &cast.ada).await;
    let tasks: Vec<_> = (0..MANY)
        .map(|_| {
            let (store, scope, job) = (world.store.clone(), scopes::system(&cast.ada), again(&world, &job));
            tokio::spawn(async move {
                let tx = store.begin(&scope, Mode::Write).await?;
                tx.jobs().enqueue(&job).await?;
                tx.commit().await
            })
        })
        .collect();
    let mut queued = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => queued += 1,
            refused => assert_conflict(refused, &[LIVE_SOURCE]),
        }
    }
    assert_eq!(queued, 1);
}

/// A due job is taken, with its fence and attempts raised; one that is not due is left.
pub async fn a_due_job_is_claimed(world: World) {
    let cast = world.cast().await;
    let due = job(&world, &cast.ada).await;
    let later = Job { run_at: world.make.in_seconds(60), ..job(&world, &cast.ada).await };
    let done = Job { state: JobState::Done, ..job(&world, &cast.ada).await };
    let dead = Job { state: JobState::Dead, ..job(&world, &cast.ada).await };
    for job in [&later, &done, &dead, &due] {
        enqueue(&world, job).await;
    }
    world.make.clock.advance(chrono::TimeDelta::seconds(1));
    let claimed = claim(&world).await.unwrap();
    let expected = Job {
        state: JobState::Running,
        fence: 1,
        attempts: 1,
        lease_expires_at: Some(world.make.in_seconds(20)),
        updated_at: world.make.now(),
        ..due.clone()
    };
    assert_eq!(claimed, expected);
    assert_eq!(world.read(&SYSTEM, async |tx| tx.jobs().get(due.id).await).await, Some(claimed));
    assert_eq!(claim(&world).await, None);
    world.make.clock.advance(chrono::TimeDelta::seconds(60));
    let ids: BTreeSet<_> = [claim(&world).await, claim(&world).await].into_iter().flatten().map(|job| job.id).collect();
    assert_eq!(ids, BTreeSet::from([due.id, later.id]), "the lease of the first has run out as well");
}

/// The tenant with the fewest running jobs comes first, then the oldest job.
pub async fn tenants_take_turns(world: World) {
    let cast = world.cast().await;
    let mut crowd = Vec::new();
    for _ in 0..3 {
        let job = job(&world, &cast.ada).await;
        enqueue(&world, &job).await;
        crowd.push(job.id);
        world.make.clock.advance(chrono::TimeDelta::seconds(1));
    }
    let single = job(&world, &cast.eve).await;
    enqueue(&world, &single).await;
    let mut order = Vec::new();
    while let Some(job) = claim(&world).await {
        order.push(job.id);
        assert!(order.len() <= 4, "a running job was claimed again");
    }
    assert_eq!(order, [crowd[0], single.id, crowd[1], crowd[2]]);
}

/// Many workers at once claim every job once.
pub async fn each_job_is_claimed_once(world: World) {
    let cast = world.cast().await;
    let mut queued = BTreeSet::new();
    for number in 0..MANY {
        let user = if number % 3 == 0 { &cast.eve } else { &cast.ada };
        let job = job(&world, user).await;
        enqueue(&world, &job).await;
        queued.insert(job.id);
    }
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let (store, now, until) = (world.store.clone(), world.make.now(), world.make.in_seconds(20));
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                loop {
                    let tx = store.begin(&SYSTEM, Mode::Write).await?;
                    let job = tx.jobs().claim(now, until).await?;
                    tx.commit().await?;
                    match job {
                        Some(job) if claimed.len() < MANY => claimed.push(job.id),
                        _ => return Ok::<_, StoreError>(claimed),
                    }
                }
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for task in tasks {
        claimed.extend(task.await.unwrap().unwrap());
    }
    // Workers may pass by a job that another holds; what is left is there for the next claim.
    while let Some(job) = claim(&world).await {
        claimed.push(job.id);
        assert!(claimed.len() <= queued.len(), "a job was claimed twice");
    }
    assert_eq!(claimed.len(), queued.len());
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), queued);
}

/// A job is of its tenant, as its source is; who caused it is somebody.
pub async fn jobs_stay_in_their_tenant(world: World) {
    let cast = world.cast().await;
    let ours = job(&world, &cast.ada).await;
    let (scope, theirs) = (scopes::system(&cast.ada), scopes::system(&cast.eve));
    let outcome = world.attempt(&theirs, async |tx| tx.jobs().enqueue(&ours).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
    enqueue(&world, &ours).await;
    assert_eq!(world.read(&theirs, async |tx| tx.jobs().get(ours.id).await).await, None);
    let foreign = job(&world, &cast.eve).await;
    for broken in [
        Job { user_id: Some(world.make.id()), state: JobState::Dead, ..again(&world, &ours) },
        Job { tenant_id: ours.tenant_id, ..foreign },
    ] {
        let outcome = world.attempt(&scope, async |tx| tx.jobs().enqueue(&broken).await).await;
        assert_refused!(outcome, StoreError::ForeignKey);
    }
}
