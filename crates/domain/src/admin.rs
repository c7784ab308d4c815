//! The installation, the audit log, background jobs and idempotency keys.

pub mod audit;
pub mod idempotency;
pub mod installation;
pub mod job;

pub use audit::{AuditLog, AuditRepo};
pub use idempotency::{IdempotencyRecord, IdempotencyRepo, KeptAnswer};
pub use installation::{Installation, InstallationRepo};
pub use job::{Job, JobBacklog, JobFailure, JobKind, JobLease, JobRepo, JobState};
