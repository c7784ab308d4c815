//! Who may touch which rows on PostgreSQL: row-level security and grants.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::postgres::{APP, JOBS};

/// The rights to one table. The grants are lists of SQL privileges; an empty one grants nothing.
pub(crate) struct TableAccess {
    pub(crate) table: &'static str,
    /// The column that a row's tenant stands in; `None`: the table belongs to the installation.
    pub(crate) tenant_column: Option<&'static str>,
    /// What the application may do to the rows of its tenant.
    pub(crate) app: &'static str,
    /// What work across tenants may do.
    pub(crate) jobs: &'static str,
}

impl TableAccess {
    /// A table with a `tenant_id`.
    pub(crate) const fn of_tenant(table: &'static str, app: &'static str, jobs: &'static str) -> Self {
        Self { table, tenant_column: Some("tenant_id"), app, jobs }
    }

    /// The policies are written out: as a sub-select the planner could not see the value, and it
    /// estimates badly. No context means no row. The security is forced, so it binds the owner too.
    fn sql(&self) -> String {
        let Self { table, tenant_column, app, jobs } = self;
        let mut sql = String::new();
        if let Some(column) = tenant_column {
            let own = format!("{column} = nullif(current_setting('app.tenant_id', true), '')::uuid");
            sql += &format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;\n\
                 CREATE POLICY {table}_tenant ON {table} FOR ALL TO {APP} USING ({own}) WITH CHECK ({own});\n\
                 CREATE POLICY {table}_jobs ON {table} FOR ALL TO {JOBS} USING (true) WITH CHECK (true);\n"
            );
        }
        for (role, privileges) in [(APP, app), (JOBS, jobs)] {
            if !privileges.is_empty() {
                sql += &format!("GRANT {privileges} ON {table} TO {role};\n");
            }
        }
        sql
    }
}

/// Applies the rights; SQLite has none.
pub(crate) async fn grant(manager: &SchemaManager<'_>, tables: &[TableAccess]) -> Result<(), DbErr> {
    if manager.get_database_backend() == DbBackend::Postgres {
        let sql: String = tables.iter().map(TableAccess::sql).collect();
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
