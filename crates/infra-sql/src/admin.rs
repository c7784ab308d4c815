//! The installation, the audit log, background jobs and idempotency keys.

mod audit;
mod idempotency;
mod installation;
mod jobs;
pub(crate) mod rows;
