//! First run: the first tenant and its admin, once.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{
    access::{PermissionSet, Scope, SystemRole},
    admin::Installation,
    identity::{Email, Role, TokenHash, User, UserRole, Username},
    ids::{RoleId, TenantId, UserId, UserRoleId},
    tenancy::{Slug, Tenant},
    text,
};
use serde_json::json;

use super::{Identity, RequestContext, SignedIn, keys::hash_of, password, session::acting};
use crate::{
    App, Error, ErrorKind, Result,
    audit::Act,
    faults::{Faults, there},
    unit_of_work::Uow,
};

/// The first tenant and its admin.
#[derive(Debug, Clone)]
pub struct NewInstallation {
    /// The tenant's name.
    pub tenant_name: String,
    /// The admin's e-mail address.
    pub email: String,
    /// The admin's user name.
    pub username: String,
    /// The admin's password.
    pub password: String,
}

/// A finished setup.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// The admin.
    pub user: User,
    /// The tenant.
    pub tenant: Tenant,
    /// The admin's first session.
    pub signed_in: SignedIn,
}

impl Identity {
    /// A new one-time setup token, in place of the last one; `None` once setup is done.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn offer_setup(&self) -> Result<Option<String>> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(self.app.parts.ids.secret());
        let hash = &hash_of(&token);
        let offer = |tx: Uow| async move { Ok(tx.installation().offer_setup(hash).await?) };
        let why = "the token opens nothing until setup, which is audited";
        let offered = self.app.unaudited(&Scope::system("offer setup"), why, offer).await?;
        Ok(offered.then_some(token))
    }

    /// Whether setup is done.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn is_set_up(&self) -> Result<bool> {
        Ok(self.app.installation().await?.set_up_at.is_some())
    }

    /// Sets up with the offered token. Of any number of tries at once exactly one succeeds.
    ///
    /// # Errors
    /// `setup_not_allowed` when setup is done or the token is not the offered one; `invalid`.
    pub async fn set_up(&self, token: &str, new: NewInstallation, context: &RequestContext) -> Result<SetUp> {
        let app = self.app.clone();
        let (token, context) = (hash_of(token), context.clone());
        // A wrong token is told before a password is hashed for it.
        let installation = app.installation().await?;
        if installation.set_up_at.is_some() || installation.setup_token_hash.as_ref() != Some(&token) {
            return Err(not_allowed());
        }
        self.app.detached(async move { app.set_up(Some(&token), new, &context).await }).await
    }

    /// Sets up without a token, for the operator on the host.
    ///
    /// # Errors
    /// As [`Identity::set_up`].
    pub async fn set_up_on_host(&self, new: NewInstallation) -> Result<SetUp> {
        let app = self.app.clone();
        self.app.detached(async move { app.set_up(None, new, &RequestContext::default()).await }).await
    }
}

/// A user that is not stored yet, and the PHC string of its password.
#[derive(Debug, Clone)]
pub(super) struct NewAccount {
    pub(super) user: User,
    password_hash: Option<String>,
}

/// A user that is to be made.
pub(super) struct AccountDetails<'a> {
    pub(super) email: &'a str,
    pub(super) username: &'a str,
    pub(super) password: Option<String>,
    /// Names that its password must not be.
    pub(super) names: &'a [&'a str],
}

impl NewAccount {
    /// Stores both.
    pub(super) async fn store(&self, tx: &Uow) -> Result<()> {
        tx.users().insert(&self.user).await?;
        if let Some(hash) = &self.password_hash {
            tx.users().set_password(self.user.id, hash, self.user.updated_at).await?;
        }
        Ok(())
    }
}

impl App {
    async fn installation(&self) -> Result<Installation> {
        let scope = Scope::system("look whether setup is done");
        self.query_in(&scope, async |tx| Ok(tx.installation().get().await?)).await
    }

    async fn set_up(&self, token: Option<&TokenHash>, new: NewInstallation, context: &RequestContext) -> Result<SetUp> {
        let (tenant, account) = self.founders(&new.tenant_name, &new.email, &new.username, Some(new.password)).await?;
        let founders = (&tenant, &account);
        let work = |tx: Uow| async move {
            let (tenant, account) = founders;
            let act = self.found(&tx, token, tenant, account).await?;
            let user = &account.user;
            tx.record(act.by(acting(user, context))).await?;
            self.open_session(&tx, user, context).await
        };
        let signed_in = self.change_in(&Scope::system_in(tenant.id), None, work).await?;
        Ok(SetUp { user: account.user, tenant, signed_in })
    }

    /// The first tenant and its admin, not stored yet.
    pub(super) async fn founders(
        &self,
        tenant_name: &str,
        email: &str,
        username: &str,
        password: Option<String>,
    ) -> Result<(Tenant, NewAccount)> {
        let mut faults = Faults::default();
        let name = faults.take(text::name("tenant_name", tenant_name)).unwrap_or_default();
        let tenant = self.new_tenant(&name, Slug::from_name(&name));
        let new = AccountDetails { email, username, password, names: &[&name] };
        let account = self.new_account(Some(tenant.id), new, faults).await?;
        Ok((tenant, account))
    }

    /// Stores the first tenant and its admin, unless setup is done already. The act is the admin's.
    pub(super) async fn found(
        &self,
        tx: &Uow,
        token: Option<&TokenHash>,
        tenant: &Tenant,
        account: &NewAccount,
    ) -> Result<Act> {
        if !tx.installation().complete_setup(token, self.now()).await? {
            return Err(not_allowed());
        }
        self.insert_tenant(tx, tenant).await?;
        self.insert_account(tx, account, SystemRole::TenantAdmin, None).await?;
        let after = json!({ "name": tenant.name, "slug": tenant.slug.as_str() });
        Ok(Act::on("installation_set_up", "tenant", tenant.id.0).now(after))
    }

    /// A tenant that is not stored yet.
    pub(crate) fn new_tenant(&self, name: &str, slug: Slug) -> Tenant {
        let now = self.now();
        Tenant { id: TenantId(self.parts.ids.random()), name: name.to_owned(), slug, created_at: now, updated_at: now }
    }

    /// Stores a tenant with its system roles, in its own scope.
    pub(crate) async fn insert_tenant(&self, tx: &Uow, tenant: &Tenant) -> Result<()> {
        tx.tenants().insert(tenant).await?;
        for &role in SystemRole::OF_TENANTS {
            let row = Role {
                id: RoleId(self.parts.ids.random()),
                tenant_id: tenant.id,
                name: role.as_str().to_owned(),
                description: Some(role.description().to_owned()),
                permissions: PermissionSet::new(),
                is_system: true,
                created_at: tenant.created_at,
                updated_at: tenant.created_at,
            };
            tx.roles().insert(&row).await?;
        }
        Ok(())
    }

    /// A user that is not stored yet, with its password hashed; without one nobody signs in as it. All that is wrong with
    /// it is told at once, with the faults that were found before.
    pub(super) async fn new_account(
        &self,
        tenant_id: Option<TenantId>,
        new: AccountDetails<'_>,
        mut faults: Faults,
    ) -> Result<NewAccount> {
        let email = faults.take(Email::parse(new.email));
        let username = faults.take(Username::parse(new.username));
        if let Some(password) = &new.password {
            let address = email.as_ref().map(Email::as_str).unwrap_or_default();
            let local = address.split('@').next().unwrap_or_default();
            let mut known = vec!["banyan", address, local, new.username];
            known.extend_from_slice(new.names);
            faults.take(password::check_new(password, &known));
        }
        faults.told()?;
        let (email, username) = (there(email)?, there(username)?);
        let password_hash = match new.password {
            None => None,
            Some(password) => Some(self.parts.passwords.hash(password).await?),
        };
        let now = self.now();
        let user = User {
            id: UserId(self.parts.ids.random()),
            tenant_id,
            email,
            username,
            display_name: None,
            first_name: None,
            last_name: None,
            avatar_url: None,
            is_active: true,
            email_verified: false,
            email_verified_at: None,
            last_login_at: None,
            last_login_ip: None,
            daily_request_quota: None,
            created_at: now,
            updated_at: now,
            deleted_at: None,
        };
        Ok(NewAccount { user, password_hash })
    }

    /// Stores a user of a tenant with a role of it.
    pub(super) async fn insert_account(
        &self,
        tx: &Uow,
        account: &NewAccount,
        role: SystemRole,
        assigned_by: Option<UserId>,
    ) -> Result<()> {
        let user = &account.user;
        let tenant_id = user.tenant_id.ok_or_else(|| Error::internal("only users of a tenant have its roles"))?;
        account.store(tx).await?;
        let found = tx.roles().find_by_name(role.as_str()).await?;
        let role = found.ok_or_else(|| Error::internal("a tenant has all system roles"))?;
        let assignment = UserRole {
            id: UserRoleId(self.parts.ids.random()),
            tenant_id,
            user_id: user.id,
            role_id: role.id,
            assigned_at: user.created_at,
            assigned_by,
        };
        Ok(tx.roles().assign(&assignment).await?)
    }
}

fn not_allowed() -> Error {
    let message = "setup is done already, or the token is not the one that was printed last";
    Error::new(ErrorKind::Forbidden, "setup_not_allowed", message)
}
