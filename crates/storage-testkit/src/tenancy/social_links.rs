//! Social links.

use domain::{
    access::Permission,
    ids::TenantId,
    store::{StoreError, Tx},
    tenancy::{Platform, SocialLink},
};

use crate::{Fixtures, Key, Listing, Needs, Person, Reading, Subject, Unique, Verb, async_trait, whole_row};

/// The links of a person's tenant, which has one for each platform.
pub struct SocialLinks(TenantId);

#[async_trait]
impl Subject for SocialLinks {
    whole_row!(SocialLink);

    const NAME: &'static str = "social_links";
    const ACCESS: [Permission; 2] = [Permission::SocialLinksRead, Permission::SocialLinksWrite];
    const NEEDS: Needs = Needs::Tenant;
    const READING: Reading = Reading::Otherwise;
    const MOST_ROWS: usize = Platform::ALL.len();
    const ALIKE: &'static [&'static str] = &["tenant_id"];

    fn new(_: &Fixtures, person: &Person) -> Self {
        Self(person.tenant.id)
    }

    fn plain(&self, make: &Fixtures) -> SocialLink {
        self.another(make, 0)
    }

    fn full(&self, make: &Fixtures) -> SocialLink {
        SocialLink { updated_at: make.in_seconds(1), ..self.another(make, 2) }
    }

    fn another(&self, make: &Fixtures, number: usize) -> SocialLink {
        let (id, platform, now) = (make.id(), Platform::ALL[number], make.now());
        let url = format!("https://{platform}.com/acme");
        SocialLink { id, tenant_id: self.0, platform, url, created_at: now, updated_at: now }
    }

    async fn insert(&self, tx: &dyn Tx, link: &SocialLink) -> Result<(), StoreError> {
        tx.social_links().insert(link).await
    }

    fn listing() -> Option<Listing<Self>> {
        Some(Listing::new(|_, tx, page| tx.social_links().list(page), |link| (link.created_at, link.id.0)))
    }

    fn verbs() -> Vec<Verb<Self>> {
        vec![Verb::<Self>::telling_removal("remove", |_, tx, link, _| tx.social_links().remove(link.id))]
    }

    fn keys() -> Vec<Key<Self>> {
        vec![
            Key::<Self>::new(&["social_links"], Unique::AtLeastTenant, |old, twin| twin.id = old.id),
            Key::<Self>::new(&["social_links", "platform"], Unique::Tenant, |old, twin| twin.platform = old.platform),
        ]
    }
}
