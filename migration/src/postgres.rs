//! What PostgreSQL needs beside tables: roles, the extension, and one property of a function.
//!
//! The logins of a running program own nothing and are members of roles WITH INHERIT FALSE, SET TRUE: by
//! itself a login may do nothing, and takes on a role. There may be a login for each role, or one for all.
//! [`prepare`] makes all that once, as superuser.

use sea_orm_migration::{DbErr, sea_orm::RuntimeErr};

mod prepare;

pub use prepare::{Login, Prepared, prepare};

/// Owns every table. Migrations act as it; row-level security is forced, so it binds it too.
pub const OWNER: &str = "banyan_owner";
/// Reads and writes the rows of one tenant at a time.
pub const APP: &str = "banyan_app";
/// Works across tenants, on the tables and columns that such work needs.
pub const JOBS: &str = "banyan_jobs";
/// Owns the look-ups before a tenant is known, and reads what they need. No login takes it: the owner, who
/// makes these functions, has its rights.
pub const SIGN_IN: &str = "banyan_sign_in";

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
