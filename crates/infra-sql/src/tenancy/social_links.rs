//! Stored social links.

use domain::{
    ids::SocialLinkId,
    tenancy::{Platform, SocialLink, SocialLinkRepo},
};

use crate::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "social_links")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub tenant_id: Uuid,
    pub platform: String,
    pub url: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(SocialLink, tenant TenantId, shown always);
listed!();
mapping!(SocialLink { id, tenant_id, platform, url, created_at, updated_at });
stored_as_text!(Platform);

#[async_trait]
impl<B: SqlBackend> SocialLinkRepo for SqlRepos<B> {
    async fn list(&self, page: PageRequest) -> Result<Page<SocialLink>, StoreError> {
        self.page(self.reached::<Entity>("social_links.list")?, page).await
    }

    async fn insert(&self, link: &SocialLink) -> Result<(), StoreError> {
        self.insert_one::<Entity>("social_links.insert", link).await
    }

    async fn remove(&self, id: SocialLinkId) -> Result<bool, StoreError> {
        let command = self.removing::<Entity>("social_links.remove")?.filter(Column::Id.eq(id.0));
        Ok(self.change(command).await? > 0)
    }
}
