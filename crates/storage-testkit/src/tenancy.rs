//! Tenants.

use domain::{access::Scope, store::StoreError};

use crate::{World, assert_conflict, assert_refused, page::walk, scopes};

/// Every field comes back.
pub async fn round_trip(world: World) {
    let mut tenant = world.make.tenant("acme-labs");
    tenant.name = "Acme Labs, Inc. – Ünïcode 🦀".to_owned();
    tenant.updated_at = world.make.in_seconds(1);
    let scope = Scope::system_in(tenant.id);
    world.write(&scope, async |tx| tx.tenants().insert(&tenant).await).await;
    assert_eq!(world.read(&scope, async |tx| tx.tenants().get(tenant.id).await).await, Some(tenant));
}

/// A slug is taken once in the whole installation.
pub async fn a_slug_is_unique_in_the_installation(world: World) {
    world.tenant("acme").await;
    let twin = world.make.tenant("acme");
    let outcome = world.attempt(&Scope::system_in(twin.id), async |tx| tx.tenants().insert(&twin).await).await;
    assert_conflict(outcome, &["tenants", "slug"]);
}

/// A tenant sees itself only; the installation sees all, newest first.
pub async fn a_tenant_sees_itself_only(world: World) {
    let mut tenants = Vec::new();
    for number in 0..7 {
        if number % 3 == 0 {
            world.make.clock.advance(chrono::TimeDelta::seconds(1));
        }
        tenants.push(world.tenant(&format!("tenant-{number}")).await);
    }
    let own = Scope::system_in(tenants[0].id);
    world
        .read(&own, async |tx| {
            assert_eq!(tx.tenants().get(tenants[1].id).await?, None);
            assert_eq!(tx.tenants().find_by_slug("tenant-1").await?, None);
            assert_eq!(tx.tenants().find_by_slug("tenant-0").await?.as_ref(), Some(&tenants[0]));
            let page = tx.tenants().list(Default::default()).await?;
            assert_eq!(page.items, tenants[..1]);
            assert_eq!(page.next, None);
            Ok(())
        })
        .await;
    tenants.sort_by_key(|tenant| std::cmp::Reverse((tenant.created_at, tenant.id)));
    let all = Scope::system("contract suite");
    let listed = walk(3, async |page| world.read(&all, async |tx| tx.tenants().list(page).await).await).await;
    assert_eq!(listed, tenants);
    world
        .read(&all, async |tx| {
            assert_eq!(tx.tenants().find_by_slug(tenants[3].slug.as_str()).await?.as_ref(), Some(&tenants[3]));
            assert_eq!(tx.tenants().find_by_slug("tenant-99").await?, None);
            Ok(())
        })
        .await;
}

/// A tenant is added in its own scope, not in that of another.
pub async fn a_tenant_is_added_in_its_own_scope(world: World) {
    let cast = world.cast().await;
    let third = world.make.tenant("third");
    for scope in [scopes::system(&cast.ada), Scope::sign_in()] {
        let outcome = world.attempt(&scope, async |tx| tx.tenants().insert(&third).await).await;
        assert_refused!(outcome, StoreError::OutOfScope(_));
    }
    let found = world.read(&Scope::system("contract suite"), async |tx| tx.tenants().get(third.id).await).await;
    assert_eq!(found, None);
}
