//! Links of tenants to their pages elsewhere.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/9_social_links/tables.sql");

const ACCESS: &[TableAccess] = &[TableAccess::of_tenant("social_links", "SELECT, INSERT, DELETE", "SELECT")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::keep_updated_at(manager, &["social_links"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["social_links"]).await
    }
}
