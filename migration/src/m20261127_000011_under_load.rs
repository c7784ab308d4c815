//! What a turn need not write: indexes that serve no query, new index entries of rows that it changes; and
//! running answers are counted by API key.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/11_under_load/changes.sql");
const POSTGRES: &str = include_str!("../sql/11_under_load/postgres.sql");
const DOWN: &str = include_str!("../sql/11_under_load/down.sql");
/// The function of before.
const POSTGRES_DOWN: &str = include_str!("../sql/8_rights_and_limits/postgres.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await?;
        sql::run_own(manager, POSTGRES, "").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, DOWN).await?;
        sql::run_own(manager, POSTGRES_DOWN, "").await
    }
}
