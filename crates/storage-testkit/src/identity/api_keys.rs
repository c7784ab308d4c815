//! API keys.

use domain::{
    access::{Permission, PermissionSet},
    identity::ApiKey,
    store::StoreError,
};

use crate::{World, assert_conflict, assert_refused, page::walk, scopes};

/// Every field comes back; no scopes and an empty set of them are different things.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let full = ApiKey {
        description: Some("for the nightly import – ü".to_owned()),
        scopes: Some([Permission::ModelsUse, Permission::KnowledgeRead].into()),
        expires_at: Some(world.make.in_seconds(3600)),
        last_used_at: Some(world.make.in_seconds(60)),
        is_active: false,
        updated_at: world.make.in_seconds(61),
        ..world.make.api_key(&cast.ada)
    };
    let empty = ApiKey { scopes: Some(PermissionSet::new()), ..world.make.api_key(&cast.ada) };
    for key in [full, empty, world.make.api_key(&cast.ada)] {
        world.write(&scope, async |tx| tx.api_keys().insert(&key).await).await;
        assert_eq!(world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await, Some(key));
    }
}

/// A hash is taken once in the installation.
pub async fn a_hash_is_unique(world: World) {
    let cast = world.cast().await;
    let key = world.make.api_key(&cast.ada);
    world.write(&scopes::own(&cast.ada), async |tx| tx.api_keys().insert(&key).await).await;
    let twin = ApiKey { key_hash: key.key_hash.clone(), ..world.make.api_key(&cast.eve) };
    let outcome = world.attempt(&scopes::own(&cast.eve), async |tx| tx.api_keys().insert(&twin).await).await;
    assert_conflict(outcome, &["api_keys", "key_hash"]);
}

/// A key is revoked once, by its owner; a use leaves its time.
pub async fn a_key_is_used_and_revoked(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let key = world.make.api_key(&cast.ada);
    let at = world.make.in_seconds(60);
    world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&key).await?;
            tx.api_keys().record_use(key.id, at).await?;
            assert!(tx.api_keys().revoke(key.id, at).await?);
            assert!(!tx.api_keys().revoke(key.id, at).await?);
            Ok(())
        })
        .await;
    let found = world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await.unwrap();
    assert!(!found.is_active);
    assert_eq!(found.last_used_at, Some(at));
}

/// Others do not see or end a key.
pub async fn keys_are_out_of_reach_for_others(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let key = world.make.api_key(&cast.ada);
    world.write(&scope, async |tx| tx.api_keys().insert(&key).await).await;
    let at = world.make.now();
    for stranger in cast.strangers() {
        world
            .write(&stranger, async |tx| {
                assert_eq!(tx.api_keys().get(key.id).await?, None);
                assert_refused!(tx.api_keys().record_use(key.id, at).await, StoreError::Stale);
                Ok(())
            })
            .await;
    }
    for other in [scopes::whole(&cast.bob), scopes::whole(&cast.eve)] {
        let revoked = world.write(&other, async |tx| tx.api_keys().revoke(key.id, at).await).await;
        assert!(!revoked, "only its owner ends a key");
        let listed = world.read(&other, async |tx| tx.api_keys().list(Default::default()).await).await;
        assert_eq!(listed.items, []);
    }
    assert_eq!(world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await, Some(key));
}

/// The owner's keys, newest first.
pub async fn the_list_is_newest_first(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let mut keys: Vec<ApiKey> = (0..5).map(|_| world.make.api_key(&cast.ada)).collect();
    for key in &keys {
        world.write(&scope, async |tx| tx.api_keys().insert(key).await).await;
    }
    keys.sort_by_key(|key| std::cmp::Reverse((key.created_at, key.id)));
    let listed = walk(2, async |page| world.read(&scope, async |tx| tx.api_keys().list(page).await).await).await;
    assert_eq!(listed, keys);
}

/// A key's owner must be of its tenant.
pub async fn a_key_needs_its_owner(world: World) {
    let cast = world.cast().await;
    let key = ApiKey { tenant_id: cast.ada.tenant_id.unwrap(), ..world.make.api_key(&cast.eve) };
    let outcome = world.attempt(&scopes::system(&cast.ada), async |tx| tx.api_keys().insert(&key).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}
