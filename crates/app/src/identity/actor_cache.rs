//! Recently recognised actors. A second at most: revocation takes effect within it everywhere.

use std::time::Duration;

use domain::{
    access::{Actor, Credential},
    identity::TokenHash,
    ids::{ApiKeyId, SessionId, TenantId, UserId},
};
use moka::sync::Cache;

/// How long a recognised actor is taken at its word.
const LIFE: Duration = Duration::from_millis(900);
/// Most actors remembered.
const CAPACITY: u64 = 10_000;

/// A credential that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Checked {
    /// What a token says of a session.
    Session {
        /// The session and its version.
        session: (SessionId, i64),
        /// Its user, and the user's tenant.
        user: (UserId, Option<TenantId>),
        /// The tenant that a superadmin named.
        entered: Option<TenantId>,
    },
    /// An API key.
    ApiKey(TokenHash),
    /// One of an actor that is looked at again, in a tenant.
    Again(Credential, Option<TenantId>),
}

/// Actors by credential.
pub(crate) struct ActorCache {
    actors: Cache<Checked, Actor>,
    used_keys: Cache<ApiKeyId, ()>,
}

impl ActorCache {
    pub(crate) fn new() -> Self {
        Self {
            actors: Cache::builder().max_capacity(CAPACITY).time_to_live(LIFE).support_invalidation_closures().build(),
            used_keys: Cache::builder().max_capacity(CAPACITY).time_to_live(Duration::from_secs(60)).build(),
        }
    }

    pub(super) fn get(&self, credential: &Checked) -> Option<Actor> {
        self.actors.get(credential)
    }

    pub(super) fn keep(&self, credential: Checked, actor: Actor) {
        self.actors.insert(credential, actor);
    }

    /// Forgets a user whose rights have changed.
    pub(crate) fn forget(&self, user: UserId) {
        if let Err(error) = self.actors.invalidate_entries_if(move |_, actor| actor.user_id == user) {
            tracing::error!(error = ?error, "could not forget an actor; it ages out within a second");
        }
    }

    /// Whether a key's use is to be noted: at most once a minute.
    pub(super) fn note_use(&self, key: ApiKeyId) -> bool {
        self.used_keys.entry(key).or_insert(()).is_fresh()
    }
}
