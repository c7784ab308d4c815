//! Stored social links.

use async_trait::async_trait;
use domain::{
    ids::SocialLinkId,
    page::{Page, PageRequest},
    store::StoreError,
    tenancy::{SocialLink, SocialLinkRepo},
};
use sea_orm::ColumnTrait;

use super::rows::social_links::{Column, Entity};
use crate::{SqlBackend, SqlRepos};

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
