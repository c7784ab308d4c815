//! Actors for services that embed Banyan and recognise people by means of their own.

use domain::{
    access::{Actor, Credential, Scope},
    ids::{TenantId, UserId},
};

use super::{
    Identity, RequestContext,
    authenticate::{actor_of, living_user},
    session::acting,
};
use crate::{Error, Result, unit_of_work::Uow};

impl Identity {
    /// Sets up the installation for a host that signs people in itself: the first tenant and its
    /// admin, who has no password, so that nobody signs in as it. Keep the ids of the actor, and
    /// take [`Identity::act_as`] from then on.
    ///
    /// # Errors
    /// `setup_not_allowed` when setup is done already; `invalid` for values that break a rule.
    pub async fn set_up_embedded(&self, tenant_name: &str, email: &str, username: &str) -> Result<Actor> {
        let app = self.app.clone();
        let (name, email, username) = (tenant_name.to_owned(), email.to_owned(), username.to_owned());
        let founding = async move {
            let (tenant, account) = app.founders(&name, &email, &username, None).await?;
            let founders = (&tenant, &account);
            let (app, by) = (&app, &acting(&account.user, &RequestContext::default()));
            app.change_in(&Scope::system_in(tenant.id), None, |tx| async move {
                let (tenant, account) = founders;
                let act = app.found(&tx, None, tenant, account).await?;
                Ok(((tenant.id, account.user.id), act.by(by.clone())))
            })
            .await
        };
        let (tenant, user) = self.app.detached(founding).await?;
        self.act_as(tenant, user).await
    }

    /// The actor of a user whom the host has recognised: no credential is asked for, so this is for
    /// code that runs in the host, never for what a request says. Its rights are those of the user's
    /// roles at this moment; ask again for every request.
    ///
    /// # Errors
    /// `not_found` unless an active user of the tenant has this id.
    pub async fn act_as(&self, tenant: TenantId, user: UserId) -> Result<Actor> {
        let find = async |tx: &Uow| living_user(tx, user).await;
        let (user, roles) = self
            .app
            .query_in(&Scope::system_in(tenant), find)
            .await?
            .ok_or_else(|| Error::not_found("user", user.0))?;
        Ok(actor_of(&user, &roles, Credential::Embedded))
    }
}
