//! One's own account.

use domain::{
    access::{Actor, Permission, Scope},
    clock::Timestamp,
    error::ValueError,
    identity::User,
    text,
};
use serde_json::{Value, json};

use super::{Identity, session::session_scope};
use crate::{Error, Result, audit::Act, unit_of_work::Uow};

/// Most characters of a picture's URL.
pub const MAX_AVATAR_URL_BYTES: usize = 2_048;

/// One's own account with its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The account.
    pub user: User,
    /// The names of its roles.
    pub roles: Vec<String>,
}

/// Changes of one's own account; `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The name shown to others.
    pub display_name: Option<Option<String>>,
    /// Given name.
    pub first_name: Option<Option<String>>,
    /// Family name.
    pub last_name: Option<Option<String>>,
    /// An https URL of a picture.
    pub avatar_url: Option<Option<String>>,
}

impl Identity {
    /// The actor's own account.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn profile(&self, actor: &Actor) -> Result<Profile> {
        let read = async |tx: &Uow| {
            let user = tx.users().get(actor.user_id).await?.ok_or_else(Error::unauthenticated)?;
            let roles = if actor.is_superadmin {
                vec!["superadmin".to_owned()]
            } else {
                tx.roles().of_user(user.id).await?.into_iter().map(|role| role.name).collect()
            };
            Ok(Profile { user, roles })
        };
        self.app.query_in(&self.own_scope(actor, Permission::ProfileRead)?, read).await
    }

    /// Changes the actor's own account.
    ///
    /// # Errors
    /// `forbidden`; `invalid`.
    pub async fn change_profile(&self, actor: &Actor, change: ProfileChange) -> Result<Profile> {
        let scope = self.own_scope(actor, Permission::ProfileWrite)?;
        let change = checked(change)?;
        let own = actor.user_id;
        let work = move |tx: Uow| {
            let change = change.clone();
            async move {
                let user = tx.users().lock(own).await?.ok_or_else(Error::unauthenticated)?;
                let before = shown(&user);
                let user = changed(user, change, tx.now());
                tx.users().update(&user).await?;
                Ok(((), Act::on("profile_changed", "user", own.0).before(before).now(shown(&user))))
            }
        };
        self.app.change(actor, scope, None, work).await?.into_done()?;
        self.profile(actor).await
    }

    /// The scope of one's own account, which for a superadmin is in no tenant.
    fn own_scope(&self, actor: &Actor, permission: Permission) -> Result<Scope> {
        if actor.is_superadmin {
            self.app.parts.policy.allow_installation(actor, permission, "own account of a superadmin")?;
            Ok(session_scope(None))
        } else {
            self.app.allow(actor, permission)
        }
    }
}

/// The change, with its values checked.
fn checked(change: ProfileChange) -> Result<ProfileChange, ValueError> {
    let name = |field: &str, value: Option<Option<String>>| match value {
        Some(Some(value)) => Ok(Some(Some(text::name(field, &value)?))),
        other => Ok(other),
    };
    let change = ProfileChange {
        display_name: name("display_name", change.display_name)?,
        first_name: name("first_name", change.first_name)?,
        last_name: name("last_name", change.last_name)?,
        avatar_url: change.avatar_url,
    };
    if let Some(Some(url)) = &change.avatar_url {
        let valid =
            url.starts_with("https://") && url.len() <= MAX_AVATAR_URL_BYTES && !url.contains(char::is_whitespace);
        if !valid {
            return Err(ValueError::new("avatar_url", "not_a_url", "must be an https URL"));
        }
    }
    Ok(change)
}

fn changed(user: User, change: ProfileChange, now: Timestamp) -> User {
    User {
        display_name: change.display_name.unwrap_or(user.display_name),
        first_name: change.first_name.unwrap_or(user.first_name),
        last_name: change.last_name.unwrap_or(user.last_name),
        avatar_url: change.avatar_url.unwrap_or(user.avatar_url),
        updated_at: now,
        ..user
    }
}

/// What the audit log may hold of an account.
fn shown(user: &User) -> Value {
    json!({ "display_name": user.display_name, "first_name": user.first_name,
            "last_name": user.last_name, "avatar_url": user.avatar_url })
}
