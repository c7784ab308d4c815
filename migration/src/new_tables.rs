//! A migration that only adds tables.

use sea_orm_migration::prelude::*;

use crate::{
    access::{self, TableAccess},
    sql,
};

/// Tables that both databases build from one text.
pub(crate) struct NewTables {
    /// Its module, `module_path!()`, whose last part is the migration's name.
    pub(crate) module: &'static str,
    pub(crate) sql: &'static str,
    /// Each table with its rights, what is referred to before what refers to it.
    pub(crate) access: &'static [TableAccess],
    /// Those with `updated_at`.
    pub(crate) updated: &'static [&'static str],
}

impl MigrationName for NewTables {
    fn name(&self) -> &str {
        self.module.rsplit("::").next().unwrap_or(self.module)
    }
}

#[async_trait::async_trait]
impl MigrationTrait for NewTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        sql::run(manager, self.sql).await?;
        sql::keep_updated_at(manager, self.updated).await?;
        access::grant(manager, self.access).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables: Vec<_> = self.access.iter().rev().map(|access| access.table).collect();
        sql::drop_tables(manager, &tables).await
    }
}
