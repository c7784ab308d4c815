//! Social links.

use async_trait::async_trait;
use domain::{
    ids::SocialLinkId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::{SocialLink, SocialLinkRepo, Tenant},
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

impl Row for SocialLink {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_social_links_platform", of: |link| Some(place![link.tenant_id.0, link.platform.as_str()]) }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Tenant>(&["tenant_id"]).cascades()];
    columns!(id: SocialLinkId, tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.url])
    }
}

#[async_trait]
impl SocialLinkRepo for MemoryTx {
    async fn list(&self, page: PageRequest) -> Result<Page<SocialLink>, StoreError> {
        self.page_of(page, |_| true, |link: &SocialLink| Cursor { at: link.created_at, id: link.id.0 })
    }

    async fn insert(&self, link: &SocialLink) -> Result<(), StoreError> {
        self.add(link)
    }

    async fn remove(&self, id: SocialLinkId) -> Result<bool, StoreError> {
        self.remove_row::<SocialLink>(&id)
    }
}
