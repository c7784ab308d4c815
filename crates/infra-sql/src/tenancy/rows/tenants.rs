//! The rows of `tenants`.

use domain::{clock::Timestamp, tenancy::Tenant};
use sea_orm::entity::prelude::*;

use crate::{mapping::mapping, scope::scoped, typed::listed};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tenants")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub slug: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl ActiveModelBehavior for ActiveModel {}

scoped!(Tenant, tenant Id, shown always);
listed!();
mapping!(Tenant { id, name, slug, created_at, updated_at });
