//! Shapes of identity on the wire.

use app::identity::{
    CreatedApiKey, Login, NewApiKey, NewInstallation, NewUser, Person, Profile, ProfileChange, SetUp, SignedIn,
};
use chrono::{DateTime, Utc};
use domain::{
    access::Permission,
    identity::{ApiKey, User},
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    openapi::values::{
        AnyText, ApiKeyDescription, EmailAddress, Name, NewPassword, NewUsername, PermissionName, PictureUrl, Scopes,
        TenantRole, TokenType,
    },
    shape::{request, response},
    tenancy::dto::TenantBody,
};

/// The first tenant and its admin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "token": "the token that the server printed", "tenant_name": "Acme",
    "email": "ada@example.com", "username": "ada", "password": "correct horse battery" }))]
pub(crate) struct SetupRequest {
    /// The one-time token that the server printed.
    #[schema(value_type = AnyText)]
    pub(crate) token: String,
    #[schema(value_type = Name)]
    tenant_name: String,
    #[schema(value_type = EmailAddress)]
    email: String,
    #[schema(value_type = NewUsername)]
    username: String,
    #[schema(value_type = NewPassword)]
    password: String,
}

impl SetupRequest {
    pub(crate) fn into_parts(self) -> (String, NewInstallation) {
        let Self { token, tenant_name, email, username, password } = self;
        (token, NewInstallation { tenant_name, email, username, password })
    }
}

response! {
    /// A finished setup.
    SetupBody of set_up: SetUp {
        user: UserBody = UserBody::from(&set_up.user),
        tenant: TenantBody = TenantBody::from(&set_up.tenant),
        #[serde(flatten)]
        tokens: TokenBody = set_up.signed_in.into(),
    }
}

request! {
    /// A sign-in with a password.
    #[schema(example = json!({ "login": "ada@example.com", "password": "correct horse battery" }))]
    LoginRequest for Login {
        /// E-mail address or user name.
        #[schema(value_type = AnyText)]
        login: String,
        #[schema(value_type = AnyText)]
        password: String,
        /// The tenant's slug; needed with a user name where there are several tenants, and with an address that
        /// several have.
        #[schema(value_type = Option<AnyText>)]
        tenant: Option<String>,
    }
}

/// A refresh token to be traded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "refresh_token": "the last one that was given" }))]
pub(crate) struct RefreshRequest {
    /// Works once.
    #[schema(value_type = AnyText)]
    pub(crate) refresh_token: String,
}

/// Tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenBody {
    /// For the header `Authorization: Bearer`.
    access_token: String,
    /// For the next access token; works once.
    refresh_token: String,
    #[schema(value_type = TokenType)]
    token_type: &'static str,
    /// Seconds that the access token works.
    expires_in: u64,
}

impl From<SignedIn> for TokenBody {
    fn from(SignedIn { user_id: _, access_token, refresh_token, expires_in }: SignedIn) -> Self {
        Self { access_token, refresh_token, token_type: "Bearer", expires_in }
    }
}

response! {
    /// A user.
    UserBody of user: &User {
        id: Uuid = user.id.0,
        tenant_id: Option<Uuid> = user.tenant_id.map(|id| id.0),
        email: String = user.email.as_str().to_owned(),
        username: String = user.username.as_str().to_owned(),
        display_name: Option<String> = user.display_name.clone(),
        first_name: Option<String> = user.first_name.clone(),
        last_name: Option<String> = user.last_name.clone(),
        avatar_url: Option<String> = user.avatar_url.clone(),
        is_active: bool = user.is_active,
        email_verified: bool = user.email_verified,
        last_login_at: Option<DateTime<Utc>> = user.last_login_at,
        created_at: DateTime<Utc> = user.created_at,
        updated_at: DateTime<Utc> = user.updated_at,
    }
}

response! {
    /// A user as others of the tenant see it.
    PersonBody of person: &Person {
        id: Uuid = person.user.id.0,
        username: String = person.user.username.as_str().to_owned(),
        display_name: Option<String> = person.user.display_name.clone(),
        first_name: Option<String> = person.user.first_name.clone(),
        last_name: Option<String> = person.user.last_name.clone(),
        avatar_url: Option<String> = person.user.avatar_url.clone(),
        is_active: bool = person.user.is_active,
        /// For who runs the tenant; null for others, as what follows.
        email: Option<String> = person.contact.as_ref().map(|contact| contact.email.as_str().to_owned()),
        email_verified: Option<bool> = person.contact.as_ref().map(|contact| contact.email_verified),
        last_login_at: Option<DateTime<Utc>> = person.contact.as_ref().and_then(|contact| contact.last_login_at),
        created_at: DateTime<Utc> = person.user.created_at,
    }
}

request! {
    /// A user to be created in the caller's tenant.
    #[schema(example = json!({ "email": "grace@example.com", "username": "grace",
        "password": "correct horse battery" }))]
    NewUserRequest for NewUser {
        #[schema(value_type = EmailAddress)]
        email: String,
        #[schema(value_type = NewUsername)]
        username: String,
        #[schema(value_type = NewPassword)]
        password: String,
        /// By default `user`.
        #[schema(value_type = Option<TenantRole>)]
        role: Option<String>,
    }
}

/// One's own account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileBody {
    #[serde(flatten)]
    user: UserBody,
    /// The names of one's roles.
    roles: Vec<String>,
    /// What one's credential allows.
    #[schema(value_type = Vec<PermissionName>)]
    permissions: Vec<&'static str>,
}

impl ProfileBody {
    pub(crate) fn new(profile: &Profile, permissions: impl Iterator<Item = Permission>) -> Self {
        let permissions = permissions.map(Permission::as_str).collect();
        Self { user: UserBody::from(&profile.user), roles: profile.roles.clone(), permissions }
    }
}

request! {
    /// Changes of one's own account; null clears a field.
    #[schema(example = json!({ "display_name": "Ada Lovelace", "avatar_url": null }))]
    ProfileRequest for ProfileChange {
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<Name>)]
        display_name: Option<Option<String>>,
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<Name>)]
        first_name: Option<Option<String>>,
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<Name>)]
        last_name: Option<Option<String>>,
        #[serde(default, deserialize_with = "given")]
        #[schema(value_type = Option<PictureUrl>)]
        avatar_url: Option<Option<String>>,
    }
}

/// Distinguishes null from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

request! {
    /// A key to be created.
    #[schema(example = json!({ "name": "nightly import", "scopes": ["knowledge:read"] }))]
    NewApiKeyRequest for NewApiKey {
        #[schema(value_type = Name)]
        name: String,
        #[schema(value_type = Option<ApiKeyDescription>)]
        description: Option<String>,
        /// Of those that you have; absent: whatever you may.
        #[schema(value_type = Option<Scopes>)]
        scopes: Option<Vec<String>>,
        /// In the future; absent: it does not end by itself.
        #[schema(example = "2099-12-31T00:00:00Z")]
        expires_at: Option<DateTime<Utc>>,
    }
}

response! {
    /// An API key, without the key.
    ApiKeyBody of key: &ApiKey {
        id: Uuid = key.id.0,
        name: String = key.name.clone(),
        description: Option<String> = key.description.clone(),
        /// The start of the key.
        prefix: String = key.prefix.clone(),
        /// Its last four characters.
        last_four: String = key.last_four.clone(),
        /// Null: whatever the owner may.
        #[schema(value_type = Option<Vec<PermissionName>>)]
        scopes: Option<Vec<&'static str>> =
            key.scopes.as_ref().map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect()),
        is_active: bool = key.is_active,
        expires_at: Option<DateTime<Utc>> = key.expires_at,
        last_used_at: Option<DateTime<Utc>> = key.last_used_at,
        created_at: DateTime<Utc> = key.created_at,
    }
}

/// A key that was just created.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedApiKeyBody {
    #[serde(flatten)]
    api_key: ApiKeyBody,
    /// The key itself, shown this once.
    key: String,
}

impl From<CreatedApiKey> for CreatedApiKeyBody {
    fn from(created: CreatedApiKey) -> Self {
        Self { api_key: ApiKeyBody::from(&created.api_key), key: created.key }
    }
}
