//! Social links.

use async_trait::async_trait;
use domain::{
    access::Permission,
    page::PageRequest,
    store::{StoreError, Tx},
    tenancy::{Platform, SocialLink, Tenant},
};

use crate::{
    Fixtures, Key, Listing, Needs, Person, Reading, Subject, Unique, Verb, World, assert_refused,
    standard::standard_cases,
};

/// The links of a person's tenant, which has one for each platform: rows of the cases take turns.
pub struct SocialLinks(Tenant);

#[async_trait]
impl Subject for SocialLinks {
    type Row = SocialLink;
    type Whole = SocialLink;

    const NAME: &'static str = "social_links";
    const ACCESS: [Permission; 2] = [Permission::SocialLinksRead, Permission::SocialLinksWrite];
    const NEEDS: Needs = Needs::Tenant;
    const READING: Reading = Reading::Otherwise;
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.tenant.clone())
    }

    fn plain(&self, make: &Fixtures) -> SocialLink {
        make.social_link(self.0.id, Platform::Twitter)
    }

    fn full(&self, make: &Fixtures) -> SocialLink {
        SocialLink { updated_at: make.in_seconds(1), ..make.social_link(self.0.id, Platform::LinkedIn) }
    }

    fn another(&self, make: &Fixtures) -> SocialLink {
        make.social_link(self.0.id, Platform::YouTube)
    }

    fn whole<'a>(&'a self, link: &'a SocialLink) -> &'a SocialLink {
        link
    }

    async fn insert(&self, tx: &dyn Tx, link: &SocialLink) -> Result<(), StoreError> {
        tx.social_links().insert(link).await
    }

    async fn find(&self, tx: &dyn Tx, link: &SocialLink) -> Result<Option<SocialLink>, StoreError> {
        let page = tx.social_links().list(PageRequest::default()).await?;
        Ok(page.items.into_iter().find(|found| found.id == link.id))
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.social_links().list(page), |link| (link.created_at, link.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::telling_removal("remove", |_, tx, link, _| {
            Box::pin(async move { tx.social_links().remove(link.id).await })
        })]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["social_links"], Unique::AtLeastTenant, |stored, fresh| SocialLink {
                id: stored.id,
                platform: Platform::Facebook,
                ..fresh
            }),
            Key::<Self>::new(&["social_links", "platform"], Unique::Tenant, |stored, fresh| SocialLink {
                platform: stored.platform,
                ..fresh
            }),
        ]
    }
}

standard_cases! { SocialLinks: round_trip, keys_are_unique, strangers_are_kept_out, what_is_removed_is_gone }

/// A link belongs to a tenant that is there.
pub async fn a_link_needs_its_tenant(world: World) {
    let tenant = world.make.tenant("missing");
    let link = world.make.social_link(tenant.id, Platform::Twitter);
    let scope = domain::access::Scope::system_in(tenant.id);
    let outcome = world.attempt(&scope, async |tx| tx.social_links().insert(&link).await).await;
    assert_refused!(outcome, StoreError::ForeignKey);
}
