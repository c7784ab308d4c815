//! Sessions and their refresh tokens.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    clock::Timestamp,
    identity::{RefreshToken, Session, SessionRepo, User},
    ids::{RefreshTokenId, SessionId},
    store::StoreError,
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

// A superadmin's rows have no tenant, and a key with an empty column refers to nothing: so the user and
// the session are referred to alone as well.
impl Row for Session {
    const KEYS: &'static [Key<Self>] = &[Key {
        name: "uq_sessions_token_hash",
        of: |session| session.token_hash.as_ref().map(|hash| place![hash.as_str()]),
    }];
    const REFERENCES: &'static [Reference<Self>] =
        &[Reference::to::<User>(&["user_id"]).cascades(), Reference::to::<User>(&["tenant_id", "user_id"]).cascades()];
    columns!(id: SessionId, user_id; tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul(&self.user_agent)
    }
}

impl Row for RefreshToken {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_refresh_tokens_token_hash", of: |token| Some(place![token.token_hash.as_str()]) }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<User>(&["user_id"]).cascades(),
        Reference::to::<Session>(&["session_id"]).cascades(),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
        Reference::to::<Session>(&["tenant_id", "session_id"]).cascades(),
    ];
    columns!(id: RefreshTokenId, user_id, session_id; tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl SessionRepo for MemoryTx {
    async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.get_row(&id)
    }

    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.add(session)
    }

    async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError> {
        let now = self.now();
        self.change(&id, |session: &mut Session| {
            session.idle_expires_at = idle_expires_at;
            session.updated_at = now;
        })
    }

    async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.change(&id, |session: &mut Session| {
            if session.revoked_at.is_none() {
                session.revoked_at = Some(at);
                session.version += 1;
                session.updated_at = at;
            }
        })
    }

    async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        self.get_row(&id)
    }

    async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError> {
        self.scope.may_add(token)?;
        self.write(|state| {
            let place = place![token.token_hash.as_str()];
            match state.refresh_tokens.find("uq_refresh_tokens_token_hash", place) {
                Some(_) => Ok(()),
                None => state.insert(token.clone()),
            }
        })
    }

    async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<RefreshToken>(Purpose::Change)?;
        self.write(|state| {
            if state.reached::<RefreshToken>(filter, &id).is_none_or(|token| token.used_at.is_some()) {
                return Ok(false);
            }
            state.change(&id, |token: &mut RefreshToken| token.used_at = Some(at))?;
            Ok(true)
        })
    }
}
