//! Storage on PostgreSQL (16 or newer, with pgvector 0.8 or newer).
//!
//! A login owns nothing. Migrations run as `banyan_owner`, tenants are served as `banyan_app` behind
//! row-level security, work across tenants runs as `banyan_jobs` in a pool of its own: each by a login of its
//! own, or all by one ([`PostgresUrls`]).

mod boot;
mod error;
mod index;
mod lease;
mod migrate;
mod options;
mod pool;
mod store;
mod unit;
mod urls;
mod wakeups;
mod writers;

pub use migration::postgres::Prepared;

pub use crate::{
    error::PostgresError,
    migrate::{MigrationState, migrate_down, migrate_status, migrate_up, prepare},
    options::PostgresOptions,
    pool::{ConnectionPool, Connections},
    store::PostgresStore,
    unit::PostgresUnit,
    urls::PostgresUrls,
    wakeups::PostgresWakeups,
};
