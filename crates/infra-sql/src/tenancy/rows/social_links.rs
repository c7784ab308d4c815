//! The rows of `social_links`.

use domain::{clock::Timestamp, tenancy::SocialLink};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

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
