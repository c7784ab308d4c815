//! The schema of both SQL backends: one migrator for SQLite and PostgreSQL, up and down.
//!
//! [`up`], [`down`] and [`status`] are what programs call. On PostgreSQL they act as
//! [`postgres::OWNER`], which [`postgres::prepare`] makes, in one transaction under an advisory lock:
//! of several that start at once one migrates, the others wait and find nothing left to do, and a
//! process that dies leaves nothing half done. On SQLite the write lock of an immediate transaction
//! does the same.
//!
//! # Conventions
//! - Columns have the names of the domain's fields. Types are the same words for both databases,
//!   written out by one table (`sql.rs`): ids are `uuid` and 16-byte blobs, times are `timestamptz`
//!   and RFC 3339 text, JSON is `jsonb` and text. `i32` of the domain is `integer`, every other whole
//!   number is `bigint`.
//! - Keys inside a tenant are composite and start with `tenant_id`, those that tell who did something
//!   (`usage_logs.user_id`, `audit_logs.user_id`, `jobs.user_id` …) as well. A superadmin, who has no
//!   tenant, stands in a column of its own (`audit_logs.superadmin_id`).
//! - Where a deletion clears a reference, PostgreSQL does it by `ON DELETE SET NULL (column)` and
//!   SQLite, which has no list of columns there, by a trigger.
//! - `updated_at` is set by a trigger where a statement left it as it was.
//! - A refused step is a check violation that names its constraint on PostgreSQL
//!   (`messages_status_step`), and on SQLite the error of a trigger (`SQLITE_CONSTRAINT_TRIGGER`)
//!   whose message starts with the same name.

use sea_orm_migration::prelude::*;

mod access;
pub mod chunk_words;
mod error;
mod m20261121_000001_tenancy;
mod m20261121_000002_identity;
mod m20261121_000003_knowledge;
mod m20261121_000004_conversations;
mod m20261121_000005_retrieval;
mod m20261121_000006_usage;
mod m20261121_000007_administration;
mod m20261127_000008_rights_and_limits;
mod m20261127_000009_social_links;
mod m20261127_000010_events_kept;
mod m20261127_000011_under_load;
mod m20261127_000012_usage_daily;
mod m20261127_000013_hits_in_runs;
mod m20261128_000014_streams_in_place;
mod m20261128_000015_versions;
mod m20261128_000016_keys_of_keys;
mod m20261128_000017_three_logins;
mod m20261128_000018_email_per_tenant;
mod m20261128_000019_quotas;
mod m20261128_000020_usage_daily_totals;
mod m20261128_000021_people_of_the_tenant;
mod m20261128_000022_charsets;
mod m20261128_000023_words;
mod new_tables;
pub mod postgres;
mod prices;
mod run;
mod sql;

pub use error::MigrateError;
pub use run::{MigrationState, down, status, up};

/// All migrations, in order.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_tenancy::Migration),
            Box::new(m20261121_000002_identity::Migration),
            Box::new(m20261121_000003_knowledge::Migration),
            Box::new(m20261121_000004_conversations::Migration),
            Box::new(m20261121_000005_retrieval::Migration),
            Box::new(m20261121_000006_usage::Migration),
            Box::new(m20261121_000007_administration::Migration),
            Box::new(m20261127_000008_rights_and_limits::Migration),
            Box::new(m20261127_000009_social_links::MIGRATION),
            Box::new(m20261127_000010_events_kept::Migration),
            Box::new(m20261127_000011_under_load::Migration),
            Box::new(m20261127_000012_usage_daily::Migration),
            Box::new(m20261127_000013_hits_in_runs::Migration),
            Box::new(m20261128_000014_streams_in_place::Migration),
            Box::new(m20261128_000015_versions::Migration),
            Box::new(m20261128_000016_keys_of_keys::Migration),
            Box::new(m20261128_000017_three_logins::Migration),
            Box::new(m20261128_000018_email_per_tenant::Migration),
            Box::new(m20261128_000019_quotas::Migration),
            Box::new(m20261128_000020_usage_daily_totals::Migration),
            Box::new(m20261128_000021_people_of_the_tenant::Migration),
            Box::new(m20261128_000022_charsets::Migration),
            Box::new(m20261128_000023_words::Migration),
        ]
    }
}

/// The names of all migrations, in order.
pub fn names() -> impl Iterator<Item = String> {
    Migrator::migrations().into_iter().map(|migration| migration.name().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A name that is not the file's, or stands twice, would make a migration that is never run.
    #[test]
    fn every_migration_has_the_name_of_its_file() {
        let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
        let stems = files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned());
        let mut stems: Vec<String> = stems.filter(|stem| stem.starts_with("m2")).collect();
        stems.sort();
        let names: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
        assert_eq!(names, stems);
    }
}
