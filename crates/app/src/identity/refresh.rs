//! Refresh: each refresh token works once; its successor is the same for all who ask at once, and a
//! second use after a grace ends the session.

use chrono::TimeDelta;
use domain::{access::Scope, gateways::Topic, identity::Session, store::Tx};

use super::{
    Identity, SignedIn,
    keys::hash_of,
    login::{session_scope, successor_of},
};
use crate::{App, Error, ErrorKind, Result, audit::Act};

/// A used token still answers its successor for this long: lost answers, and tabs that race.
const GRACE: TimeDelta = TimeDelta::seconds(10);

impl Identity {
    /// Trades a refresh token for new tokens.
    ///
    /// # Errors
    /// `unauthenticated`; `token_reused` when a used token comes back, which ends the session.
    pub async fn refresh(&self, refresh_token: &str) -> Result<SignedIn> {
        let app = self.app.clone();
        let token = refresh_token.to_owned();
        self.app.detached(async move { app.retrying(|| app.refresh(&token)).await }).await
    }
}

impl App {
    async fn refresh(&self, token: &str) -> Result<SignedIn> {
        let tx = self.read(&Scope::sign_in()).await?;
        let owner = tx.sign_in().refresh_token(&hash_of(token)).await?;
        tx.commit().await?;
        let owner = owner.ok_or_else(Error::unauthenticated)?;
        let now = self.now();
        let tx = self.write(&session_scope(owner.tenant_id)).await?;
        let row = tx.sessions().refresh_token(owner.id).await?.ok_or_else(Error::unauthenticated)?;
        let session = tx.sessions().get(row.session_id).await?.ok_or_else(Error::unauthenticated)?;
        let user = tx.users().get(owner.user_id).await?;
        if !session.is_live(now) || now >= row.expires_at || !user.is_some_and(|user| user.is_active) {
            return Err(Error::unauthenticated());
        }
        let used_at = match row.used_at {
            None if tx.sessions().use_refresh_token(row.id, now).await? => None,
            // Another request was a moment faster.
            None => Some(now),
            used_at => used_at,
        };
        if used_at.is_some_and(|used_at| now - used_at > GRACE) {
            return self.end_reused(tx, &session).await;
        }
        let refresh_token = successor_of(self, token);
        tx.sessions().insert_refresh_token(&self.refresh_row(&session, &refresh_token)).await?;
        let idle = TimeDelta::from_std(self.parts.settings.session_idle).unwrap_or(TimeDelta::days(1));
        tx.sessions().extend(session.id, now + idle).await?;
        let (access_token, expires_in) = self.access_token(&session)?;
        tx.commit().await?;
        Ok(SignedIn { user_id: session.user_id, access_token, refresh_token, expires_in })
    }

    /// A token that came back late was stolen, or its successor was: nobody keeps the session.
    async fn end_reused(&self, tx: Box<dyn Tx>, session: &Session) -> Result<SignedIn> {
        tx.sessions().revoke(session.id, self.now()).await?;
        let act = Act::on("refresh_token_reused", "session", session.id.0);
        self.audit_in(tx.as_ref(), session.tenant_id, None, act).await?;
        tx.commit().await?;
        self.parts.actors.forget(session.user_id);
        self.parts.wakeups.send(Topic::Access(session.user_id.0)).await;
        let message = "this refresh token was used before, so its session was ended; sign in again";
        Err(Error::new(ErrorKind::Unauthenticated, "token_reused", message))
    }
}
