//! What tells who did something refers to a user of the tenant; who acts from outside has a column of its own.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const CHANGES: &str = include_str!("../sql/21_people_of_the_tenant/changes.sql");
const POSTGRES: &str = include_str!("../sql/21_people_of_the_tenant/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/21_people_of_the_tenant/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/21_people_of_the_tenant/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/21_people_of_the_tenant/sqlite_down.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, CHANGES).await?;
        sql::run_own(manager, POSTGRES, SQLITE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_DOWN, SQLITE_DOWN).await
    }
}
