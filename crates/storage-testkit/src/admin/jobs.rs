//! Jobs: queueing, finding, claiming.

use std::collections::BTreeSet;

use async_trait::async_trait;
use domain::{
    access::{Permission, Purpose, Scope},
    admin::{Job, JobBacklog, JobFailure, JobKind, JobLease, JobState, job::LIVE_SOURCE},
    identity::User,
    ids::SourceId,
    knowledge::{Collection, CollectionVisibility, Source},
    store::{Mode, StoreError, Tx},
};

use super::job;
use crate::{
    Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, assert_conflict, assert_refused, scopes, whole_row,
};

const SYSTEM: Scope = Scope::system("contract suite");
/// Jobs that many workers share.
const MANY: usize = 20;

/// Jobs of a user, about a source of its.
pub struct Jobs {
    user: User,
    collection: Collection,
    source: Source,
}

fn about(job: &Job) -> SourceId {
    let JobKind::Ingest { source_id, .. } = job.kind;
    source_id
}

fn lease(job: &Job) -> JobLease {
    JobLease { id: job.id, fence: job.fence }
}

/// A verb under the lease of a running job.
fn leased(verb: Verb<Jobs>) -> Verb<Jobs> {
    verb.on(|_, job, at| {
        job.state = JobState::Running;
        job.fence = 3;
        job.attempts = 1;
        job.lease_expires_at = Some(at.make.in_seconds(20));
    })
}

fn left(job: &mut Job, state: JobState) {
    job.state = state;
    job.lease_expires_at = None;
}

#[async_trait]
impl Subject for Jobs {
    whole_row!(Job);

    const NAME: &'static str = "jobs";
    const ACCESS: [Permission; 2] = [Permission::KnowledgeRead, Permission::KnowledgeWrite];
    const ALWAYS_SET: &'static [&'static str] = &["user_id"];
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        let collection = make.collection(&person.user);
        Self { user: person.user.clone(), source: make.source(&collection), collection }
    }

    fn shown(self) -> Option<Self> {
        let collection = Collection { visibility: CollectionVisibility::Shared, ..self.collection };
        Some(Self { collection, ..self })
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.collections().insert(&self.collection).await?;
        tx.sources().insert(&self.source).await
    }

    fn plain(&self, make: &Fixtures) -> Job {
        Job { user_id: Some(self.user.id), ..make.job(&self.source) }
    }

    fn full(&self, make: &Fixtures) -> Job {
        Job {
            state: JobState::Dead,
            step: Some("embed".to_owned()),
            progress_done: 3,
            progress_total: 9,
            attempts: 5,
            fence: 7,
            lease_expires_at: Some(make.in_seconds(1)),
            run_at: make.in_seconds(2),
            error: Some("it broke – ü".to_owned()),
            updated_at: make.in_seconds(3),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, job: &Job) -> Result<(), StoreError> {
        tx.jobs().enqueue(job).await
    }

    async fn find(&self, tx: &dyn Tx, job: &Job) -> Result<Option<Job>, StoreError> {
        tx.jobs().get(job.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::look_up("find_by_source", |_, tx, job, _| {
                Box::pin(async move { Ok(tx.jobs().find_by_source(about(job)).await?.as_ref() == Some(job)) })
            }),
            leased(Verb::<Self>::command("hold", |_, tx, job, _| tx.jobs().hold(lease(job)), |_, _| ())),
            leased(Verb::<Self>::command(
                "renew",
                |_, tx, job, at| tx.jobs().renew(lease(job), at.time),
                |job, at| {
                    job.lease_expires_at = Some(at.time);
                    job.updated_at = at.now();
                },
            )),
            leased(Verb::<Self>::command(
                "record_progress",
                |_, tx, job, _| tx.jobs().record_progress(lease(job), "embed", 3, 9),
                |job, at| {
                    (job.step, job.progress_done, job.progress_total) = (Some("embed".to_owned()), 3, 9);
                    job.updated_at = at.now();
                },
            )),
            leased(Verb::<Self>::command(
                "finish",
                |_, tx, job, at| tx.jobs().finish(lease(job), at.time),
                |job, at| {
                    left(job, JobState::Done);
                    job.updated_at = at.time;
                },
            )),
            leased(Verb::<Self>::command(
                "fail",
                |_, tx, job, at| {
                    Box::pin(async move {
                        let failure = JobFailure { error: "away".to_owned(), retry_at: Some(at.make.in_seconds(30)) };
                        tx.jobs().fail(lease(job), &failure, at.time).await
                    })
                },
                |job, at| {
                    left(job, JobState::Queued);
                    job.error = Some("away".to_owned());
                    job.run_at = at.make.in_seconds(30);
                    job.updated_at = at.time;
                },
            )),
            leased(Verb::<Self>::command(
                "release",
                |_, tx, job, at| tx.jobs().release(lease(job), at.time),
                |job, at| {
                    left(job, JobState::Queued);
                    job.attempts -= 1;
                    job.run_at = at.time;
                    job.updated_at = at.time;
                },
            )),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["jobs"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |job, other| Job { user_id: Some(other.user.id), ..job }),
            Reference::<Self>::new("source_id", |job, other| {
                let JobKind::Ingest { source_version_id, .. } = job.kind;
                Job { kind: JobKind::Ingest { source_id: other.source.id, source_version_id }, ..job }
            }),
        ]
    }

    /// How far the work on a source is, is told to whoever reads the source.
    fn reaches(&self, verb: &str, scope: &Scope, job: &Job, purpose: Purpose) -> Result<bool, StoreError> {
        match verb {
            "find_by_source" => Ok(scope.filter::<Collection>(purpose)?.admits_source(&self.source, &self.collection)),
            _ => Ok(scope.filter::<Job>(purpose)?.admits(job)),
        }
    }
}

async fn enqueue(world: &World, job: &Job) {
    world.write(&Scope::system_in(job.tenant_id), async |tx| tx.jobs().enqueue(job).await).await;
}

async fn claim(world: &World) -> Option<Job> {
    let (now, until) = (world.make.now(), world.make.in_seconds(20));
    world.write(&SYSTEM, async |tx| tx.jobs().claim(now, until).await).await
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

/// Due and running jobs of all tenants are counted up to a bound, and the oldest due one is known.
pub async fn what_waits_is_counted(world: World) {
    let cast = world.cast().await;
    let (start, far) = (world.make.now(), 1_000);
    let backlog = async |most| {
        let now = world.make.now();
        world.read(&SYSTEM, async |tx| tx.jobs().backlog(now, most).await).await
    };
    assert_eq!(backlog(far).await, JobBacklog::default());
    for user in [&cast.ada, &cast.eve, &cast.ada] {
        let due = job(&world, user).await;
        enqueue(&world, &due).await;
        world.make.clock.advance(chrono::TimeDelta::seconds(1));
    }
    for state in [JobState::Done, JobState::Dead] {
        enqueue(&world, &Job { state, ..job(&world, &cast.ada).await }).await;
    }
    enqueue(&world, &Job { run_at: world.make.in_seconds(60), ..job(&world, &cast.ada).await }).await;
    assert_eq!(backlog(far).await, JobBacklog { due: 3, running: 0, oldest_due_at: Some(start) });
    let second = start + chrono::TimeDelta::seconds(1);
    claim(&world).await.unwrap();
    assert_eq!(backlog(far).await, JobBacklog { due: 2, running: 1, oldest_due_at: Some(second) });
    assert_eq!(backlog(1).await, JobBacklog { due: 1, running: 1, oldest_due_at: Some(second) });
    // The lease of the running one ends, so that it can be taken again, and the late one is not due yet.
    world.make.clock.advance(chrono::TimeDelta::seconds(20));
    assert_eq!(backlog(far).await, JobBacklog { due: 3, running: 0, oldest_due_at: Some(second) });
    let now = world.make.now();
    let tenant = scopes::system(&cast.ada);
    let outcome = world.attempt(&tenant, async |tx| tx.jobs().backlog(now, far).await).await;
    assert_refused!(outcome, StoreError::OutOfScope(_));
}
