//! Tenants, for the superadmin.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod handlers;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/api/v1/tenants", || web::to(handlers::list)),
        endpoint(Method::POST, "/api/v1/tenants", || web::to(handlers::create)),
    ]
}
