//! The installation, the audit log, jobs, idempotency keys.

pub mod audit;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod leases;
