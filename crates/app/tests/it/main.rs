//! The use cases on the memory backend, with a clock and ids that the tests decide.

#![expect(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panics")]

mod support;

mod api_keys;
mod branches;
mod completion;
mod embeddings;
mod endings;
mod flush;
mod idempotency;
mod ingestion;
mod links;
mod measure;
mod quotas;
mod reconcile;
mod refused;
mod rights;
mod search;
mod sessions;
mod set_up;
mod tokens;
mod turn;
mod upload;
mod usage;
