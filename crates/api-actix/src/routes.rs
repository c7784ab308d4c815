//! The one list of routes: method, path, access, body and handler of each, in one line. The router with its guards and
//! limits, the `Allow` of each path, the OpenAPI document and the tests come from it; nothing else is mounted.

use domain::access::Permission as P;

use crate::{
    conversations, health, identity, knowledge, openapi, pages,
    route::{
        Access::{Needs, OwnCredential, Public, SignedIn},
        Body::{Form, Json},
        Route, page, route,
    },
    tenancy, usage, v1 as openai,
};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Every route.
#[rustfmt::skip] // one line each
pub static ROUTES: &[Route] = &[
    page! (GET,    "/",                                 Public, pages::start),
    route!(GET,    "/api/v1/setup",                     Public, pages::show_setup),
    page! (GET,    "/api/v1/setup/form.js",             Public, pages::setup_script),
    page! (GET,    "/api/docs",                         Public, openapi::to_reference),
    page! (GET,    "/api/docs/{file:.*}",               Public, openapi::reference),
    page! (GET,    "/api/openapi.json",                 Public, openapi::json),

    page! (GET,    "/health",                           Public, health::check_live),
    route!(GET,    "/livez",                            Public, health::check_live),
    route!(GET,    "/readyz",                           Public, health::check_ready),
    route!(GET,    "/api/v1/version",                   Public, health::get_version),

    route!(POST,   "/api/v1/setup",                     OwnCredential, Json(8 * KIB), identity::set_up),
    route!(POST,   "/api/v1/auth/login",                OwnCredential, Json(8 * KIB), identity::login),
    route!(POST,   "/api/v1/auth/refresh",              OwnCredential, Json(8 * KIB), identity::refresh),
    route!(POST,   "/api/v1/auth/logout",               SignedIn, identity::logout),
    route!(GET,    "/api/v1/me",                        Needs(P::ProfileRead), identity::get_profile),
    route!(PATCH,  "/api/v1/me",                        Needs(P::ProfileWrite), Json(8 * KIB), identity::change_profile),
    route!(GET,    "/api/v1/me/api-keys",               Needs(P::ApiKeysRead), identity::list_api_keys),
    route!(POST,   "/api/v1/me/api-keys",               Needs(P::ApiKeysWrite), Json(8 * KIB), identity::create_api_key),
    route!(DELETE, "/api/v1/me/api-keys/{api_key_id}",  Needs(P::ApiKeysWrite), identity::revoke_api_key),
    route!(GET,    "/api/v1/users",                     Needs(P::UsersRead), identity::list_users),
    route!(POST,   "/api/v1/users",                     Needs(P::UsersWrite), Json(8 * KIB), identity::create_user),

    route!(GET,    "/api/v1/tenants",                   Needs(P::TenantsRead), tenancy::list_tenants),
    route!(POST,   "/api/v1/tenants",                   Needs(P::TenantsWrite), Json(8 * KIB), tenancy::create_tenant),
    route!(GET,    "/api/v1/social-links",              Needs(P::SocialLinksRead), tenancy::list_social_links),
    route!(POST,   "/api/v1/social-links",              Needs(P::SocialLinksWrite), Json(8 * KIB), tenancy::create_social_link),
    route!(DELETE, "/api/v1/social-links/{social_link_id}", Needs(P::SocialLinksWrite), tenancy::remove_social_link),

    route!(GET,    "/api/v1/collections",               Needs(P::KnowledgeRead), knowledge::list_collections),
    route!(POST,   "/api/v1/collections",               Needs(P::KnowledgeWrite), Json(64 * KIB), knowledge::create_collection),
    route!(GET,    "/api/v1/collections/{collection_id}",         Needs(P::KnowledgeRead), knowledge::get_collection),
    route!(GET,    "/api/v1/collections/{collection_id}/sources", Needs(P::KnowledgeRead), knowledge::list_sources),
    route!(POST,   "/api/v1/collections/{collection_id}/sources", Needs(P::KnowledgeWrite), Form(20 * KIB), knowledge::upload),
    route!(GET,    "/api/v1/sources/{source_id}",       Needs(P::KnowledgeRead), knowledge::get_source),
    route!(POST,   "/api/v1/sources/{source_id}/retry", Needs(P::KnowledgeWrite), knowledge::retry),
    route!(POST,   "/api/v1/search",                    Needs(P::KnowledgeRead), Json(8 * MIB), knowledge::search),

    route!(GET,    "/api/v1/conversations",                            Needs(P::ConversationsRead), conversations::list),
    route!(POST,   "/api/v1/conversations",                            Needs(P::ConversationsWrite), Json(8 * MIB), conversations::create),
    route!(GET,    "/api/v1/conversations/{conversation_id}",          Needs(P::ConversationsRead), conversations::get),
    route!(GET,    "/api/v1/conversations/{conversation_id}/messages", Needs(P::ConversationsRead), conversations::list_messages),
    route!(POST,   "/api/v1/conversations/{conversation_id}/messages", Needs(P::ConversationsWrite), Json(8 * MIB), conversations::send),
    route!(POST,   "/api/v1/conversations/{conversation_id}/messages/{message_id}/edit",       Needs(P::ConversationsWrite), Json(8 * MIB), conversations::edit),
    route!(POST,   "/api/v1/conversations/{conversation_id}/messages/{message_id}/regenerate", Needs(P::ConversationsWrite), Json(64 * KIB), conversations::regenerate),
    route!(POST,   "/api/v1/conversations/{conversation_id}/messages/{message_id}/switch",     Needs(P::ConversationsWrite), Json(8 * KIB), conversations::switch),
    route!(GET,    "/api/v1/conversations/{conversation_id}/usage",    Needs(P::UsageRead), conversations::get_usage),
    route!(GET,    "/api/v1/conversations/{conversation_id}/stream",   Needs(P::ConversationsRead), conversations::resume),
    route!(GET,    "/api/v1/streams/{stream_id}/events",               Needs(P::ConversationsRead), conversations::follow),
    route!(POST,   "/api/v1/streams/{stream_id}/stop",                 Needs(P::ConversationsWrite), conversations::stop),

    route!(GET,    "/api/v1/usage/summary",             Needs(P::UsageRead), usage::summarize),

    route!(GET,    "/v1/models",                        Needs(P::ModelsUse), openai::models),
    route!(GET,    "/v1/models/{model:.*}",             Needs(P::ModelsUse), openai::model),
    route!(POST,   "/v1/chat/completions",              Needs(P::ModelsUse), Json(8 * MIB), openai::complete),
    route!(POST,   "/v1/completions",                   Needs(P::ModelsUse), Json(8 * MIB), openai::complete_text),
    route!(POST,   "/v1/embeddings",                    Needs(P::ModelsUse), Json(8 * MIB), openai::embeddings),
];

#[cfg(test)]
mod tests;
