//! Links of tenants to their pages elsewhere.

use crate::{access::TableAccess, new_tables::NewTables};

pub(crate) const MIGRATION: NewTables = NewTables {
    module: module_path!(),
    sql: include_str!("../sql/9_social_links/tables.sql"),
    access: &[TableAccess::of_tenant("social_links", "SELECT, INSERT, DELETE", "SELECT")],
    updated: &["social_links"],
};
