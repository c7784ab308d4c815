//! Collections, sources, their versions, chunks, and the index of chunks: vectors and words.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TABLES: &str = include_str!("../sql/3_knowledge/tables.sql");
const POSTGRES_WORDS: &str = include_str!("../sql/3_knowledge/postgres_words.sql");
const POSTGRES: &str = include_str!("../sql/3_knowledge/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/3_knowledge/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/3_knowledge/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/3_knowledge/sqlite_down.sql");

/// Chunks and vectors never change: they are added and removed. Work across tenants only looks.
const ACCESS: &[TableAccess] = &[
    TableAccess::of_tenant("collections", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("sources", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("source_versions", "SELECT, INSERT, UPDATE, DELETE", "SELECT"),
    TableAccess::of_tenant("chunks", "SELECT, INSERT, DELETE", "SELECT"),
    TableAccess::of_tenant("chunk_embeddings", "SELECT, INSERT, DELETE", "SELECT"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_WORDS, "").await?;
        sql::run(manager, TABLES).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await?;
        sql::keep_updated_at(manager, &["collections", "sources", "source_versions"]).await?;
        access::grant(manager, ACCESS).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, "", SQLITE_DOWN).await?;
        let tables = ["chunk_embeddings", "chunks", "source_versions", "sources", "collections"];
        sql::drop_tables(manager, &tables).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
