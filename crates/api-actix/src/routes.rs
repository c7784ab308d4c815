//! The one table of access: every route with what it asks for. The server does not start with a
//! route that is not here; the OpenAPI document and the authorisation tests come from it too.

use actix_web::http::Method;
use domain::access::Permission;

use crate::Endpoint;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: there is nothing to see or do without more.
    Public,
    /// The one-time setup token, a password or a refresh token in the body.
    OwnCredential,
    /// A signed-in actor.
    SignedIn,
    /// A signed-in actor with this permission.
    Needs(Permission),
}

use Access::{Needs, OwnCredential, Public, SignedIn};
use Permission as P;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Every route with its access.
pub const ACCESS: &[(Method, &str, Access)] = &[
    (GET, "/", Public),
    (GET, "/livez", Public),
    (GET, "/readyz", Public),
    (GET, "/api/openapi.json", Public),
    (GET, "/api/v1/version", Public),
    (GET, "/api/v1/setup", Public),
    (GET, "/api/v1/setup/form.js", Public),
    (POST, "/api/v1/setup", OwnCredential),
    (POST, "/api/v1/auth/login", OwnCredential),
    (POST, "/api/v1/auth/refresh", OwnCredential),
    (POST, "/api/v1/auth/logout", SignedIn),
    (GET, "/api/v1/me", Needs(P::ProfileRead)),
    (PATCH, "/api/v1/me", Needs(P::ProfileWrite)),
    (GET, "/api/v1/me/api-keys", Needs(P::ApiKeysRead)),
    (POST, "/api/v1/me/api-keys", Needs(P::ApiKeysWrite)),
    (DELETE, "/api/v1/me/api-keys/{api_key_id}", Needs(P::ApiKeysWrite)),
    (GET, "/api/v1/tenants", Needs(P::TenantsRead)),
    (POST, "/api/v1/tenants", Needs(P::TenantsWrite)),
    (GET, "/api/v1/users", Needs(P::UsersRead)),
    (POST, "/api/v1/users", Needs(P::UsersWrite)),
    (GET, "/api/v1/collections", Needs(P::KnowledgeRead)),
    (POST, "/api/v1/collections", Needs(P::KnowledgeWrite)),
    (GET, "/api/v1/collections/{collection_id}", Needs(P::KnowledgeRead)),
    (GET, "/api/v1/collections/{collection_id}/sources", Needs(P::KnowledgeRead)),
    (POST, "/api/v1/collections/{collection_id}/sources", Needs(P::KnowledgeWrite)),
    (GET, "/api/v1/sources/{source_id}", Needs(P::KnowledgeRead)),
    (POST, "/api/v1/sources/{source_id}/retry", Needs(P::KnowledgeWrite)),
    (POST, "/api/v1/search", Needs(P::KnowledgeRead)),
    (GET, "/api/v1/conversations", Needs(P::ConversationsRead)),
    (POST, "/api/v1/conversations", Needs(P::ConversationsWrite)),
    (GET, "/api/v1/conversations/{conversation_id}", Needs(P::ConversationsRead)),
    (GET, "/api/v1/conversations/{conversation_id}/messages", Needs(P::ConversationsRead)),
    (POST, "/api/v1/conversations/{conversation_id}/messages", Needs(P::ConversationsWrite)),
    (POST, "/api/v1/conversations/{conversation_id}/messages/{message_id}/edit", Needs(P::ConversationsWrite)),
    (POST, "/api/v1/conversations/{conversation_id}/messages/{message_id}/regenerate", Needs(P::ConversationsWrite)),
    (POST, "/api/v1/conversations/{conversation_id}/messages/{message_id}/switch", Needs(P::ConversationsWrite)),
    (GET, "/api/v1/conversations/{conversation_id}/usage", Needs(P::UsageRead)),
    (GET, "/api/v1/conversations/{conversation_id}/stream", Needs(P::ConversationsRead)),
    (GET, "/api/v1/streams/{stream_id}/events", Needs(P::ConversationsRead)),
    (POST, "/api/v1/streams/{stream_id}/stop", Needs(P::ConversationsWrite)),
    (GET, "/api/v1/usage/summary", Needs(P::UsageRead)),
    (GET, "/v1/models", Needs(P::ModelsUse)),
    (GET, "/v1/models/{model:.*}", Needs(P::ModelsUse)),
    (POST, "/v1/chat/completions", Needs(P::ModelsUse)),
    (POST, "/v1/embeddings", Needs(P::ModelsUse)),
];

/// A route and the table disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnlistedRoute {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The table names it, but nothing answers it (otherwise the other way round).
    pub without_endpoint: bool,
}

impl std::fmt::Display for UnlistedRoute {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { method, path, without_endpoint } = self;
        if *without_endpoint {
            write!(f, "the table of access lists {method} {path}, but nothing answers it")
        } else {
            write!(f, "{method} {path} is not in the table of access; add it there with the permission that it needs")
        }
    }
}

impl std::error::Error for UnlistedRoute {}

/// The access of a route.
pub(crate) fn access_of(method: &Method, path: &str) -> Option<Access> {
    ACCESS.iter().find(|(m, p, _)| m == method && *p == path).map(|(.., access)| *access)
}

/// Checks that endpoints and table are the same set.
pub(crate) fn check(endpoints: &[Endpoint]) -> Result<(), UnlistedRoute> {
    for endpoint in endpoints {
        if access_of(&endpoint.method, endpoint.path).is_none() {
            let path = endpoint.path.to_owned();
            return Err(UnlistedRoute { method: endpoint.method.clone(), path, without_endpoint: false });
        }
    }
    for (method, path, _) in ACCESS {
        if !endpoints.iter().any(|endpoint| endpoint.method == method && endpoint.path == *path) {
            return Err(UnlistedRoute { method: method.clone(), path: (*path).to_owned(), without_endpoint: true });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use actix_web::{HttpResponse, web};

    use super::*;
    use crate::endpoint::{all, endpoint};

    #[test]
    fn every_endpoint_is_in_the_table_and_the_other_way_round() {
        assert_eq!(check(&all()), Ok(()));
    }

    #[test]
    fn s02_an_unlisted_route_is_refused() {
        let mut endpoints = all();
        endpoints.push(endpoint(GET, "/api/v1/backdoor", || web::to(HttpResponse::Ok)));
        assert_eq!(check(&endpoints).unwrap_err().path, "/api/v1/backdoor");
        let error = check(&all()[1..]).unwrap_err();
        assert!(error.without_endpoint);
    }
}
