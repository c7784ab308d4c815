//! Leases and fences of jobs.

use domain::{
    access::Scope,
    admin::{Job, JobFailure, JobLease, JobState},
    store::{StoreError, Tx},
};

use crate::{Cast, World, assert_refused, scopes};

const SYSTEM: Scope = Scope::system("contract suite");

/// A job of Ada's tenant that has just been claimed for 20 seconds.
async fn claimed(world: &World, cast: &Cast) -> (Job, JobLease) {
    let job = super::job(world, &cast.ada).await;
    world.write(&scopes::system(&cast.ada), async |tx| tx.jobs().enqueue(&job).await).await;
    world.make.clock.advance(chrono::TimeDelta::seconds(1));
    let job = claim(world).await.unwrap();
    let lease = JobLease { id: job.id, fence: job.fence };
    (job, lease)
}

async fn claim(world: &World) -> Option<Job> {
    let (now, until) = (world.make.now(), world.make.in_seconds(20));
    world.write(&SYSTEM, async |tx| tx.jobs().claim(now, until).await).await
}

async fn get(world: &World, job: &Job) -> Job {
    world.read(&SYSTEM, async |tx| tx.jobs().get(job.id).await).await.unwrap()
}

/// Asserts that every command under this lease is stale.
async fn assert_lost(world: &World, scope: &Scope, lease: JobLease) {
    let (now, later) = (world.make.now(), world.make.in_seconds(99));
    let failure = JobFailure { error: "late".to_owned(), retry_at: None };
    world
        .write(scope, async |tx: &dyn Tx| {
            let jobs = tx.jobs();
            assert_refused!(jobs.renew(lease, later).await, StoreError::Stale);
            assert_refused!(jobs.hold(lease).await, StoreError::Stale);
            assert_refused!(jobs.record_progress(lease, "embed", 1, 2).await, StoreError::Stale);
            assert_refused!(jobs.finish(lease, now).await, StoreError::Stale);
            assert_refused!(jobs.fail(lease, &failure, now).await, StoreError::Stale);
            assert_refused!(jobs.release(lease, now).await, StoreError::Stale);
            Ok(())
        })
        .await;
}

/// A worker reports how far it is, keeps its lease and finishes; then the lease is over.
pub async fn a_worker_finishes_its_job(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (job, lease) = claimed(&world, &cast).await;
    let later = world.make.in_seconds(99);
    let second = chrono::TimeDelta::seconds(1);
    world
        .write(&scope, async |tx| {
            tx.jobs().hold(lease).await?;
            world.make.clock.advance(second);
            tx.jobs().renew(lease, later).await?;
            world.make.clock.advance(second);
            tx.jobs().record_progress(lease, "embed", 3, 9).await
        })
        .await;
    let busy = Job {
        lease_expires_at: Some(later),
        step: Some("embed".to_owned()),
        progress_done: 3,
        progress_total: 9,
        updated_at: world.make.now(),
        ..job.clone()
    };
    assert_eq!(get(&world, &job).await, busy);
    world.write(&scope, async |tx| tx.jobs().finish(lease, later).await).await;
    let done = Job { state: JobState::Done, lease_expires_at: None, updated_at: later, ..busy };
    assert_eq!((get(&world, &job).await, done.attempts), (done, 1));
    assert_lost(&world, &scope, lease).await;
    assert_eq!(claim(&world).await, None);
}

/// A failed try comes back at its time, with its reason; one that is given up never.
pub async fn a_failure_is_retried_or_final(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (job, lease) = claimed(&world, &cast).await;
    let (now, retry_at) = (world.make.in_seconds(1), world.make.in_seconds(30));
    let failure = JobFailure { error: "the model is away".to_owned(), retry_at: Some(retry_at) };
    world.write(&scope, async |tx| tx.jobs().fail(lease, &failure, now).await).await;
    let failed = Job {
        state: JobState::Queued,
        run_at: retry_at,
        lease_expires_at: None,
        error: Some("the model is away".to_owned()),
        updated_at: now,
        ..job.clone()
    };
    assert_eq!((get(&world, &job).await, failed.attempts), (failed, 1));
    assert_lost(&world, &scope, lease).await;
    assert_eq!(claim(&world).await, None);
    world.make.clock.set(retry_at);
    let again = claim(&world).await.unwrap();
    assert_eq!((again.id, again.attempts, again.fence), (job.id, 2, 2));
    let lease = JobLease { id: again.id, fence: again.fence };
    let failure = JobFailure { error: "for good".to_owned(), retry_at: None };
    let at = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.jobs().fail(lease, &failure, at).await).await;
    let dead = Job {
        state: JobState::Dead,
        lease_expires_at: None,
        error: Some("for good".to_owned()),
        updated_at: at,
        ..again
    };
    assert_eq!(get(&world, &job).await, dead);
    world.make.clock.advance(chrono::TimeDelta::days(1));
    assert_eq!(claim(&world).await, None);
}

/// A job that is given back untried is queued at once, and the try is not counted.
pub async fn a_released_job_is_untried(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (job, lease) = claimed(&world, &cast).await;
    let now = world.make.clock.advance(chrono::TimeDelta::seconds(1));
    world.write(&scope, async |tx| tx.jobs().release(lease, now).await).await;
    let released =
        Job { state: JobState::Queued, attempts: 0, lease_expires_at: None, run_at: now, updated_at: now, ..job };
    assert_eq!(get(&world, &released).await, released);
    assert_lost(&world, &scope, lease).await;
    let again = claim(&world).await.unwrap();
    assert_eq!((again.id, again.attempts), (job.id, 1));
    assert!(again.fence > lease.fence, "no fence is given twice");
}

/// When a lease has run out another worker takes over; the first one changes nothing any more.
pub async fn a_lost_lease_changes_nothing(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (job, old) = claimed(&world, &cast).await;
    // Nobody has taken over yet: the holder may still renew.
    world.make.clock.advance(chrono::TimeDelta::seconds(20));
    world.write(&scope, async |tx| tx.jobs().renew(old, world.make.in_seconds(20)).await).await;
    assert_eq!(claim(&world).await, None);
    world.make.clock.advance(chrono::TimeDelta::seconds(20));
    let taken = claim(&world).await.unwrap();
    assert_eq!((taken.id, taken.fence, taken.attempts), (job.id, 2, 2));
    assert_lost(&world, &scope, old).await;
    assert_eq!(get(&world, &job).await, taken);
    let new = JobLease { id: job.id, fence: taken.fence };
    world.write(&scope, async |tx| tx.jobs().hold(new).await).await;
}

/// What is written with a lost lease is not written: the check and the write are one unit of work.
pub async fn holding_fences_what_is_written(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let (_, old) = claimed(&world, &cast).await;
    world.make.clock.advance(chrono::TimeDelta::seconds(20));
    claim(&world).await.unwrap();
    let collection = world.make.collection(&cast.ada);
    let outcome = world
        .attempt(&scope, async |tx| {
            tx.collections().insert(&collection).await?;
            tx.jobs().hold(old).await
        })
        .await;
    assert_refused!(outcome, StoreError::Stale);
    assert_eq!(world.read(&scope, async |tx| tx.collections().get(collection.id).await).await, None);
}

/// A lease is of no use in another tenant.
pub async fn leases_stay_in_their_tenant(world: World) {
    let cast = world.cast().await;
    let (job, lease) = claimed(&world, &cast).await;
    assert_lost(&world, &scopes::system(&cast.eve), lease).await;
    assert_lost(&world, &scopes::system(&cast.ada), JobLease { id: world.make.id(), ..lease }).await;
    assert_eq!(get(&world, &job).await, job);
}
