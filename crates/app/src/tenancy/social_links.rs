//! Create, list and remove the social links of a tenant.

use domain::{
    access::{Actor, Permission},
    ids::SocialLinkId,
    page::{Page, PageRequest},
    tenancy::{Platform, SocialLink, social_link},
};
use serde_json::json;

use super::Tenancy;
use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    audit::Act,
    unit_of_work::{Uow, tenant_of},
};

/// A social link to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSocialLink {
    /// Where it leads, by name.
    pub platform: String,
    /// The page.
    pub url: String,
}

impl Tenancy {
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
        let now = self.app.now();
        let link = SocialLink {
            id: SocialLinkId(self.app.parts.ids.random()),
            tenant_id: tenant_of(&scope)?,
            platform,
            url: social_link::link(platform, &new.url)?,
            created_at: now,
            updated_at: now,
        };
        let work = move |tx: Uow| {
            let link = link.clone();
            async move {
                tx.social_links().insert(&link).await.map_err(|error| taken(error.into()))?;
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
        let read = async |tx: &Uow| Ok(tx.social_links().list(page).await?);
        self.app.query(actor, Permission::SocialLinksRead, read).await
    }

    /// Removes a link of the actor's tenant.
    ///
    /// # Errors
    /// `forbidden`; `not_found`.
    pub async fn remove_social_link(&self, actor: &Actor, id: SocialLinkId) -> Result<()> {
        let work = move |tx: Uow| async move {
            if !tx.social_links().remove(id).await? {
                return Err(Error::not_found("social_link", id.0));
            }
            Ok(((), Act::on("social_link_removed", "social_link", id.0)))
        };
        self.app.change(actor, Permission::SocialLinksWrite, None, work).await?.into_done()
    }
}

fn taken(error: Error) -> Error {
    if error.is_conflict_on("uq_social_links_platform") {
        let message = "there is a link for this platform already; remove it first";
        Error::new(ErrorKind::Conflict, "platform_taken", message).because(error)
    } else {
        error
    }
}
