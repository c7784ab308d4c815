//! Words of every script, cut by the program.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    chunk_words, sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES: &str = include_str!("../sql/23_words/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/23_words/postgres_down.sql");
const POSTGRES_WORDS_BEFORE: &str = include_str!("../sql/3_knowledge/postgres_words.sql");
const SQLITE: &str = include_str!("../sql/23_words/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/23_words/sqlite_down.sql");

const ACCESS: &[TableAccess] = &[TableAccess::of_tenant("chunk_words", "SELECT, INSERT, DELETE", "")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES, SQLITE).await?;
        access::grant(manager, ACCESS).await?;
        chunk_words::index_again(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_WORDS_BEFORE, "").await?;
        sql::run_own(manager, POSTGRES_DOWN, SQLITE_DOWN).await
    }
}
