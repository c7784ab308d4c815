//! The installation and its tenants.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/1_tenancy/tables.sql");
const POSTGRES: &str = include_str!("../sql/1_tenancy/postgres.sql");

/// A tenant is written in the scope of its own id. Superadmins list tenants across them.
const ACCESS: &[TableAccess] = &[
    TableAccess { table: "installation", tenant_column: None, app: "SELECT, UPDATE", jobs: "SELECT, UPDATE" },
    TableAccess { table: "tenants", tenant_column: Some("id"), app: "SELECT, INSERT, UPDATE", jobs: "SELECT" },
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, "").await?;
        sql::keep_updated_at(manager, &["installation", "tenants"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::drop_tables(manager, &["installation", "tenants"]).await?;
        sql::run_own(manager, "DROP FUNCTION set_updated_at()", "").await
    }
}
