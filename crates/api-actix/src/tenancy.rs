//! Tenants, for the superadmin.

pub(crate) mod dto;
mod handlers;

pub(crate) use handlers::*;
