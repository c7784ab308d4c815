//! What users and tenants have is counted, for their quotas.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/19_quotas/tables.sql");
const COUNT: &str = include_str!("../sql/19_quotas/count.sql");
const POSTGRES: &str = include_str!("../sql/19_quotas/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/19_quotas/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/19_quotas/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/19_quotas/sqlite_down.sql");

/// Whoever adds or removes a row counts it.
const ACCESS: &[TableAccess] = &[TableAccess::of_tenant("quota_counts", "SELECT, INSERT, UPDATE", "")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::keep_updated_at(manager, &["quota_counts"]).await?;
        access::grant(manager, ACCESS).await?;
        sql::run(manager, COUNT).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_DOWN, SQLITE_DOWN).await?;
        sql::drop_tables(manager, &["quota_counts"]).await
    }
}
