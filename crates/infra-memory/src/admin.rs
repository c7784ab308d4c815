//! The installation, the audit log, jobs and idempotency keys.

mod audit;
mod idempotency;
mod installation;
mod jobs;
