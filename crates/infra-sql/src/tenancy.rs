//! Tenants.

mod repo;
mod rows;
