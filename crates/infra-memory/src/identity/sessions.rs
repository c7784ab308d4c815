//! Sessions and their refresh tokens.

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{RefreshToken, Session, SessionRepo},
    ids::{RefreshTokenId, SessionId, TenantId, UserId},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul},
    reach,
    state::{State, need},
    store::MemoryTx,
};

impl MemoryTx {
    fn reaches_session(&self, session: &Session) -> bool {
        reach::identity(&self.scope, session.tenant_id, session.user_id)
    }

    fn reaches_token(&self, token: &RefreshToken) -> bool {
        reach::identity(&self.scope, token.tenant_id, token.user_id)
    }
}

/// Foreign key to a user of this tenant, or of none.
fn need_user(state: &State, tenant: Option<TenantId>, user: UserId) -> Result<(), StoreError> {
    need(Some(user), |id| state.users.get(&id).is_some_and(|user| user.tenant_id == tenant))
}

#[async_trait]
impl SessionRepo for MemoryTx {
    async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.sessions.get(&id).filter(|session| self.reaches_session(session)).cloned()))
    }

    async fn insert(&self, session: &Session) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        if !self.reaches_session(session) {
            return Err(StoreError::OutOfScope("a session is opened in the scope of its user"));
        }
        self.write(|state| {
            no_nul(session.user_agent.as_deref())?;
            if state.sessions.contains_key(&session.id) {
                return Err(conflict("sessions_pkey"));
            }
            let taken = |other: &Session| session.token_hash.is_some() && other.token_hash == session.token_hash;
            if state.sessions.values().any(taken) {
                return Err(conflict("uq_sessions_token_hash"));
            }
            need_user(state, session.tenant_id, session.user_id)?;
            state.sessions.insert_mut(session.id, session.clone());
            Ok(())
        })
    }

    async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let found = state.sessions.get_mut(&id).filter(|session| self.reaches_session(session));
            let session = found.ok_or(StoreError::Stale)?;
            session.idle_expires_at = idle_expires_at;
            session.updated_at = self.now();
            Ok(())
        })
    }

    async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let found = state.sessions.get_mut(&id).filter(|session| self.reaches_session(session));
            let session = found.ok_or(StoreError::Stale)?;
            if session.revoked_at.is_none() {
                session.revoked_at = Some(at);
                session.version += 1;
                session.updated_at = at;
            }
            Ok(())
        })
    }

    async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.refresh_tokens.get(&id).filter(|token| self.reaches_token(token)).cloned()))
    }

    async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        if !self.reaches_token(token) {
            return Err(StoreError::OutOfScope("a refresh token is given in the scope of its user"));
        }
        self.write(|state| {
            if state.refresh_tokens.values().any(|other| other.token_hash == token.token_hash) {
                return Ok(());
            }
            if state.refresh_tokens.contains_key(&token.id) {
                return Err(conflict("refresh_tokens_pkey"));
            }
            need_user(state, token.tenant_id, token.user_id)?;
            need(Some(token.session_id), |id| {
                state.sessions.get(&id).is_some_and(|session| session.tenant_id == token.tenant_id)
            })?;
            state.refresh_tokens.insert_mut(token.id, token.clone());
            Ok(())
        })
    }

    async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let found = state.refresh_tokens.get_mut(&id).filter(|token| self.reaches_token(token));
            let Some(token) = found.filter(|token| token.used_at.is_none()) else { return Ok(false) };
            token.used_at = Some(at);
            Ok(true)
        })
    }
}
