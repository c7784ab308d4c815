//! Conversations, their trees of messages, and the streams that answers are written by.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/4_conversations/tables.sql");
const POSTGRES: &str = include_str!("../sql/4_conversations/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/4_conversations/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/4_conversations/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/4_conversations/sqlite_down.sql");

/// Work across tenants takes over and ends streams whose pump is gone.
const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("conversations", "SELECT, INSERT, UPDATE, DELETE", "SELECT, UPDATE"),
    TableAccess::of_tenant("conversation_collections", "SELECT, INSERT, DELETE", "SELECT"),
    TableAccess::of_tenant("messages", "SELECT, INSERT, UPDATE, DELETE", "SELECT, UPDATE"),
    TableAccess::of_tenant("streams", "SELECT, INSERT, UPDATE, DELETE", "SELECT, UPDATE"),
    TableAccess::of_tenant("stream_events", "SELECT, INSERT, DELETE", "SELECT, INSERT, DELETE"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await?;
        sql::keep_updated_at(manager, &["conversations", "messages", "streams"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, "", SQLITE_DOWN).await?;
        let tables = ["stream_events", "streams", "conversation_collections", "conversations", "messages"];
        sql::drop_tables(manager, &tables).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
