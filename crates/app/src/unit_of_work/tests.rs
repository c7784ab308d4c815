//! The frame keeps its promises on the memory backend.

use std::{
    future::ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use domain::{
    access::{Actor, Credential, Permission, Scope, SystemRole},
    admin::KeptAnswer,
    gateways::{Topic, Wakeups as _},
    identity::User,
    ids::ConversationId,
    page::PageRequest,
    store::StoreError,
};
use futures::{FutureExt as _, StreamExt as _};
use infra_memory::{MemoryBlobStore, MemoryStore, MemoryWakeups};
use infra_providers::ProviderRegistry;
use storage_testkit::World;
use tokio::sync::Notify;

use super::{Uow, frame::DEADLINE};
use crate::{
    App, AppBuilder, Error, ErrorKind, Idempotent, Outcome, Result,
    audit::{Act, Audited},
};

/// An application with one user.
struct Bench {
    app: App,
    wakeups: MemoryWakeups,
    actor: Actor,
    world: World,
    user: User,
}

impl Bench {
    async fn new() -> Self {
        let store = MemoryStore::default();
        let world = World::new(Arc::new(store.clone()));
        let tenant = world.tenant("acme").await;
        let user = world.user(&tenant, "ada").await;
        let actor = Actor {
            user_id: user.id,
            tenant_id: Some(tenant.id),
            is_superadmin: false,
            is_tenant_admin: false,
            permissions: SystemRole::User.permissions(),
            credential: Credential::Embedded,
            ip_address: None,
            user_agent: None,
        };
        let wakeups = MemoryWakeups::default();
        let (models, blobs) = (Arc::new(ProviderRegistry::default()), Arc::new(MemoryBlobStore::default()));
        let app = AppBuilder::new(Arc::new(store), models, blobs, Arc::new(wakeups.clone())).build();
        Self { app, wakeups, actor, world, user }
    }

    fn scope(&self) -> Scope {
        Scope::system_in(self.user.tenant_id.unwrap())
    }

    /// A change that adds a conversation, with an act, a wake-up and an effect that counts.
    fn adding(&self, effects: &Arc<AtomicUsize>) -> impl Fn(Uow) -> Adding + Send + Sync + 'static + use<> {
        let (conversation, effects) = (self.world.make.conversation(&self.user), Arc::clone(effects));
        move |tx| {
            let (conversation, effects) = (conversation.clone(), Arc::clone(&effects));
            Box::pin(async move {
                tx.conversations().insert(&conversation).await?;
                tx.after_commit(move |_| {
                    effects.fetch_add(1, SeqCst);
                });
                tx.wake(Topic::Jobs);
                Ok((conversation.id, Act::on("conversation_created", "conversation", conversation.id.0)))
            })
        }
    }

    /// How many conversations and rows of the audit log are committed.
    async fn committed(&self) -> (usize, usize) {
        let page = PageRequest::default();
        let own = async |tx: &Uow| Ok(tx.conversations().list(&Default::default(), page).await?.items.len());
        let conversations = self.app.query(&self.actor, Permission::ConversationsRead, own).await.unwrap();
        let rows = async |tx: &Uow| Ok(tx.audit().list(page).await?.items.len());
        (conversations, self.app.query_in(&self.scope(), rows).await.unwrap())
    }
}

type Adding = futures::future::BoxFuture<'static, Result<(ConversationId, Act)>>;

const WRITE: Permission = Permission::ConversationsWrite;

fn keyed(key: &str) -> Option<Idempotent<ConversationId>> {
    let render = |id: &ConversationId| KeptAnswer { status: 201, body: id.0.as_bytes().to_vec() };
    Some(Idempotent::new(key, "f".to_owned(), Arc::new(render)).unwrap())
}

#[tokio::test]
async fn a_change_commits_with_its_act_and_then_what_follows() {
    let bench = Bench::new().await;
    let mut woken = bench.wakeups.subscribe();
    let effects = Arc::default();
    let outcome = bench.app.change(&bench.actor, WRITE, None, bench.adding(&effects)).await.unwrap();
    assert!(matches!(outcome, Outcome::Done(_)));
    assert_eq!(bench.committed().await, (1, 1));
    assert_eq!(effects.load(SeqCst), 1);
    assert_eq!(woken.next().now_or_never(), Some(Some(Topic::Jobs)));
}

#[tokio::test]
async fn what_follows_finds_the_change_committed() {
    let bench = Bench::new().await;
    let seen = Arc::new(Mutex::new(None));
    let (told, scope) = (Arc::clone(&seen), bench.scope());
    let conversation = bench.world.make.conversation(&bench.user);
    let work = move |tx: Uow| {
        let (conversation, told, scope) = (conversation.clone(), Arc::clone(&told), scope.clone());
        async move {
            tx.conversations().insert(&conversation).await?;
            let id = conversation.id;
            tx.after_commit(move |app| {
                let find = app.query_in(&scope, async |tx| Ok(tx.conversations().get(id).await?));
                *told.lock().unwrap() = find.now_or_never();
            });
            Ok((id, Act::on("conversation_created", "conversation", id.0)))
        }
    };
    let outcome = bench.app.change(&bench.actor, WRITE, None, work).await.unwrap();
    let Outcome::Done(id) = outcome else { panic!("it is done now") };
    let found = seen.lock().unwrap().take().unwrap().unwrap();
    assert_eq!(found.map(|conversation| conversation.id), Some(id));
}

#[tokio::test]
async fn a_change_that_fails_leaves_neither_row_nor_act_nor_effect() {
    let bench = Bench::new().await;
    let mut woken = bench.wakeups.subscribe();
    let effects = Arc::default();
    let add = bench.adding(&effects);
    let work = move |tx: Uow| {
        let adding = add(tx);
        async move { adding.await.and_then(|(id, _)| Err::<((), Act), _>(Error::not_found("conversation", id.0))) }
    };
    let refused = bench.app.change(&bench.actor, WRITE, None, work).await;
    assert_eq!(refused.err().map(|error| error.code), Some("not_found"));
    assert_eq!(bench.committed().await, (0, 0));
    assert_eq!(effects.load(SeqCst), 0);
    assert_eq!(woken.next().now_or_never(), None);
}

#[tokio::test]
async fn a_change_goes_with_its_act_where_that_is_refused() {
    let bench = Bench::new().await;
    let effects = Arc::default();
    let add = bench.adding(&effects);
    let id = bench.user.id.0;
    // No backend stores NUL, so the row of this act is refused, behind all the work.
    let work = |tx: Uow| {
        let adding = add(tx);
        async move { Ok((adding.await?.0, Act::on("a\0b", "conversation", id))) }
    };
    assert!(bench.app.change_in(&bench.scope(), None, work).await.is_err());
    assert_eq!(bench.committed().await, (0, 0));
    assert_eq!(effects.load(SeqCst), 0);
}

#[tokio::test]
async fn a_change_that_loses_is_done_again_with_one_effect() {
    let bench = Bench::new().await;
    let (effects, tries) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
    let (add, tried) = (bench.adding(&effects), Arc::clone(&tries));
    let work = move |tx: Uow| {
        let (adding, number) = (add(tx), tried.fetch_add(1, SeqCst) + 1);
        async move {
            let done = adding.await?;
            if number < 5 { Err(StoreError::Retry.into()) } else { Ok(done) }
        }
    };
    bench.app.change(&bench.actor, WRITE, None, work).await.unwrap();
    assert_eq!(tries.load(SeqCst), 5);
    assert_eq!(bench.committed().await, (1, 1));
    assert_eq!(effects.load(SeqCst), 1);
}

#[tokio::test]
async fn a_change_that_always_loses_is_given_up_and_no_other_failure_is_tried_again() {
    let bench = Bench::new().await;
    for (failure, expected) in [(StoreError::Retry, 5), (StoreError::Stale, 1), (StoreError::Poisoned, 1)] {
        let (tries, failure) = (AtomicUsize::new(0), Mutex::new(Some(failure)));
        let work = |_| {
            tries.fetch_add(1, SeqCst);
            let failure = match &*failure.lock().unwrap() {
                Some(StoreError::Retry) => StoreError::Retry,
                Some(StoreError::Stale) => StoreError::Stale,
                _ => StoreError::Poisoned,
            };
            ready(Err::<((), Act), _>(failure.into()))
        };
        assert!(bench.app.change_in(&bench.scope(), None, work).await.is_err());
        assert_eq!(tries.load(SeqCst), expected, "{failure:?}");
    }
}

#[tokio::test]
async fn work_that_never_ends_is_undone_and_busy() {
    let bench = Bench::new().await;
    let effects = Arc::default();
    let add = bench.adding(&effects);
    let work = |tx: Uow| {
        let adding = add(tx);
        async move {
            let done = adding.await?;
            tokio::time::sleep(DEADLINE * 4).await;
            Ok(done)
        }
    };
    let scope = bench.scope();
    let read = async |_: &Uow| {
        tokio::time::sleep(DEADLINE * 4).await;
        Ok(())
    };
    let (changed, read) =
        futures::future::join(bench.app.change_in(&scope, None, work), bench.app.query_in(&scope, read)).await;
    for error in [changed.unwrap_err(), read.unwrap_err()] {
        assert_eq!((error.kind, error.code), (ErrorKind::Unavailable, "busy"));
        assert!(error.retry_after.is_some());
    }
    assert_eq!(bench.committed().await, (0, 0));
    assert_eq!(effects.load(SeqCst), 0);
}

#[test]
fn a_busy_database_is_not_told_as_away() {
    let code = |error: StoreError| Error::from(error).code;
    assert_eq!(code(StoreError::Busy("no place".to_owned())), "busy");
    assert_eq!(code(StoreError::Retry), "busy");
    assert_eq!(code(StoreError::Unavailable("gone".into())), "database_unavailable");
}

#[tokio::test]
async fn a_repetition_gets_the_kept_answer_and_does_nothing() {
    let bench = Bench::new().await;
    let effects = Arc::default();
    let add = || bench.app.change(&bench.actor, WRITE, keyed("k"), bench.adding(&effects));
    let Outcome::Done(id) = add().await.unwrap() else { panic!("the first one acts") };
    let Outcome::Replayed(kept) = add().await.unwrap() else { panic!("the second one repeats") };
    assert_eq!(kept.body, id.0.as_bytes());
    assert_eq!(bench.committed().await, (1, 1));
    assert_eq!(effects.load(SeqCst), 1);
}

#[tokio::test]
async fn work_that_keeps_its_unit_of_work_commits_nothing() {
    let bench = Bench::new().await;
    let effects = Arc::default();
    let add = bench.adding(&effects);
    let kept = Arc::new(Mutex::new(None));
    let keeper = Arc::clone(&kept);
    let work = move |tx: Uow| {
        *keeper.lock().unwrap() = Some(tx.share());
        add(tx)
    };
    let outcome = bench.app.change(&bench.actor, WRITE, None, work).await;
    assert_eq!(outcome.err().map(|error| error.code), Some("internal"));
    drop(kept.lock().unwrap().take());
    assert_eq!(bench.committed().await, (0, 0));
    assert_eq!(effects.load(SeqCst), 0);
}

#[tokio::test]
async fn a_change_goes_on_when_its_caller_is_gone() {
    let bench = Bench::new().await;
    let (effects, begun, go) = (Arc::default(), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (add, starts, goes) = (bench.adding(&effects), Arc::clone(&begun), Arc::clone(&go));
    let work = move |tx: Uow| {
        let (adding, starts, goes) = (add(tx), Arc::clone(&starts), Arc::clone(&goes));
        async move {
            starts.notify_one();
            goes.notified().await;
            adding.await
        }
    };
    tokio::select! {
        _ = bench.app.change(&bench.actor, WRITE, None, work) => panic!("it waits"),
        () = begun.notified() => {}
    }
    go.notify_one();
    bench.app.parts.tasks.close();
    bench.app.parts.tasks.wait().await;
    assert_eq!(bench.committed().await, (1, 1));
    assert_eq!(effects.load(SeqCst), 1);
}

#[tokio::test]
async fn without_the_right_no_work_begins() {
    let bench = Bench::new().await;
    let viewer = Actor { permissions: SystemRole::Viewer.permissions(), ..bench.actor.clone() };
    let effects = Arc::default();
    let outcome = bench.app.change(&viewer, WRITE, None, bench.adding(&effects)).await;
    assert_eq!(outcome.err().map(|error| error.code), Some("forbidden"));
    let nobody = Actor { permissions: Default::default(), ..bench.actor.clone() };
    let read = async |_: &Uow| -> Result<()> { panic!("nothing is read") };
    let outcome = bench.app.query(&nobody, Permission::ConversationsRead, read).await;
    assert_eq!(outcome.err().map(|error| error.code), Some("forbidden"));
    assert_eq!(bench.committed().await, (0, 0));
}

#[tokio::test]
async fn the_row_tells_who_acted_and_one_written_before_is_not_written_twice() {
    let bench = Bench::new().await;
    let by = Arc::new(bench.actor.clone());
    let id = bench.world.make.id::<ConversationId>().0;
    let first = |tx: Uow| async move {
        tx.record(Act::on("one", "conversation", id)).await?;
        Ok(((), tx.record(Act::on("two", "conversation", id)).await?))
    };
    bench.app.change_in(&bench.scope(), Some(&by), first).await.unwrap();
    let nothing = |_| ready(Ok(((), Audited::nothing("a test"))));
    bench.app.change_in(&bench.scope(), Some(&by), nothing).await.unwrap();
    let own = |_| ready(Ok(((), Act::on("three", "conversation", id))));
    bench.app.change_in(&bench.scope(), None, own).await.unwrap();
    let read = async |tx: &Uow| Ok(tx.audit().list(PageRequest::default()).await?.items);
    let mut rows = bench.app.query_in(&bench.scope(), read).await.unwrap();
    rows.sort_by_key(|row| row.id);
    let rows: Vec<_> = rows.iter().map(|row| (row.action.as_str(), row.user_id)).collect();
    assert_eq!(rows, [("one", Some(by.user_id)), ("two", Some(by.user_id)), ("three", None)]);
}
