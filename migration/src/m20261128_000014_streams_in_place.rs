//! The row of a stream, which every flush changes, is changed in place; what runs is counted among what runs.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/14_streams_in_place/changes.sql");
const DOWN: &str = include_str!("../sql/14_streams_in_place/down.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, DOWN).await
    }
}
