//! The hits of a search stand in its row.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/13_hits_in_runs/changes.sql");
const DOWN: &str = include_str!("../sql/13_hits_in_runs/down.sql");
const ACCESS_BEFORE: &[TableAccess] =
    &[TableAccess::of_tenant("retrieval_hits", "SELECT, INSERT, UPDATE, DELETE", "SELECT")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, DOWN).await?;
        access::grant(manager, ACCESS_BEFORE).await
    }
}
