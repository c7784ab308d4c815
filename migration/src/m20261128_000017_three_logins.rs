//! Rights that hold against more than a forgotten predicate: passwords are not read, look-ups before sign-in
//! have a role of their own, work across tenants reads columns, set-up stays done.

use sea_orm_migration::prelude::*;

use crate::sql;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const POSTGRES: &str = include_str!("../sql/17_three_logins/postgres.sql");
const POSTGRES_DOWN: &str = include_str!("../sql/17_three_logins/postgres_down.sql");
const SQLITE: &str = include_str!("../sql/17_three_logins/sqlite.sql");
const SQLITE_DOWN: &str = include_str!("../sql/17_three_logins/sqlite_down.sql");
/// The look-ups of before, with their policies.
const LOOK_UPS_BEFORE: &str = include_str!("../sql/2_identity/postgres.sql");

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES, SQLITE).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run_own(manager, POSTGRES_DOWN, SQLITE_DOWN).await?;
        sql::run_own(manager, LOOK_UPS_BEFORE, "").await
    }
}
