//! The rows of the context, one table a file, and how they become entities.

pub(crate) mod audit_logs;
pub(crate) mod idempotency_keys;
pub(crate) mod jobs;
