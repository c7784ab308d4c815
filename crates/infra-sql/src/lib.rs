//! The repositories for SQL, written once and generic over the connection.
//!
//! A backend brings a [`SqlBackend`]: a connection inside a transaction, and its index of chunks.
//! [`SqlRepos`] is then its unit of work. Rows are private to this crate; they become entities by
//! exhaustive destructuring, so that a new column breaks the build in one place.
//!
//! # Conventions
//! - Every query names the tenant itself, on PostgreSQL too: the policies are the second wall.
//! - One statement per call wherever that is possible; every value is bound.
//! - Only `dialect.rs` asks which database it is.

mod admin;
mod conversations;
mod dialect;
mod error;
mod identity;
mod knowledge;
mod page;
pub mod readable;
mod repos;
mod sql;
mod tenancy;
mod usage;
mod values;

use async_trait::async_trait;
use domain::{
    access::Scope,
    gateways::ChunkIndex,
    store::{Mode, StoreError},
};
use sea_orm::ConnectionTrait;

pub use self::{
    dialect::{record_call_at_once, recorded_price},
    error::store_error,
    repos::SqlRepos,
    sql::Sql,
};

/// A backend's connection inside a unit of work.
///
/// Dropping it rolls back. It need not watch for failed statements or for writes in
/// [`Mode::Read`]: [`SqlRepos`] does, for its index of chunks too.
#[async_trait]
pub trait SqlBackend: ConnectionTrait + ChunkIndex + Send + Sync + Sized + 'static {
    /// The scope that the unit of work was begun with.
    fn scope(&self) -> &Scope;

    /// Whether it may write.
    fn mode(&self) -> Mode;

    /// Makes everything durable.
    ///
    /// # Errors
    /// As [`domain::store::Tx::commit`].
    async fn commit(self) -> Result<(), StoreError>;

    /// Undoes everything.
    ///
    /// # Errors
    /// As [`domain::store::Tx::rollback`].
    async fn rollback(self) -> Result<(), StoreError>;
}
