//! Tenants, for the superadmin, and what they show of themselves.

mod social_links;

use domain::{
    access::{Actor, Permission},
    page::{Page, PageRequest},
    tenancy::{Slug, Tenant},
    text,
};
use serde_json::json;

pub use social_links::NewSocialLink;

use crate::{App, Error, ErrorKind, Idempotent, Outcome, Result, audit::Act, unit_of_work::Uow};

/// The use cases of tenancy.
#[derive(Clone)]
pub struct Tenancy {
    pub(crate) app: App,
}

/// A tenant to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Its slug; by default made out of the name.
    pub slug: Option<String>,
}

impl Tenancy {
    /// Creates a tenant with its system roles. Its first users are made by entering it.
    ///
    /// # Errors
    /// `forbidden` for everybody but a superadmin; `slug_taken`.
    pub async fn create(
        &self,
        actor: &Actor,
        new: NewTenant,
        idempotent: Option<Idempotent<Tenant>>,
    ) -> Result<Outcome<Tenant>> {
        let name = text::name("name", &new.name)?;
        let slug = match &new.slug {
            Some(slug) => Slug::parse(slug)?,
            None => Slug::from_name(&name),
        };
        let tenant = self.app.new_tenant(&name, slug);
        let scope = self.app.parts.policy.allow_new_tenant(actor, tenant.id)?;
        let work = move |tx: Uow| {
            let tenant = tenant.clone();
            async move {
                tx.app().insert_tenant(&tx, &tenant).await.map_err(taken)?;
                let after = json!({ "name": tenant.name, "slug": tenant.slug.as_str() });
                let act = Act::on("tenant_created", "tenant", tenant.id.0).now(after);
                Ok((tenant, act))
            }
        };
        self.app.change(actor, scope, idempotent, work).await
    }

    /// All tenants, newest first.
    ///
    /// # Errors
    /// `forbidden` for everybody but a superadmin.
    pub async fn list(&self, actor: &Actor, page: PageRequest) -> Result<Page<Tenant>> {
        let scope = self.app.parts.policy.allow_installation(actor, Permission::TenantsRead, "list tenants")?;
        self.app.query_in(&scope, async |tx| Ok(tx.tenants().list(page).await?)).await
    }
}

fn taken(error: Error) -> Error {
    if error.kind == ErrorKind::Conflict {
        let message = "there is a tenant with this slug already; name another 'slug'";
        Error::new(ErrorKind::Conflict, "slug_taken", message).because(error)
    } else {
        error
    }
}
