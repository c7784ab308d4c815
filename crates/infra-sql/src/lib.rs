//! The repositories for SQL, written once and generic over the connection.
//!
//! A backend brings a [`SqlBackend`]: a connection inside a transaction, and its index of chunks.
//! [`SqlRepos`] is then its unit of work. Rows are SeaORM's, private to this crate;
//! `mapping!` makes them entities, so that a new column breaks the build in one place.
//!
//! # Conventions
//! - A statement meets its scope before a gate runs it, on PostgreSQL too: the policies are the second
//!   wall. `scope.rs` is where it does; the type [`Sql`] keeps what has not from being run.
//! - Plain reads and writes are SeaORM's typed queries (`typed.rs`); statements whose plan or atomicity
//!   matters are SQL text. Both pass the gates in `repos.rs`.
//! - One statement per call wherever that is possible; every value is bound.
//! - Only `dialect.rs` asks which database it is.

mod admin;
mod admission;
mod conversations;
mod dialect;
mod error;
mod identity;
mod index;
mod knowledge;
mod later;
mod mapping;
mod measure;
mod page;
mod prelude;
pub mod readable;
mod repos;
mod scope;
mod sql;
mod tenancy;
mod typed;
mod usage;
mod values;
mod writes;

use async_trait::async_trait;
use domain::{
    access::Scope,
    gateways::ChunkIndex,
    store::{Mode, StoreError},
};
use sea_orm::ConnectionTrait;

pub use self::{
    admission::{Admission, Admitted},
    conversations::append_by_tenant,
    dialect::{record_call_at_once, recorded_price},
    error::store_error,
    index::{
        Best, IndexMemory, IndexQuestion, Scored, UnindexedChunk, VectorIndex, chunks_to_index, cosine, search_vectors,
        search_words,
    },
    measure::{POOL_WAIT_SECONDS, STATEMENT_SECONDS},
    repos::SqlRepos,
    sql::{Met, Open, Sql},
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
