//! What can be measured of the application below HTTP. Names begin with `banyan_`; times are in
//! seconds; labels take few values, whatever clients send.
//!
//! | metric | labels | what it measures |
//! |---|---|---|
//! | `banyan_provider_call_seconds` | `operation` (`chat`, `embed`), `provider`, `model`, `outcome` | a call from its beginning to the end of its stream; `outcome` is `completed`, `cancelled` or the code of the error |
//! | `banyan_provider_first_token_seconds` | `provider`, `model` | the time until a model said something |
//! | `banyan_jobs_due`, `banyan_jobs_running` | | jobs that a worker could take now, and that one works on (each up to 10,000) |
//! | `banyan_jobs_oldest_due_seconds` | | how long the oldest due job waits; 0 when none does |
//! | `banyan_job_wait_seconds` | | how long a job was due when a worker took it |
//! | `banyan_streams_running` | | answers that are being written in this process |
//! | `banyan_password_hashes_waiting` | | sign-ins of this process that wait for a core |
//! | `banyan_tasks_running` | | tasks of this process that a shutdown waits for |
//!
//! Each call is also a span, `provider.chat` or `provider.embed`, below the span of its request, turn or job (`job`,
//! with `waited_seconds`).

mod calls;
mod gauges;

pub(crate) use calls::{chat, embed};
pub(crate) use gauges::job;
