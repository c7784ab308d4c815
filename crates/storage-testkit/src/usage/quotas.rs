//! Quotas: what there is, and what many add at once.

use domain::{
    access::Scope,
    conversations::Conversation,
    identity::User,
    knowledge::{Collection, Source},
    store::{Mode, StoreError, Tx},
    usage::{Held, QuotaBounds, QuotaKind},
};

use crate::{World, assert_refused, scopes};

/// Units of work at once.
const TASKS: usize = 40;
/// Tries of one that loses to others.
const MAX_TRIES: u32 = 50;

async fn held(world: &World, user: &User, kind: QuotaKind) -> Held {
    let asked = async |tx: &dyn Tx| tx.quotas().held(kind, Some(user.id), QuotaBounds::NONE).await;
    world.read(&scopes::own(user), asked).await
}

/// Asserts what a user and its tenant have, in the order of the kinds.
#[track_caller]
fn assert_held(found: [Held; QuotaKind::ALL.len()], of_user: [u64; 5], of_tenant: [u64; 5]) {
    let kinds = QuotaKind::ALL.iter().zip(found).zip(of_user.into_iter().zip(of_tenant));
    for ((kind, found), (of_user, by_tenant)) in kinds {
        assert_eq!(found, Held { by_user: Some(of_user), by_tenant }, "{kind}");
    }
}

async fn all(world: &World, user: &User) -> [Held; QuotaKind::ALL.len()] {
    let mut found = Vec::new();
    for kind in QuotaKind::ALL {
        found.push(held(world, user, kind).await);
    }
    found.try_into().unwrap()
}

/// Each row counts as long as it is there, for its user and for the tenant.
pub async fn what_comes_and_goes_is_counted(world: World) {
    let cast = world.cast().await;
    let make = &world.make;
    assert_held(all(&world, &cast.ada).await, [0; 5], [0; 5]);
    let conversation = make.conversation(&cast.ada);
    let (key, second) = (make.api_key(&cast.ada), make.api_key(&cast.ada));
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.conversations().insert(&conversation).await?;
            tx.conversations().insert(&make.conversation(&cast.ada)).await?;
            tx.api_keys().insert(&key).await?;
            tx.api_keys().insert(&second).await
        })
        .await;
    // A collection and a file of 1,234 bytes each.
    for user in [&cast.ada, &cast.bob, &cast.eve] {
        world.source(user).await;
    }
    assert_held(all(&world, &cast.ada).await, [2, 1, 2, 1, 1234], [2, 2, 2, 2, 2468]);
    assert_held(all(&world, &cast.bob).await, [0, 1, 0, 1, 1234], [2, 2, 2, 2, 2468]);
    assert_held(all(&world, &cast.eve).await, [0, 1, 0, 1, 1234], [0, 1, 0, 1, 1234]);

    // What belongs to nobody is the tenant's.
    let nobodys = Collection { user_id: None, ..make.collection(&cast.ada) };
    world.write(&scopes::system(&cast.ada), async |tx| tx.collections().insert(&nobodys).await).await;
    let deleted = Conversation { deleted_at: Some(make.now()), ..conversation };
    world.write(&scopes::own(&cast.ada), async |tx| tx.conversations().update(&deleted).await).await;
    let at = make.now();
    assert!(world.write(&scopes::own(&cast.ada), async |tx| tx.api_keys().revoke(key.id, at).await).await);
    // A key that has ended already ends no more, and a change of another field changes nothing.
    world
        .write(&scopes::own(&cast.ada), async |tx| {
            tx.api_keys().revoke(key.id, at).await?;
            tx.api_keys().record_use(second.id, at).await
        })
        .await;
    assert_held(all(&world, &cast.ada).await, [1, 1, 1, 1, 1234], [1, 3, 1, 2, 2468]);

    // What is undone was never there.
    let tx = world.begin(&scopes::own(&cast.ada), Mode::Write).await;
    tx.conversations().insert(&make.conversation(&cast.ada)).await.unwrap();
    let within = tx.quotas().held(QuotaKind::Conversations, Some(cast.ada.id), QuotaBounds::NONE).await.unwrap();
    assert_eq!(within, Held { by_user: Some(2), by_tenant: 2 });
    tx.rollback().await.unwrap();
    assert_held(all(&world, &cast.ada).await, [1, 1, 1, 1, 1234], [1, 3, 1, 2, 2468]);
}

/// A tenant is asked about by its own scopes, and about its own users.
pub async fn a_tenant_counts_its_own(world: World) {
    let cast = world.cast().await;
    world.source(&cast.eve).await;
    let asked = async |tx: &dyn Tx| tx.quotas().held(QuotaKind::Files, Some(cast.eve.id), QuotaBounds::NONE).await;
    assert_eq!(world.read(&scopes::own(&cast.ada), asked).await, Held { by_user: Some(0), by_tenant: 0 });
    assert_eq!(world.read(&scopes::own(&cast.eve), asked).await, Held { by_user: Some(1), by_tenant: 1 });
    let of_nobody = async |tx: &dyn Tx| tx.quotas().held(QuotaKind::Files, None, QuotaBounds::NONE).await;
    assert_eq!(world.read(&scopes::system(&cast.eve), of_nobody).await, Held { by_user: None, by_tenant: 1 });
    for scope in [Scope::sign_in(), Scope::system("contract suite")] {
        let tx = world.begin(&scope, Mode::Read).await;
        assert_refused!(of_nobody(tx.as_ref()).await, StoreError::OutOfScope(_));
    }
}

/// What is to be added.
enum New {
    Conversation(Conversation),
    File(Source),
}

/// How much may be there, three and a half files.
const CONVERSATIONS: QuotaBounds = QuotaBounds { per_user: 10, per_tenant: 15 };
const FILE_BYTES: QuotaBounds = QuotaBounds { per_user: 1_000_000, per_tenant: 1234 * 7 / 2 };

/// Adds a row, if it fits; returns whether it did.
async fn add(world: &World, user: &User, new: &New) -> Result<bool, StoreError> {
    let (kind, more, bounds) = match new {
        New::Conversation(_) => (QuotaKind::Conversations, 1, CONVERSATIONS),
        New::File(source) => (QuotaKind::FileBytes, source.size_bytes, FILE_BYTES),
    };
    let tx = world.store.begin(&scopes::own(user), Mode::Write).await?;
    let held = tx.quotas().held(kind, Some(user.id), bounds.fence(kind)).await?;
    if bounds.broken_by(held, more).is_some() {
        tx.rollback().await?;
        return Ok(false);
    }
    match new {
        New::Conversation(conversation) => tx.conversations().insert(conversation).await?,
        New::File(source) => tx.sources().insert(source).await?,
    }
    tx.commit().await?;
    Ok(true)
}

/// The same, as often as it loses to others.
async fn add_at_last(world: &World, user: &User, new: New) -> bool {
    let mut tries = 0;
    loop {
        match add(world, user, &new).await {
            Ok(fitted) => return fitted,
            Err(error) => {
                tries += 1;
                assert!(matches!(error, StoreError::Retry) && tries < MAX_TRIES, "an addition failed: {error}");
            }
        }
    }
}

/// Of many that add at the same moment as many are let in as fit, of each user and of the tenant.
pub async fn exactly_as_many_fit_as_may(world: World) {
    let cast = world.cast().await;
    let collection = world.make.collection(&cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.collections().insert(&collection).await).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|number| {
            let user = if number % 2 == 0 { cast.ada.clone() } else { cast.bob.clone() };
            let (world, ada) = (world.clone(), cast.ada.clone());
            let conversation = New::Conversation(world.make.conversation(&user));
            let file = New::File(world.make.source(&collection));
            tokio::spawn(async move {
                let begun = add_at_last(&world, &user, conversation).await;
                (user.id, begun, add_at_last(&world, &ada, file).await)
            })
        })
        .collect();
    let (mut of_ada, mut of_bob, mut files) = (0, 0, 0);
    for task in tasks {
        let (user, begun, file) = task.await.unwrap();
        *(if user == cast.ada.id { &mut of_ada } else { &mut of_bob }) += u64::from(begun);
        files += u64::from(file);
    }
    assert_eq!((of_ada + of_bob, files), (15, 3));
    assert!(of_ada <= 10 && of_bob <= 10, "{of_ada} and {of_bob}");
    let found = held(&world, &cast.ada, QuotaKind::Conversations).await;
    assert_eq!(found, Held { by_user: Some(of_ada), by_tenant: 15 });
    assert_eq!(held(&world, &cast.ada, QuotaKind::FileBytes).await.by_tenant, 3 * 1234);
}
