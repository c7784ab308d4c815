//! Shapes of identity on the wire.

use app::identity::{
    CreatedApiKey, Login, NewApiKey, NewInstallation, NewUser, Profile, ProfileChange, SetUp, SignedIn,
};
use chrono::{DateTime, Utc};
use domain::{
    access::Permission,
    identity::{ApiKey, User},
};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::tenancy::dto::TenantBody;

/// The first tenant and its admin.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupRequest {
    /// The one-time token that the server printed.
    pub(crate) token: String,
    tenant_name: String,
    #[schema(example = "ada@example.com")]
    email: String,
    username: String,
    /// 15 to 128 characters.
    password: String,
}

impl SetupRequest {
    pub(crate) fn into_parts(self) -> (String, NewInstallation) {
        let Self { token, tenant_name, email, username, password } = self;
        (token, NewInstallation { tenant_name, email, username, password })
    }
}

/// A finished setup.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SetupBody {
    user: UserBody,
    tenant: TenantBody,
    #[serde(flatten)]
    tokens: TokenBody,
}

impl From<SetUp> for SetupBody {
    fn from(set_up: SetUp) -> Self {
        Self {
            user: UserBody::from(&set_up.user),
            tenant: TenantBody::from(&set_up.tenant),
            tokens: set_up.signed_in.into(),
        }
    }
}

/// A sign-in with a password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// E-mail address or user name.
    login: String,
    password: String,
    /// The tenant's slug; needed with a user name where there are several tenants.
    tenant: Option<String>,
}

impl From<LoginRequest> for Login {
    fn from(LoginRequest { login, password, tenant }: LoginRequest) -> Self {
        Self { login, password, tenant }
    }
}

/// A refresh token to be traded.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// Works once.
    pub(crate) refresh_token: String,
}

/// Tokens of a session.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenBody {
    /// For the header `Authorization: Bearer`.
    access_token: String,
    /// For the next access token; works once.
    refresh_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds that the access token works.
    expires_in: u64,
}

impl From<SignedIn> for TokenBody {
    fn from(SignedIn { user_id: _, access_token, refresh_token, expires_in }: SignedIn) -> Self {
        Self { access_token, refresh_token, token_type: "Bearer", expires_in }
    }
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UserBody {
    id: Uuid,
    tenant_id: Option<Uuid>,
    email: String,
    username: String,
    display_name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    avatar_url: Option<String>,
    is_active: bool,
    email_verified: bool,
    last_login_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<&User> for UserBody {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.0,
            tenant_id: user.tenant_id.map(|id| id.0),
            email: user.email.as_str().to_owned(),
            username: user.username.as_str().to_owned(),
            display_name: user.display_name.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            avatar_url: user.avatar_url.clone(),
            is_active: user.is_active,
            email_verified: user.email_verified,
            last_login_at: user.last_login_at,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// A user to be created in the caller's tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserRequest {
    email: String,
    username: String,
    /// 15 to 128 characters.
    password: String,
    /// `tenant_admin`, `moderator`, `user` (the default) or `viewer`.
    role: Option<String>,
}

impl From<NewUserRequest> for NewUser {
    fn from(NewUserRequest { email, username, password, role }: NewUserRequest) -> Self {
        Self { email, username, password, role }
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
    permissions: Vec<&'static str>,
}

impl ProfileBody {
    pub(crate) fn new(profile: &Profile, permissions: impl Iterator<Item = Permission>) -> Self {
        let permissions = permissions.map(Permission::as_str).collect();
        Self { user: UserBody::from(&profile.user), roles: profile.roles.clone(), permissions }
    }
}

/// Changes of one's own account; null clears a field.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileRequest {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    first_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    last_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    avatar_url: Option<Option<String>>,
}

/// Tells null from absent.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

impl From<ProfileRequest> for ProfileChange {
    fn from(ProfileRequest { display_name, first_name, last_name, avatar_url }: ProfileRequest) -> Self {
        Self { display_name, first_name, last_name, avatar_url }
    }
}

/// A key to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApiKeyRequest {
    name: String,
    description: Option<String>,
    /// Permissions such as `conversations:read`; absent: whatever you may.
    scopes: Option<Vec<String>>,
    expires_at: Option<DateTime<Utc>>,
}

impl From<NewApiKeyRequest> for NewApiKey {
    fn from(NewApiKeyRequest { name, description, scopes, expires_at }: NewApiKeyRequest) -> Self {
        Self { name, description, scopes, expires_at }
    }
}

/// An API key, without the key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiKeyBody {
    id: Uuid,
    name: String,
    description: Option<String>,
    /// The start of the key.
    prefix: String,
    /// Its last four characters.
    last_four: String,
    /// Null: whatever the owner may.
    scopes: Option<Vec<&'static str>>,
    is_active: bool,
    expires_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl From<&ApiKey> for ApiKeyBody {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name.clone(),
            description: key.description.clone(),
            prefix: key.prefix.clone(),
            last_four: key.last_four.clone(),
            scopes: key.scopes.as_ref().map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect()),
            is_active: key.is_active,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            created_at: key.created_at,
        }
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
