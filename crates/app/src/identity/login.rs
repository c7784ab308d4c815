//! Sign in and out.

use domain::{
    access::{Actor, Credential, Scope},
    identity::SignInAccount,
    ids::UserId,
    text,
};
use uuid::Uuid;

use super::{
    Identity,
    session::{RequestContext, SignedIn, forget_after, session_scope},
};
use crate::{App, Error, ErrorKind, Result, audit::Act, unit_of_work::Uow};

/// Most bytes of a password that is even looked at.
const MAX_PASSWORD_BYTES: usize = 1024;

/// Most bytes of an address or a name that is looked for.
const MAX_LOGIN_BYTES: usize = 1024;

/// A sign-in with a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// E-mail address or user name.
    pub login: String,
    /// The password.
    pub password: String,
    /// The tenant's slug; needed with a user name where there are several tenants, and with an address that several
    /// have.
    pub tenant: Option<String>,
}

impl Identity {
    /// Signs in. Whether no account fits, one, or several in as many tenants: a refusal takes the same time and is the
    /// same answer, one hash included.
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
        // A superadmin's session is not in the tenant that it entered.
        let scope = session_scope(if actor.is_superadmin { None } else { actor.tenant_id });
        let user = actor.user_id;
        let work = move |tx: Uow| async move {
            tx.sessions().revoke(session, tx.now()).await?;
            forget_after(&tx, user);
            Ok(((), Act::on("session_ended", "session", session.0)))
        };
        self.app.change(actor, scope, None, work).await?.into_done()
    }
}

impl App {
    async fn login(&self, login: Login, context: &RequestContext) -> Result<SignedIn> {
        if login.password.len() > MAX_PASSWORD_BYTES {
            return Err(refused());
        }
        let turn = self.parts.passwords.turn(context.ip_address).await?;
        let account = self.query_in(&Scope::sign_in(), async |tx| account_of(tx, &login).await).await?;
        let salt = account.as_ref().and_then(|account| account.password_salt.clone());
        let hashes = self.parts.passwords.hashes(turn, login.password, salt).await?;
        let named = account.as_ref().map_or(UserId(Uuid::nil()), |account| account.user_id);
        let has = async |tx: &Uow| {
            for hash in &hashes {
                if tx.sign_in().has_password(named, hash).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        // Also where there is no account, which takes as long.
        let matches = self.query_in(&Scope::sign_in(), has).await?;
        let account = match account {
            Some(account) if matches => account,
            account => {
                self.note_failure(account, context);
                return Err(refused());
            }
        };

        let (now, id) = (self.now(), account.user_id);
        self.change_in(&session_scope(account.tenant_id), None, |tx| async move {
            let user = tx.users().get(id).await?.filter(|user| user.is_active);
            let user = user.ok_or_else(refused)?;
            let opened = self.open_session(&tx, &user, context).await?;
            tx.users().record_login(user.id, now, context.ip_address).await?;
            Ok(opened)
        })
        .await
    }
}

impl App {
    /// Puts a sign-in that failed on record, in a task of its own: the answer takes as long for an account that is
    /// known as for one that is not.
    fn note_failure(&self, account: Option<SignInAccount>, context: &RequestContext) {
        let address = context.ip_address;
        tracing::warn!(address = address.map(tracing::field::display), "a sign-in failed");
        let Some(SignInAccount { user_id: account, tenant_id, .. }) = account else { return };
        let app = self.clone();
        self.parts.tasks.spawn(async move {
            if let Err(error) = app.record_failure(tenant_id, account, address).await {
                tracing::error!(error = ?error, "a sign-in that failed could not be put on record");
            }
        });
    }
}

/// The one answer to a sign-in that fails. It always tells of the tenant: told only where several have the account, it
/// would tell that they do.
fn refused() -> Error {
    let message =
        "login or password is wrong; if your account may be one of several tenants', name its slug as 'tenant'";
    Error::new(ErrorKind::Unauthenticated, "unauthenticated", message)
}

/// The account that a sign-in names.
async fn account_of(tx: &Uow, login: &Login) -> Result<Option<SignInAccount>> {
    if login.login.len() > MAX_LOGIN_BYTES {
        return Ok(None);
    }
    let named = async |name: &str| {
        Ok::<_, Error>(match name.contains('@') {
            true => tx.sign_in().account_by_email(name, login.tenant.as_deref()).await?,
            false => tx.sign_in().account_by_username(name, login.tenant.as_deref()).await?,
        })
    };
    let (one_form, before) = (text::identifier(&login.login), login.login.trim().to_lowercase());
    let account = named(&one_form).await?;
    // A version that knew no one form has let the account in as it was typed.
    if account.is_none() && before != one_form { named(&before).await } else { Ok(account) }
}
