//! The installation.

use domain::{
    access::Scope,
    admin::Installation,
    store::{Mode, StoreError},
};

use crate::{World, scopes};

const SYSTEM: Scope = Scope::system("contract suite");

/// A new installation is not set up; any scope can see that.
pub async fn a_new_one_is_not_set_up(world: World) {
    let empty = Installation { setup_token_hash: None, set_up_at: None };
    let tenant = world.make.tenant("acme");
    for scope in [SYSTEM, Scope::sign_in(), Scope::system_in(tenant.id)] {
        assert_eq!(world.read(&scope, async |tx| tx.installation().get().await).await, empty);
    }
}

/// The token that was offered last completes the setup, once; then none is offered any more.
pub async fn the_last_token_completes_the_setup(world: World) {
    let (first, second) = (world.make.hash(), world.make.hash());
    let at = world.make.now();
    let scope = Scope::system_in(world.make.id());
    world
        .write(&SYSTEM, async |tx| {
            assert!(tx.installation().offer_setup(&first).await?);
            assert!(tx.installation().offer_setup(&second).await?);
            Ok(())
        })
        .await;
    let complete =
        async |token| world.write(&scope, async |tx| tx.installation().complete_setup(token, at).await).await;
    assert!(!complete(Some(&first)).await);
    assert!(complete(Some(&second)).await);
    assert!(!complete(Some(&second)).await);
    assert!(!complete(None).await);
    assert!(!world.write(&SYSTEM, async |tx| tx.installation().offer_setup(&first).await).await);
    let found = world.read(&SYSTEM, async |tx| tx.installation().get().await).await;
    assert_eq!(found.set_up_at, Some(at));
}

/// The headless setup needs no token. One that is rolled back has not happened.
pub async fn a_setup_needs_no_token_on_the_host(world: World) {
    let scope = Scope::system_in(world.make.id());
    let tx = world.begin(&scope, Mode::Write).await;
    assert!(tx.installation().complete_setup(None, world.make.now()).await.unwrap());
    tx.rollback().await.unwrap();
    assert!(world.write(&scope, async |tx| tx.installation().complete_setup(None, world.make.now()).await).await);
}

/// Of many setups at once exactly one makes its tenant.
pub async fn one_of_many_setups_wins(world: World) {
    let token = world.make.hash();
    world.write(&SYSTEM, async |tx| tx.installation().offer_setup(&token).await).await;
    let tasks: Vec<_> = (0..24)
        .map(|number| {
            let (world, token) = (world.clone(), token.clone());
            tokio::spawn(async move {
                let tenant = world.make.tenant(&format!("tenant-{number}"));
                let user = world.make.user(Some(tenant.id), "admin");
                let tx = world.store.begin(&scopes::system(&user), Mode::Write).await?;
                if !tx.installation().complete_setup(Some(&token), world.make.now()).await? {
                    tx.rollback().await?;
                    return Ok(None);
                }
                tx.tenants().insert(&tenant).await?;
                tx.users().insert(&user).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(Some(tenant))
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap().unwrap());
    }
    assert_eq!(winners.len(), 1);
    let tenants = world.read(&SYSTEM, async |tx| tx.tenants().list(Default::default()).await).await;
    assert_eq!(tenants.items, winners);
}
