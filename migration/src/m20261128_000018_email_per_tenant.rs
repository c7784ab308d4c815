//! An e-mail address is unique in its tenant; where several tenants have one, sign-in names the tenant.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/18_email_per_tenant/changes.sql");
const DOWN: &str = include_str!("../sql/18_email_per_tenant/down.sql");
const POSTGRES: &str = include_str!("../sql/18_email_per_tenant/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/18_email_per_tenant/postgres_down.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await?;
        sql::run_own(manager, POSTGRES, "").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, DOWN).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
