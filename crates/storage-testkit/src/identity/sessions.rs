//! Sessions and their refresh tokens.

use domain::{
    access::Scope,
    identity::{RefreshToken, Session},
    store::{Mode, StoreError},
};

use crate::{World, assert_conflict, assert_refused, scopes};

/// Every field comes back.
pub async fn round_trip(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let session = Session {
        token_hash: Some(world.make.hash()),
        version: 7,
        ip_address: Some("198.51.100.7".parse().unwrap()),
        user_agent: Some("curl/8 – ü".to_owned()),
        revoked_at: Some(world.make.in_seconds(5)),
        updated_at: world.make.in_seconds(6),
        ..world.make.session(&cast.ada)
    };
    let token = RefreshToken { used_at: Some(world.make.in_seconds(3)), ..world.make.refresh_token(&session) };
    let plain = world.make.session(&cast.ada);
    world
        .write(&scope, async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().insert(&plain).await?;
            tx.sessions().insert_refresh_token(&token).await
        })
        .await;
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.sessions().get(session.id).await?, Some(session));
            assert_eq!(tx.sessions().get(plain.id).await?, Some(plain));
            assert_eq!(tx.sessions().refresh_token(token.id).await?, Some(token));
            Ok(())
        })
        .await;
}

/// A superadmin's session lives in the scope of the installation.
pub async fn superadmins_have_sessions(world: World) {
    let installation = Scope::system("contract suite");
    let root = world.make.user(None, "root");
    let session = world.make.session(&root);
    let token = world.make.refresh_token(&session);
    let mut used = world
        .write(&installation, async |tx| {
            tx.users().insert(&root).await?;
            tx.sessions().insert(&session).await?;
            tx.sessions().insert_refresh_token(&token).await?;
            tx.sessions().use_refresh_token(token.id, world.make.now()).await
        })
        .await;
    assert!(used);
    used =
        world.write(&installation, async |tx| tx.sessions().use_refresh_token(token.id, world.make.now()).await).await;
    assert!(!used);
    assert_eq!(world.read(&installation, async |tx| tx.sessions().get(session.id).await).await, Some(session));
}

/// Extending moves the idle expiry; revoking raises the version once.
pub async fn a_session_is_extended_and_revoked(world: World) {
    let cast = world.cast().await;
    let scope = scopes::own(&cast.ada);
    let session = world.make.session(&cast.ada);
    let (later, first, second) = (world.make.in_seconds(99), world.make.in_seconds(10), world.make.in_seconds(20));
    world
        .write(&scope, async |tx| {
            tx.sessions().insert(&session).await?;
            tx.sessions().extend(session.id, later).await?;
            tx.sessions().revoke(session.id, first).await?;
            tx.sessions().revoke(session.id, second).await
        })
        .await;
    let found = world.read(&scope, async |tx| tx.sessions().get(session.id).await).await.unwrap();
    assert_eq!(found.idle_expires_at, later);
    assert_eq!((found.revoked_at, found.version), (Some(first), 2));
    let missing = world.make.id();
    let outcome = world.attempt(&scope, async |tx| tx.sessions().extend(missing, later).await).await;
    assert_refused!(outcome, StoreError::Stale);
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

/// Nobody else sees or ends a session, or uses its tokens.
pub async fn sessions_are_out_of_reach_for_others(world: World) {
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
    let at = world.make.in_seconds(1);
    for stranger in cast.strangers() {
        world
            .write(&stranger, async |tx| {
                assert_eq!(tx.sessions().get(session.id).await?, None);
                assert_eq!(tx.sessions().refresh_token(token.id).await?, None);
                assert_refused!(tx.sessions().extend(session.id, at).await, StoreError::Stale);
                assert_refused!(tx.sessions().revoke(session.id, at).await, StoreError::Stale);
                assert!(!tx.sessions().use_refresh_token(token.id, at).await?);
                Ok(())
            })
            .await;
    }
    world
        .read(&scope, async |tx| {
            assert_eq!(tx.sessions().get(session.id).await?, Some(session));
            assert_eq!(tx.sessions().refresh_token(token.id).await?, Some(token));
            Ok(())
        })
        .await;
}

/// References stay in the tenant, and cookies' hashes are unique.
pub async fn references_and_hashes_are_checked(world: World) {
    let cast = world.cast().await;
    let scope = scopes::system(&cast.ada);
    let foreign = Session { tenant_id: cast.ada.tenant_id, ..world.make.session(&cast.eve) };
    let outcome = world.attempt(&scope, async |tx| tx.sessions().insert(&foreign).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let orphan = world.make.refresh_token(&world.make.session(&cast.ada));
    let outcome = world.attempt(&scope, async |tx| tx.sessions().insert_refresh_token(&orphan).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
    let hash = Some(world.make.hash());
    let [first, second] = [(); 2].map(|()| Session { token_hash: hash.clone(), ..world.make.session(&cast.ada) });
    world.write(&scope, async |tx| tx.sessions().insert(&first).await).await;
    let outcome = world.attempt(&scope, async |tx| tx.sessions().insert(&second).await).await;
    assert_conflict(outcome, &["sessions", "token_hash"]);
}
