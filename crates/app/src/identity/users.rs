//! Create and list users.

use domain::{
    access::{Actor, Permission, Scope, SystemRole},
    error::ValueError,
    identity::User,
    page::{Page, PageRequest},
};
use serde_json::json;

use super::Identity;
use crate::{App, Error, ErrorKind, Idempotent, Outcome, Result, audit::Act};

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Its e-mail address.
    pub email: String,
    /// Its user name.
    pub username: String,
    /// Its first password.
    pub password: String,
    /// One of the tenant's system roles; by default `user`.
    pub role: Option<String>,
}

impl Identity {
    /// Creates a user in the actor's tenant.
    ///
    /// # Errors
    /// `forbidden`; `invalid`; `user_exists` when the e-mail address or user name is taken.
    pub async fn create_user(
        &self,
        actor: &Actor,
        new: NewUser,
        idempotent: Option<Idempotent<User>>,
    ) -> Result<Outcome<User>> {
        let scope = self.app.parts.policy.allow(actor, Permission::UsersWrite)?;
        let name = new.role.as_deref().unwrap_or(SystemRole::User.as_str());
        if name == SystemRole::Superadmin.as_str() {
            let message = "superadmins are made on the host: banyan admin create --superadmin";
            return Err(ValueError::new("role", "unknown_role", message).into());
        }
        let role = SystemRole::parse_among(SystemRole::OF_TENANTS, name)?;
        let app = self.app.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let user = app.new_user(scope.tenant_id(), &new.email, &new.username, Some(new.password), &[]).await?;
                let (app, actor, user) = (&app, &actor, &user);
                app.effect(actor, &scope, idempotent.as_ref(), |tx| async move {
                    app.insert_user(tx.as_ref(), user, role, actor.owner()).await.map_err(taken)?;
                    let after = json!({ "email": user.email.as_str(), "role": role.as_str() });
                    app.audit(tx.as_ref(), actor, Act::on("user_created", "user", user.id.0).now(after)).await?;
                    Ok((user.clone(), tx))
                })
                .await
            })
            .await
    }

    /// Users of the actor's tenant, newest first.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn users(&self, actor: &Actor, page: PageRequest) -> Result<Page<User>> {
        let tx = self.app.read(&self.app.parts.policy.allow(actor, Permission::UsersRead)?).await?;
        let users = tx.users().list(page).await?;
        tx.commit().await?;
        Ok(users)
    }

    /// Makes a superadmin; for the operator on the host only.
    ///
    /// # Errors
    /// `invalid`; `user_exists`.
    pub async fn create_superadmin(&self, email: &str, username: &str, password: String) -> Result<User> {
        let app: &App = &self.app;
        let user = app.new_user(None, email, username, Some(password), &[]).await?;
        let tx = app.write(&Scope::system("create a superadmin")).await?;
        tx.users().insert(&user).await.map_err(|error| taken(error.into()))?;
        app.audit_in(tx.as_ref(), None, None, Act::on("superadmin_created", "user", user.id.0)).await?;
        tx.commit().await?;
        Ok(user)
    }
}

fn taken(error: Error) -> Error {
    if error.kind == ErrorKind::Conflict {
        let message = "there is a user with this e-mail address or user name already";
        Error::new(ErrorKind::Conflict, "user_exists", message).because(error)
    } else {
        error
    }
}
