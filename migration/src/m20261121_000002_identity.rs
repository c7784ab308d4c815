//! Users, roles, sessions and keys; on PostgreSQL also the look-ups before a tenant is known.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/2_identity/tables.sql");
const POSTGRES: &str = include_str!("../sql/2_identity/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/2_identity/postgres_down.sql");

/// Superadmins, who have no tenant, are made and sign in across tenants.
const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("users", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE"),
    TableAccess::of_tenant("roles", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("user_roles", "SELECT, INSERT, DELETE", "SELECT"),
    TableAccess::of_tenant("sessions", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE"),
    TableAccess::of_tenant("refresh_tokens", "SELECT, INSERT, UPDATE, DELETE", "SELECT, INSERT, UPDATE, DELETE"),
    TableAccess::of_tenant("api_keys", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, "").await?;
        sql::keep_updated_at(manager, &["users", "roles", "sessions", "refresh_tokens", "api_keys"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_DOWN, "").await?;
        let tables = ["api_keys", "refresh_tokens", "sessions", "user_roles", "roles", "users"];
        sql::drop_tables(manager, &tables).await
    }
}
