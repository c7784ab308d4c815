//! Sign in and out.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use domain::{
    access::{Actor, Credential, Scope},
    gateways::Topic,
    identity::{Email, RefreshToken, Session, User, Username},
    ids::{RefreshTokenId, SessionId, TenantId, UserId},
    store::Tx,
};

use super::{Identity, authenticate::RequestContext, keys::hash_of};
use crate::{App, Error, Result, audit::Act};

/// What every refresh token begins with.
const REFRESH_PREFIX: &str = "byr_";
/// Most bytes of a password that is even looked at.
const MAX_PASSWORD_BYTES: usize = 1024;

/// A sign-in with a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// E-mail address or user name.
    pub login: String,
    /// The password.
    pub password: String,
    /// The tenant's slug; needed with a user name where there are several tenants.
    pub tenant: Option<String>,
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

impl Identity {
    /// Signs in. Known and unknown accounts take the same time and get the same answer.
    ///
    /// # Errors
    /// `unauthenticated`; `too_many_sign_ins`.
    pub async fn login(&self, login: Login, context: &RequestContext) -> Result<SignedIn> {
        let app = self.app.clone();
        let context = context.clone();
        self.app.detached(async move { app.login(login, &context).await }).await
    }

    /// Ends the actor's session. An API key has none: nothing happens.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn logout(&self, actor: &Actor) -> Result<()> {
        let Credential::Session(session) = actor.credential else { return Ok(()) };
        let app = self.app.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                // A superadmin's session is not in the tenant that it entered.
                let tenant_id = if actor.is_superadmin { None } else { actor.tenant_id };
                let tx = app.write(&session_scope(tenant_id)).await?;
                tx.sessions().revoke(session, app.now()).await?;
                let act = Act::on("session_ended", "session", session.0);
                app.audit_in(tx.as_ref(), tenant_id, Some(&actor), act).await?;
                tx.commit().await?;
                app.parts.actors.forget(actor.user_id);
                app.parts.wakeups.send(Topic::Access(actor.user_id.0)).await;
                Ok(())
            })
            .await
    }
}

impl App {
    async fn login(&self, login: Login, context: &RequestContext) -> Result<SignedIn> {
        let tx = self.read(&Scope::sign_in()).await?;
        let account = match (Email::parse(&login.login), Username::parse(&login.login)) {
            (Ok(email), _) => tx.sign_in().account_by_email(email.as_str()).await?,
            (_, Ok(username)) => tx.sign_in().account_by_username(username.as_str(), login.tenant.as_deref()).await?,
            _ => None,
        };
        tx.commit().await?;
        if login.password.len() > MAX_PASSWORD_BYTES {
            return Err(Error::unauthenticated());
        }
        let hashed = account.as_ref().and_then(|account| account.password_hash.clone());
        let matches = self.parts.passwords.verify(login.password, hashed).await?;
        let Some(account) = account.filter(|_| matches) else { return Err(Error::unauthenticated()) };

        let now = self.now();
        let tx = self.write(&session_scope(account.tenant_id)).await?;
        let user = tx.users().get(account.user_id).await?.filter(|user| user.is_active);
        let user = user.ok_or_else(Error::unauthenticated)?;
        let signed_in = self.open_session(tx.as_ref(), &user, context).await?;
        tx.users().record_login(user.id, now, context.ip_address).await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Opens a session and its first tokens.
    pub(super) async fn open_session(&self, tx: &dyn Tx, user: &User, context: &RequestContext) -> Result<SignedIn> {
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
        let refresh_token = format!("{REFRESH_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(self.parts.ids.secret()));
        tx.sessions().insert(&session).await?;
        tx.sessions().insert_refresh_token(&self.refresh_row(&session, &refresh_token)).await?;
        let actor = acting(user, context);
        let act = Act::on("session_opened", "session", session.id.0);
        self.audit_in(tx, user.tenant_id, Some(&actor), act).await?;
        let (access_token, expires_in) = self.access_token(&session)?;
        Ok(SignedIn { user_id: user.id, access_token, refresh_token, expires_in })
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
}

/// The successor of a refresh token, as text.
pub(super) fn successor_of(app: &App, token: &str) -> String {
    format!("{REFRESH_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(app.parts.keys.successor_of(token)))
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
