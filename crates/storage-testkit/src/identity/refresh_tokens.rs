//! Refresh tokens.

use async_trait::async_trait;
use domain::{
    access::Permission,
    identity::{RefreshToken, Session},
    store::{Mode, StoreError, Tx},
};

use crate::{Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, scopes, whole_row};

/// The tokens of a session.
pub struct RefreshTokens(Session);

#[async_trait]
impl Subject for RefreshTokens {
    whole_row!(RefreshToken);

    const NAME: &'static str = "refresh_tokens";
    const ACCESS: [Permission; 2] = [Permission::ProfileRead, Permission::ProfileWrite];
    const ALWAYS_SET: &'static [&'static str] = &["tenant_id"];
    const ALIKE: &'static [&'static str] = &["user_id", "session_id", "token_hash"];

    fn new(make: &Fixtures, person: &Person) -> Self {
        Self(make.session(&person.user))
    }

    async fn store(&self, tx: &dyn Tx) -> Result<(), StoreError> {
        tx.sessions().insert(&self.0).await
    }

    fn plain(&self, make: &Fixtures) -> RefreshToken {
        make.refresh_token(&self.0)
    }

    fn full(&self, make: &Fixtures) -> RefreshToken {
        RefreshToken { used_at: Some(make.in_seconds(3)), ..self.plain(make) }
    }

    async fn insert(&self, tx: &dyn Tx, token: &RefreshToken) -> Result<(), StoreError> {
        tx.sessions().insert_refresh_token(token).await
    }

    async fn find(&self, tx: &dyn Tx, token: &RefreshToken) -> Result<Option<RefreshToken>, StoreError> {
        tx.sessions().refresh_token(token.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::telling(
            "use",
            |_, tx, token, at| tx.sessions().use_refresh_token(token.id, at.time),
            |token, at| token.used_at = Some(at.time),
        )]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![Key::<Self>::new(&["refresh_tokens"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id)]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![
            Reference::<Self>::new("user_id", |token, other| RefreshToken { user_id: other.0.user_id, ..token }),
            Reference::<Self>::new("session_id", |token, other| RefreshToken { session_id: other.0.id, ..token }),
        ]
    }
}

/// Two refreshes at once give the same successor: the second one changes nothing.
pub async fn a_successor_is_given_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let session = world.make.session(&cast.ada);
    let token = world.make.refresh_token(&session);
    let again = RefreshToken { id: world.make.id(), ..token.clone() };
    world
        .write(&scope, async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().insert_refresh_token(&token).await?;
            tx.sessions().insert_refresh_token(&again).await
        })
        .await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.sessions().refresh_token(token.id).await?, Some(token));
            assert_eq!(tx.sessions().refresh_token(again.id).await?, None);
            Ok(())
        })
        .await;
}

/// Of any number of users of one token at once exactly one is told that it was the first.
pub async fn a_token_is_used_once(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let session = world.make.session(&cast.ada);
    let token = world.make.refresh_token(&session);
    world
        .write(&scope, async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().insert_refresh_token(&token).await
        })
        .await;
    let tasks: Vec<_> = (0..16)
        .map(|seconds| {
            let (store, scope, at) = (world.store.clone(), scope.clone(), world.make.in_seconds(seconds));
            tokio::spawn(async move {
                let tx = store.begin(&scope, Mode::Write).await?;
                let first = tx.sessions().use_refresh_token(token.id, at).await?;
                tx.commit().await?;
                Ok::<_, StoreError>(first.then_some(at))
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap().unwrap());
    }
    assert_eq!(winners.len(), 1);
    let found = world.read(&scope, async |tx| tx.sessions().refresh_token(token.id).await).await.unwrap();
    assert_eq!(found.used_at, Some(winners[0]));
}
