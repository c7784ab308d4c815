//! Tenants, for the superadmin, and what they show of themselves.

use domain::{
    access::{Actor, Permission},
    ids::SocialLinkId,
    page::{Page, PageRequest},
    tenancy::{Platform, Slug, SocialLink, Tenant},
    text,
};
use serde_json::json;

use crate::{
    App, Error, Idempotent, Outcome, Result,
    audit::Act,
    unit_of_work::{Uow, tenant_of},
};

const SLUG_TAKEN: &str = "there is a tenant with this slug already; name another 'slug'";
const PLATFORM_TAKEN: &str = "there is a link for this platform already; remove it first";

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

/// A social link to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSocialLink {
    /// Where it leads, by name.
    pub platform: String,
    /// The page.
    pub url: String,
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
                tx.app()
                    .insert_tenant(&tx, &tenant)
                    .await
                    .map_err(|error| error.taken("slug", "slug_taken", SLUG_TAKEN))?;
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

    /// Creates a link of the actor's tenant; each platform has at most one.
    ///
    /// # Errors
    /// `forbidden`; `invalid`; `platform_taken`.
    pub async fn create_social_link(
        &self,
        actor: &Actor,
        new: NewSocialLink,
        idempotent: Option<Idempotent<SocialLink>>,
    ) -> Result<Outcome<SocialLink>> {
        let scope = self.app.allow(actor, Permission::SocialLinksWrite)?;
        let platform = Platform::parse(&new.platform)?;
        let url = platform.link(&new.url)?;
        let (id, tenant_id, now) = (self.app.parts.ids.random().into(), tenant_of(&scope)?, self.app.now());
        let link = SocialLink { id, tenant_id, platform, url, created_at: now, updated_at: now };
        let work = move |tx: Uow| {
            let link = link.clone();
            async move {
                let inserted = tx.social_links().insert(&link).await.map_err(Error::from);
                inserted.map_err(|error| error.taken("platform", "platform_taken", PLATFORM_TAKEN))?;
                let after = json!({ "platform": link.platform, "url": link.url });
                let act = Act::on("social_link_created", "social_link", link.id.0).now(after);
                Ok((link, act))
            }
        };
        self.app.change(actor, scope, idempotent, work).await
    }

    /// The links of the actor's tenant, newest first.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn social_links(&self, actor: &Actor, page: PageRequest) -> Result<Page<SocialLink>> {
        self.app.query(actor, Permission::SocialLinksRead, async |tx| Ok(tx.social_links().list(page).await?)).await
    }

    /// Removes a link of the actor's tenant.
    ///
    /// # Errors
    /// `forbidden`; `not_found`.
    pub async fn remove_social_link(&self, actor: &Actor, id: SocialLinkId) -> Result<()> {
        let work = move |tx: Uow| async move {
            let is_removed = tx.social_links().remove(id).await?;
            is_removed.then_some(()).ok_or_else(|| Error::not_found("social_link", id.0))?;
            Ok(((), Act::on("social_link_removed", "social_link", id.0)))
        };
        self.app.change(actor, Permission::SocialLinksWrite, None, work).await?.into_done()
    }
}
