//! API keys.

use async_trait::async_trait;
use domain::{
    access::{Permission, PermissionSet, Purpose, Scope},
    identity::{ApiKey, User},
    store::{StoreError, Tx},
};

use crate::{Fixtures, Key, Listing, Person, Reference, Subject, Unique, Verb, World, scopes, whole_row};

/// The keys of a user.
pub struct ApiKeys(User);

#[async_trait]
impl Subject for ApiKeys {
    whole_row!(ApiKey);

    const NAME: &'static str = "api_keys";
    const ACCESS: [Permission; 2] = [Permission::ApiKeysRead, Permission::ApiKeysWrite];
    const ALIKE: &'static [&'static str] = &["tenant_id", "user_id", "key_hash"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.user.clone())
    }

    fn plain(&self, make: &Fixtures) -> ApiKey {
        make.api_key(&self.0)
    }

    fn full(&self, make: &Fixtures) -> ApiKey {
        ApiKey {
            name: "night".to_owned(),
            description: Some("for the nightly import – ü".to_owned()),
            prefix: "byn_ffffffff".to_owned(),
            last_four: "0000".to_owned(),
            scopes: Some([Permission::ModelsUse, Permission::KnowledgeRead].into()),
            expires_at: Some(make.in_seconds(3600)),
            last_used_at: Some(make.in_seconds(60)),
            made_by_key_id: Some(make.id()),
            is_active: false,
            updated_at: make.in_seconds(61),
            ..self.plain(make)
        }
    }

    fn home(&self, _: &ApiKey) -> Scope {
        scopes::own(&self.0)
    }

    async fn insert(&self, tx: &dyn Tx, key: &ApiKey) -> Result<(), StoreError> {
        tx.api_keys().insert(key).await
    }

    async fn find(&self, tx: &dyn Tx, key: &ApiKey) -> Result<Option<ApiKey>, StoreError> {
        tx.api_keys().get(key.id).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.api_keys().list(page), |key| (key.created_at, key.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::telling(
                "revoke",
                |_, tx, key, at| tx.api_keys().revoke(key.id, at.time),
                |key, at| {
                    key.is_active = false;
                    key.updated_at = at.time;
                },
            ),
            Verb::<Self>::command(
                "record_use",
                |_, tx, key, at| tx.api_keys().record_use(key.id, at.time),
                |key, at| {
                    key.last_used_at = Some(at.time);
                    key.updated_at = at.time;
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["api_keys"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["api_keys", "key_hash"], Unique::Installation, |stored, twin| {
                twin.key_hash = stored.key_hash.clone()
            }),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![Reference::<Self>::new("user_id", |key, other| ApiKey { user_id: other.0.id, ..key })]
    }

    /// Whoever sees the tenant still lists and ends none but its own.
    fn reaches(&self, verb: &str, scope: &Scope, key: &ApiKey, purpose: Purpose) -> Result<bool, StoreError> {
        let is_own = scope.tenant().is_some_and(|scope| scope.user_id == Some(key.user_id));
        let is_reached = scope.filter::<ApiKey>(purpose)?.admits(key);
        Ok(is_reached && (is_own || !matches!(verb, "list" | "revoke")))
    }
}

/// No scopes, which is whatever the owner may, and an empty set of them are different things.
pub async fn no_scopes_are_not_an_empty_set(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let empty = ApiKey { scopes: Some(PermissionSet::new()), ..world.make.api_key(&cast.ada) };
    for key in [empty, world.make.api_key(&cast.ada)] {
        world.write(&scope, async |tx| tx.api_keys().insert(&key).await).await;
        assert_eq!(world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await, Some(key));
    }
}

/// A key is revoked once; a dead one stays as it is.
pub async fn a_key_is_revoked_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let key = world.make.api_key(&cast.ada);
    let expired = ApiKey { expires_at: Some(world.make.in_seconds(60)), ..world.make.api_key(&cast.ada) };
    let (at, later) = (world.make.in_seconds(60), world.make.in_seconds(61));
    world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&key).await?;
            tx.api_keys().insert(&expired).await?;
            assert!(tx.api_keys().revoke(key.id, at).await?);
            assert!(!tx.api_keys().revoke(key.id, later).await?);
            assert!(!tx.api_keys().revoke(expired.id, at).await?);
            assert!(!tx.api_keys().revoke(world.make.id(), at).await?);
            Ok(())
        })
        .await;
    let revoked = ApiKey { is_active: false, updated_at: at, ..key };
    for key in [revoked, expired] {
        assert_eq!(world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await, Some(key));
    }
}

/// With a key end those that it made, and those that these made, but no others.
pub async fn a_key_ends_with_the_one_that_made_it(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let made_by = |maker: &ApiKey| ApiKey { made_by_key_id: Some(maker.id), ..world.make.api_key(&cast.ada) };
    let (first, other) = (world.make.api_key(&cast.ada), world.make.api_key(&cast.ada));
    let (second, beside) = (made_by(&first), made_by(&other));
    let expired = ApiKey { expires_at: Some(world.make.in_seconds(1)), ..made_by(&first) };
    let (third, below_expired) = (made_by(&second), made_by(&expired));
    let all = [&first, &other, &second, &beside, &expired, &third, &below_expired];
    let at = world.make.in_seconds(60);
    world
        .write(&scope, async |tx| {
            for key in all {
                tx.api_keys().insert(key).await?;
            }
            assert!(tx.api_keys().revoke(first.id, at).await?);
            Ok(())
        })
        .await;
    let ended = [&first, &second, &third, &below_expired];
    for key in all {
        let found = world.read(&scope, async |tx| tx.api_keys().get(key.id).await).await.unwrap();
        assert_eq!(found.is_active, !ended.iter().any(|ended| ended.id == key.id), "{key:?}");
    }
    // One that has ended ends what it made all the same: a version that knew nothing of it may have ended it alone.
    let late = made_by(&third);
    world
        .write(&scope, async |tx| {
            tx.api_keys().insert(&late).await?;
            assert!(tx.api_keys().revoke(first.id, at).await?);
            assert!(!tx.api_keys().revoke(first.id, at).await?);
            Ok(())
        })
        .await;
    assert!(!world.read(&scope, async |tx| tx.api_keys().get(late.id).await).await.unwrap().is_active);
}
