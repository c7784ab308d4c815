//! What every door to a session shares: what is known of the request, the session's scope, opening it
//! and ending what is cached of it.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential, Scope},
    gateways::Topic,
    identity::{RefreshToken, Session, User},
    ids::{RefreshTokenId, SessionId, TenantId, UserId},
};

use super::keys::hash_of;
use crate::{
    App, Result,
    audit::{Act, Audited},
    unit_of_work::Uow,
};

/// What every refresh token begins with.
const REFRESH_PREFIX: &str = "byr_";

/// What is known of a request beside its credential.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestContext {
    /// Where it came from.
    pub ip_address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The slug or id of the tenant that a superadmin wants to act in.
    pub enter_tenant: Option<String>,
}

/// What a client holds after signing in.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The user.
    pub user_id: UserId,
    /// For the header `Authorization: Bearer`.
    pub access_token: String,
    /// For the next access token; works once.
    pub refresh_token: String,
    /// Seconds that the access token works.
    pub expires_in: u64,
}

impl App {
    /// Opens a session with its first tokens, and records that.
    pub(super) async fn open_session(
        &self,
        tx: &Uow,
        user: &User,
        context: &RequestContext,
    ) -> Result<(SignedIn, Audited)> {
        let now = self.now();
        let settings = &self.parts.settings;
        let after = |life: std::time::Duration| now + TimeDelta::from_std(life).unwrap_or(TimeDelta::days(1));
        let session = Session {
            id: SessionId(self.parts.ids.random()),
            tenant_id: user.tenant_id,
            user_id: user.id,
            token_hash: None,
            version: 1,
            ip_address: context.ip_address,
            user_agent: context.user_agent.clone(),
            expires_at: after(settings.session_absolute),
            idle_expires_at: after(settings.session_idle),
            revoked_at: None,
            created_at: now,
            updated_at: now,
        };
        let refresh_token = refresh_token(self.parts.ids.secret());
        tx.sessions().insert(&session).await?;
        tx.sessions().insert_refresh_token(&self.refresh_row(&session, &refresh_token)).await?;
        let act = Act::on("session_opened", "session", session.id.0);
        let audited = tx.record(act.by(acting(user, context))).await?;
        let (access_token, expires_in) = self.access_token(&session)?;
        Ok((SignedIn { user_id: user.id, access_token, refresh_token, expires_in }, audited))
    }

    /// The stored form of a refresh token.
    pub(super) fn refresh_row(&self, session: &Session, token: &str) -> RefreshToken {
        RefreshToken {
            id: RefreshTokenId(self.parts.ids.random()),
            tenant_id: session.tenant_id,
            user_id: session.user_id,
            session_id: session.id,
            token_hash: hash_of(token),
            expires_at: session.expires_at,
            used_at: None,
            created_at: self.now(),
        }
    }

    /// The successor of a refresh token, as text.
    pub(super) fn successor_of(&self, token: &str) -> String {
        refresh_token(self.parts.keys.successor_of(token))
    }
}

fn refresh_token(secret: [u8; 32]) -> String {
    format!("{REFRESH_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret))
}

/// The scope of work on a user's sessions: its tenant's, or for superadmins the installation's.
pub(super) fn session_scope(tenant_id: Option<TenantId>) -> Scope {
    match tenant_id {
        Some(tenant_id) => Scope::system_in(tenant_id),
        None => Scope::system("session of a superadmin"),
    }
}

/// A user as the one who acts, for audit rows before it has an actor.
pub(super) fn acting(user: &User, context: &RequestContext) -> Actor {
    Actor {
        user_id: user.id,
        tenant_id: user.tenant_id,
        is_superadmin: user.tenant_id.is_none(),
        is_tenant_admin: false,
        permissions: Default::default(),
        credential: Credential::Embedded,
        ip_address: context.ip_address,
        user_agent: context.user_agent.clone(),
    }
}

/// Lets every process forget the actors of a user whose rights this unit of work takes away.
pub(super) fn forget_after(tx: &Uow, user: UserId) {
    tx.after_commit(move |app| app.parts.actors.forget(user));
    tx.wake(Topic::Access(user.0));
}
