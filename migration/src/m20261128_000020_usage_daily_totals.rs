//! Daily sums of the ledger over all users of a tenant.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/20_usage_daily_totals/tables.sql");

const ACCESS: &[TableAccess] = &[TableAccess::of_tenant("usage_daily_totals", "SELECT, INSERT, DELETE", "")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["usage_daily_totals"]).await
    }
}
