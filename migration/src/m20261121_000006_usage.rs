//! The ledger, the calls under way, and the prices they are counted at.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    prices, sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/6_usage/tables.sql");
const POSTGRES: &str = include_str!("../sql/6_usage/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/6_usage/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/6_usage/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/6_usage/sqlite_down.sql");

/// The ledger is added to and read. (What a deletion clears in it, the foreign keys clear as owner.)
const ACCESS: &[TableAccess] = &[
    TableAccess { table: "model_prices", tenant_column: None, app: "SELECT", jobs: "SELECT" },
    TableAccess::of_tenant("usage_logs", "SELECT, INSERT", "SELECT, INSERT"),
    TableAccess::of_tenant("provider_calls", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await?;
        sql::keep_updated_at(manager, &["model_prices", "provider_calls"]).await?;
        access::grant(manager, ACCESS).await?;
        prices::insert(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, "", SQLITE_DOWN).await?;
        sql::drop_tables(manager, &["provider_calls", "usage_logs", "model_prices"]).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
