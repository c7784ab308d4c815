//! What PostgreSQL needs beside tables: roles, the extension, and one property of a function.
//!
//! The login of a running program owns nothing and is a member of three roles WITH INHERIT FALSE, SET
//! TRUE: by itself it may do nothing, and takes on one of them. [`prepare`] makes all that once, as
//! superuser.

use sea_orm_migration::{DbErr, sea_orm::RuntimeErr};

mod prepare;

pub use prepare::{Prepared, prepare};

/// Owns every table. Migrations act as it; row-level security is forced, so it binds it too.
pub const OWNER: &str = "banyan_owner";
/// Reads and writes the rows of one tenant at a time.
pub const APP: &str = "banyan_app";
/// Works across tenants, on the tables that such work needs.
pub const JOBS: &str = "banyan_jobs";

pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
pub(crate) const UNDEFINED_OBJECT: &str = "42704";
pub(crate) const INVALID_PARAMETER: &str = "22023";
pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Whether the database reported this SQLSTATE.
pub(crate) fn has_state(error: &DbErr, state: &str) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == state)
}
