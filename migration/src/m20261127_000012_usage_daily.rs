//! Daily sums of the ledger, and how far it is folded into them. Of the rows that are there nothing is folded
//! yet: summaries read them from the ledger until background work has come to them.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/12_usage_daily/tables.sql");
const POSTGRES: &str = include_str!("../sql/12_usage_daily/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/12_usage_daily/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/12_usage_daily/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/12_usage_daily/sqlite_down.sql");

/// Work across tenants finds those whose ledger is to be folded. Whoever adds to the ledger notes what is late.
const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("usage_folds", "SELECT, INSERT, UPDATE", "SELECT"),
    TableAccess::of_tenant("usage_late", "SELECT, INSERT, DELETE", "SELECT, INSERT"),
    TableAccess::of_tenant("usage_daily", "SELECT, INSERT, DELETE", ""),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::keep_updated_at(manager, &["usage_folds"]).await?;
        access::grant(manager, ACCESS).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_DOWN, SQLITE_DOWN).await?;
        sql::drop_tables(manager, &["usage_daily", "usage_late", "usage_folds"]).await
    }
}
