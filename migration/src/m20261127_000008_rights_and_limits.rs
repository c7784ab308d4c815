//! System roles store no rights; a source has one live job; a user's running answers are counted
//! under a lock.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/8_rights_and_limits/changes.sql");
const POSTGRES: &str = include_str!("../sql/8_rights_and_limits/postgres.sql");
const DOWN: &str = include_str!("../sql/8_rights_and_limits/down.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await?;
        sql::run_own(manager, POSTGRES, "").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, DOWN).await
    }
}
