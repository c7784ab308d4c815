//! Sessions.

use async_trait::async_trait;
use domain::{
    access::{Permission, Scope},
    identity::{Session, User},
    store::{StoreError, Tx},
};

use crate::{Fixtures, Key, Person, Reference, Subject, Unique, Verb, World, assert_refused, scopes, whole_row};

/// The sessions of a user.
pub struct Sessions(User);

#[async_trait]
impl Subject for Sessions {
    whole_row!(Session);

    const NAME: &'static str = "sessions";
    const ACCESS: [Permission; 2] = [Permission::ProfileRead, Permission::ProfileWrite];
    const ALWAYS_SET: &'static [&'static str] = &["tenant_id"];
    const ALIKE: &'static [&'static str] = &["user_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.user.clone())
    }

    fn plain(&self, make: &Fixtures) -> Session {
        make.session(&self.0)
    }

    fn full(&self, make: &Fixtures) -> Session {
        Session {
            token_hash: Some(make.hash()),
            version: 7,
            ip_address: Some("198.51.100.7".parse().unwrap()),
            user_agent: Some("curl/8 – ü".to_owned()),
            revoked_at: Some(make.in_seconds(5)),
            updated_at: make.in_seconds(6),
            ..self.plain(make)
        }
    }

    async fn insert(&self, tx: &dyn Tx, session: &Session) -> Result<(), StoreError> {
        tx.sessions().insert(session).await
    }

    async fn find(&self, tx: &dyn Tx, session: &Session) -> Result<Option<Session>, StoreError> {
        tx.sessions().get(session.id).await
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![
            Verb::<Self>::command(
                "extend",
                |_, tx, session, at| tx.sessions().extend(session.id, at.time),
                |session, at| {
                    session.idle_expires_at = at.time;
                    session.updated_at = at.now();
                },
            ),
            Verb::<Self>::command(
                "revoke",
                |_, tx, session, at| tx.sessions().revoke(session.id, at.time),
                |session, at| {
                    session.revoked_at = Some(at.time);
                    session.version += 1;
                    session.updated_at = at.time;
                },
            ),
        ]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["sessions"], Unique::AtLeastTenant, |stored, twin| twin.id = stored.id),
            Key::<Self>::new(&["sessions", "token_hash"], Unique::Installation, |stored, twin| {
                twin.token_hash = stored.token_hash.clone()
            }),
        ]
    }

    fn references() -> Vec<Reference<Self>> {
        vec![Reference::<Self>::new("user_id", |session, other| Session { user_id: other.0.id, ..session })]
    }
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

/// Extending moves the idle expiry; revoking raises the version once, and ending what has ended changes
/// nothing, the time of the last change included.
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
    let ended =
        Session { idle_expires_at: later, revoked_at: Some(first), version: 2, updated_at: first, ..session.clone() };
    assert_eq!(world.read(&scope, async |tx| tx.sessions().get(session.id).await).await, Some(ended));
    let missing = world.make.id();
    let outcome = world.attempt(&scope, async |tx| tx.sessions().extend(missing, later).await).await;
    assert_refused!(outcome, StoreError::Stale);
}
