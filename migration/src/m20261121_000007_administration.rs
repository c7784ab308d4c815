//! The audit log, background jobs, and answers kept for repeated requests.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/7_administration/tables.sql");
const POSTGRES: &str = include_str!("../sql/7_administration/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/7_administration/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/7_administration/sqlite.sql");

/// Jobs are claimed, and expired keys forgotten, across tenants.
const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("audit_logs", "SELECT, INSERT", "SELECT, INSERT"),
    TableAccess::of_tenant("jobs", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE"),
    TableAccess::of_tenant("idempotency_keys", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await?;
        sql::keep_updated_at(manager, &["jobs", "idempotency_keys"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["idempotency_keys", "jobs", "audit_logs"]).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
