//! Searches, what they found, and what was quoted of it.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/5_retrieval/tables.sql");
const SQLITE: &str = include_str!("../sql/5_retrieval/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/5_retrieval/sqlite_down.sql");

const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("retrieval_runs", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("retrieval_hits", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("citations", "SELECT, INSERT, DELETE", "SELECT"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, "", SQLITE).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, "", SQLITE_DOWN).await?;
        sql::drop_tables(manager, &["citations", "retrieval_hits", "retrieval_runs"]).await
    }
}
