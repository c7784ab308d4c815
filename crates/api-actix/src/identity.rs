//! Setup, sign-in, the own account, API keys, users.

use actix_web::{http::Method, web};

use crate::{Endpoint, endpoint::endpoint};

pub(crate) mod dto;
pub(crate) mod handlers;

pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST, "/api/v1/setup", || web::post().to(handlers::set_up)),
        endpoint(Method::POST, "/api/v1/auth/login", || web::post().to(handlers::login)),
        endpoint(Method::POST, "/api/v1/auth/refresh", || web::post().to(handlers::refresh)),
        endpoint(Method::POST, "/api/v1/auth/logout", || web::post().to(handlers::logout)),
        endpoint(Method::GET, "/api/v1/me", || web::get().to(handlers::profile)),
        endpoint(Method::PATCH, "/api/v1/me", || web::patch().to(handlers::change_profile)),
        endpoint(Method::GET, "/api/v1/me/api-keys", || web::get().to(handlers::list_api_keys)),
        endpoint(Method::POST, "/api/v1/me/api-keys", || web::post().to(handlers::create_api_key)),
        endpoint(Method::DELETE, "/api/v1/me/api-keys/{api_key_id}", || web::delete().to(handlers::revoke_api_key)),
        endpoint(Method::GET, "/api/v1/users", || web::get().to(handlers::list_users)),
        endpoint(Method::POST, "/api/v1/users", || web::post().to(handlers::create_user)),
    ]
}
