//! Refresh: each refresh token works once; its successor is the same for all who ask at once, and a
//! second use after a grace ends the session.

use chrono::TimeDelta;
use domain::{access::Scope, identity::Session, ids::RefreshTokenId};

use super::{
    Identity, SignedIn,
    keys::hash_of,
    session::{forget_after, session_scope},
};
use crate::{
    App, Error, ErrorKind, Result,
    audit::{Act, Audited},
    unit_of_work::Uow,
};

/// A used token still gets its successor for this long: lost answers, and tabs that race.
const GRACE: TimeDelta = TimeDelta::seconds(10);

impl Identity {
    /// Trades a refresh token for new tokens.
    ///
    /// # Errors
    /// `unauthenticated`; `token_reused` when a used token comes back, which ends the session.
    pub async fn refresh(&self, refresh_token: &str) -> Result<SignedIn> {
        let app = self.app.clone();
        let token = refresh_token.to_owned();
        self.app.detached(async move { app.refresh(&token).await }).await
    }
}

impl App {
    async fn refresh(&self, token: &str) -> Result<SignedIn> {
        let hash = hash_of(token);
        let find = async |tx: &Uow| Ok(tx.sign_in().refresh_token(&hash).await?);
        let owner = self.query_in(&Scope::sign_in(), find).await?.ok_or_else(refused)?;
        let scope = session_scope(owner.tenant_id);
        let signed_in =
            self.change_in(&scope, None, |tx| async move { self.trade(&tx, owner.id, token).await }).await?;
        signed_in.ok_or_else(|| {
            let message = "this refresh token was used before, so its session was ended; sign in again";
            Error::new(ErrorKind::Unauthenticated, "token_reused", message)
        })
    }

    /// Trades a token in force for the next ones. One that was used too long ago was stolen, or its
    /// successor was: then nobody keeps the session, and `None` says so.
    async fn trade(&self, tx: &Uow, id: RefreshTokenId, token: &str) -> Result<(Option<SignedIn>, Audited)> {
        let now = self.now();
        let row = tx.sessions().refresh_token(id).await?.ok_or_else(refused)?;
        let session = tx.sessions().get(row.session_id).await?.ok_or_else(refused)?;
        let user = tx.users().get(row.user_id).await?;
        if !session.is_live(now) || now >= row.expires_at || !user.is_some_and(|user| user.is_active) {
            return Err(refused());
        }
        let used_at = match row.used_at {
            None if tx.sessions().use_refresh_token(row.id, now).await? => None,
            // Another request was a moment faster.
            None => Some(now),
            used_at => used_at,
        };
        if used_at.is_some_and(|used_at| now - used_at > GRACE) {
            tx.sessions().revoke(session.id, now).await?;
            forget_after(tx, session.user_id);
            return Ok((None, Act::on("refresh_token_reused", "session", session.id.0).into()));
        }
        let signed_in = self.extend(tx, &session, token).await?;
        Ok((Some(signed_in), Audited::nothing("a session goes on; its opening is on record")))
    }

    /// Extends a session that was idle, and makes the successor of its token.
    async fn extend(&self, tx: &Uow, session: &Session, token: &str) -> Result<SignedIn> {
        let refresh_token = self.successor_of(token);
        tx.sessions().insert_refresh_token(&self.refresh_row(session, &refresh_token)).await?;
        let idle = TimeDelta::from_std(self.parts.settings.session_idle).unwrap_or(TimeDelta::days(1));
        tx.sessions().extend(session.id, self.now() + idle).await?;
        let (access_token, expires_in) = self.access_token(session)?;
        Ok(SignedIn { user_id: session.user_id, access_token, refresh_token, expires_in })
    }
}

/// A token that is worth nothing, for whatever reason: the same words for every reason.
fn refused() -> Error {
    let message = "this refresh token is not valid, or not any more; sign in again";
    Error::new(ErrorKind::Unauthenticated, "unauthenticated", message)
}
