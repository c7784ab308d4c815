//! Create and list users.

use std::sync::Arc;

use domain::{
    access::{Actor, Permission, Scope, SystemRole},
    clock::Timestamp,
    error::ValueError,
    identity::{Email, User, Username},
    ids::UserId,
    page::{Page, PageRequest},
};
use serde_json::json;

use super::{Identity, setup::AccountDetails};
use crate::{Error, Idempotent, Outcome, Result, audit::Act, faults::Faults, unit_of_work::Uow};

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

/// A user as others of the tenant see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The user. Names are for everybody.
    pub user: PublicUser,
    /// How to reach it, and when it was here: for who runs the tenant.
    pub contact: Option<Contact>,
}

/// What everybody in the tenant sees of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUser {
    /// Its id.
    pub id: UserId,
    /// Its user name.
    pub username: Username,
    /// The name shown to others.
    pub display_name: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// An https URL of a picture.
    pub avatar_url: Option<String>,
    /// May sign in.
    pub is_active: bool,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// What those who run the tenant see besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its e-mail address.
    pub email: Email,
    /// The address was shown to be the user's.
    pub email_verified: bool,
    /// Last successful sign-in.
    pub last_login_at: Option<Timestamp>,
}

impl Identity {
    /// Creates a user in the actor's tenant.
    ///
    /// # Errors
    /// `forbidden`; `invalid`, also for a role that grants more than the actor's credential; `user_exists` when the e-mail address or user name is taken.
    pub async fn create_user(
        &self,
        actor: &Actor,
        new: NewUser,
        idempotent: Option<Idempotent<User>>,
    ) -> Result<Outcome<User>> {
        let scope = self.app.allow(actor, Permission::UsersWrite)?;
        let name = new.role.as_deref().unwrap_or(SystemRole::User.as_str());
        if name == SystemRole::Superadmin.as_str() {
            let message = "superadmins are made on the host: banyan admin create --superadmin";
            return Err(ValueError::new("role", "unknown_role", message).into());
        }
        let role = SystemRole::parse_among(SystemRole::OF_TENANTS, name)?;
        actor.may_hand_on(&role.permissions()).map_err(|missing| {
            let message = format!("grants '{missing}', which your credential does not have; sign in to give this role");
            ValueError::new("role", "not_yours", message)
        })?;
        let (app, actor) = (self.app.clone(), Arc::new(actor.clone()));
        let create = async move {
            // The password is hashed before the unit of work begins.
            let (email, username) = (new.email.as_str(), new.username.as_str());
            let details = AccountDetails { email, username, password: Some(new.password), names: &[] };
            let account = app.new_account(scope.tenant_id(), details, Faults::default()).await?;
            let (app, actor, account) = (&app, &actor, &account);
            app.change_once(actor, &scope, idempotent.as_ref(), |tx| async move {
                app.insert_account(&tx, account, role, actor.owner()).await.map_err(taken)?;
                let user = &account.user;
                let after = json!({ "email": user.email.as_str(), "role": role.as_str() });
                Ok((user.clone(), Act::on("user_created", "user", user.id.0).now(after)))
            })
            .await
        };
        self.app.detached(create).await
    }

    /// Users of the actor's tenant, newest first; how to reach them only for who runs it.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn users(&self, actor: &Actor, page: PageRequest) -> Result<Page<Person>> {
        let users = self.app.query(actor, Permission::UsersRead, async |tx| Ok(tx.users().list(page).await?)).await?;
        let sees_contact = actor.sees_whole_tenant();
        let items = users.items.into_iter().map(|user| person(user, sees_contact)).collect();
        Ok(Page { items, next: users.next })
    }

    /// Makes a superadmin; for the operator on the host only.
    ///
    /// # Errors
    /// `invalid`; `user_exists`.
    pub async fn create_superadmin(&self, email: &str, username: &str, password: String) -> Result<User> {
        let details = AccountDetails { email, username, password: Some(password), names: &[] };
        let account = &self.app.new_account(None, details, Faults::default()).await?;
        let work = |tx: Uow| async move {
            account.store(&tx).await.map_err(taken)?;
            let user = &account.user;
            Ok((user.clone(), Act::on("superadmin_created", "user", user.id.0)))
        };
        self.app.change_in(&Scope::system("create a superadmin"), None, work).await
    }
}

fn person(user: User, sees_contact: bool) -> Person {
    let User { id, email, username, display_name, first_name, last_name, avatar_url, is_active, created_at, .. } = user;
    let contact = Contact { email, email_verified: user.email_verified, last_login_at: user.last_login_at };
    Person {
        user: PublicUser { id, username, display_name, first_name, last_name, avatar_url, is_active, created_at },
        contact: sees_contact.then_some(contact),
    }
}

fn taken(error: Error) -> Error {
    error.taken("users", "user_exists", "there is a user with this e-mail address or user name already")
}
