//! Setup, sign-in, the own account, API keys, users.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod handlers;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v1/setup", || web::to(handlers::set_up)),
        endpoint(Method::POST, "/api/v1/auth/login", || web::to(handlers::login)),
        endpoint(Method::POST, "/api/v1/auth/refresh", || web::to(handlers::refresh)),
        endpoint(Method::POST, "/api/v1/auth/logout", || web::to(handlers::logout)),
        endpoint(Method::GET, "/api/v1/me", || web::to(handlers::profile)),
        endpoint(Method::PATCH, "/api/v1/me", || web::to(handlers::change_profile)),
        endpoint(Method::GET, "/api/v1/me/api-keys", || web::to(handlers::list_api_keys)),
        endpoint(Method::POST, "/api/v1/me/api-keys", || web::to(handlers::create_api_key)),
        endpoint(Method::DELETE, "/api/v1/me/api-keys/{api_key_id}", || web::to(handlers::revoke_api_key)),
        endpoint(Method::GET, "/api/v1/users", || web::to(handlers::list_users)),
        endpoint(Method::POST, "/api/v1/users", || web::to(handlers::create_user)),
    ]
}
