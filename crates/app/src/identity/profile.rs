//! One's own account.

use domain::{
    access::{Actor, Permission, Scope},
    error::ValueError,
    identity::User,
    text,
};
use serde_json::json;

use super::{Identity, login::session_scope};
use crate::{Error, Result, audit::Act};

/// Most characters of a picture's URL.
const MAX_URL_CHARS: usize = 2_048;

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
        let tx = self.app.read(&self.own_scope(actor, Permission::ProfileRead)?).await?;
        let user = tx.users().get(actor.user_id).await?.ok_or_else(Error::unauthenticated)?;
        let roles = if actor.is_superadmin {
            vec!["superadmin".to_owned()]
        } else {
            tx.roles().of_user(user.id).await?.into_iter().map(|role| role.name).collect()
        };
        tx.commit().await?;
        Ok(Profile { user, roles })
    }

    /// Changes the actor's own account.
    ///
    /// # Errors
    /// `forbidden`; `invalid`.
    pub async fn change_profile(&self, actor: &Actor, change: ProfileChange) -> Result<Profile> {
        let scope = self.own_scope(actor, Permission::ProfileWrite)?;
        let display_name = checked("display_name", change.display_name)?;
        let first_name = checked("first_name", change.first_name)?;
        let last_name = checked("last_name", change.last_name)?;
        if let Some(Some(url)) = &change.avatar_url {
            let valid = url.starts_with("https://") && url.len() <= MAX_URL_CHARS && !url.contains(char::is_whitespace);
            if !valid {
                return Err(ValueError::new("avatar_url", "not_a_url", "must be an https URL").into());
            }
        }
        let this = self.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let app = &this.app;
                let tx = app.write(&scope).await?;
                let mut user = tx.users().lock(actor.user_id).await?.ok_or_else(Error::unauthenticated)?;
                let shown = |user: &User| {
                    json!({ "display_name": user.display_name, "first_name": user.first_name,
                            "last_name": user.last_name, "avatar_url": user.avatar_url })
                };
                let before = shown(&user);
                user.display_name = display_name.unwrap_or(user.display_name);
                user.first_name = first_name.unwrap_or(user.first_name);
                user.last_name = last_name.unwrap_or(user.last_name);
                user.avatar_url = change.avatar_url.unwrap_or(user.avatar_url);
                user.updated_at = app.now();
                tx.users().update(&user).await?;
                let mut act = Act::on("profile_changed", "user", user.id.0).now(shown(&user));
                act.before = Some(before);
                app.audit_in(tx.as_ref(), user.tenant_id, Some(&actor), act).await?;
                tx.commit().await?;
                this.profile(&actor).await
            })
            .await
    }

    /// The scope of one's own account, which for a superadmin is in no tenant.
    fn own_scope(&self, actor: &Actor, permission: Permission) -> Result<Scope> {
        if actor.is_superadmin {
            self.app.parts.policy.allow_installation(actor, permission, "own account of a superadmin")?;
            Ok(session_scope(None))
        } else {
            Ok(self.app.parts.policy.allow(actor, permission)?)
        }
    }
}

fn checked(field: &str, value: Option<Option<String>>) -> Result<Option<Option<String>>, ValueError> {
    match value {
        Some(Some(value)) => Ok(Some(Some(text::name(field, &value)?))),
        other => Ok(other),
    }
}
