//! The installation, the audit log, jobs, idempotency keys.

pub mod audit;
pub mod idempotency;
pub mod installation;
pub mod jobs;
pub mod leases;

use domain::{admin::Job, identity::User};

use crate::World;

/// A job that is due now, about a source of the user. The source is stored, the job is not.
async fn job(world: &World, user: &User) -> Job {
    world.make.job(&world.source(user).await)
}
