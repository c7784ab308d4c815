//! Ports to stored users, roles, sessions and keys.

use std::net::IpAddr;

use async_trait::async_trait;

use crate::{
    clock::Timestamp,
    identity::{ApiKey, RefreshToken, Role, Session, TokenHash, User, UserRole},
    ids::{ApiKeyId, RefreshTokenId, SessionId, TenantId, UserId},
    page::{Page, PageRequest},
    store::StoreError,
};

/// What sign-in learns of an account before a tenant is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAccount {
    /// The user.
    pub user_id: UserId,
    /// Its tenant; `None` for superadmins.
    pub tenant_id: Option<TenantId>,
    /// PHC string of the password.
    pub password_hash: Option<String>,
}

/// Where a token or key leads, before a tenant is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialOwner<I> {
    /// The credential's row.
    pub id: I,
    /// The user.
    pub user_id: UserId,
    /// Its tenant; `None` for superadmins.
    pub tenant_id: Option<TenantId>,
}

/// Look-ups before a tenant is known. Each takes one hash or name and gives ids and a hash; on
/// PostgreSQL each is a SECURITY DEFINER function. Only living, active accounts are found.
#[async_trait]
pub trait SignInRepo: Send + Sync {
    /// The account with this e-mail address (in lower case).
    async fn account_by_email(&self, email: &str) -> Result<Option<SignInAccount>, StoreError>;
    /// The account with this user name in the tenant with this slug; without a slug, in the only
    /// tenant there is (none when there are several).
    async fn account_by_username(
        &self,
        username: &str,
        tenant_slug: Option<&str>,
    ) -> Result<Option<SignInAccount>, StoreError>;
    /// The owner of a refresh token, used or not, expired or not.
    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<RefreshTokenId>>, StoreError>;
    /// The owner of an API key, live or not.
    async fn api_key(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<ApiKeyId>>, StoreError>;
}

/// Stored users. In a tenant's scope: that tenant's; superadmins only in an installation scope.
#[async_trait]
pub trait UserRepo: Send + Sync {
    /// The user, deleted ones left out, if the scope's identity reach shows it.
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// The same, locked until the transaction ends, for an [`UserRepo::update`] of what was read.
    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// Living users of the tenant, newest first.
    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError>;
    /// Adds a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the e-mail address or the user name is taken.
    async fn insert(&self, user: &User) -> Result<(), StoreError>;
    /// Writes every field of an existing user, which was read by [`UserRepo::lock`]: of two that change
    /// one user at the same moment the later one would else write back what the earlier one changed.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when there is no such user.
    async fn update(&self, user: &User) -> Result<(), StoreError>;
    /// Notes a successful sign-in.
    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError>;
}

/// Stored roles.
#[async_trait]
pub trait RoleRepo: Send + Sync {
    /// The roles of a user.
    async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError>;
    /// The role of this name.
    async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError>;
    /// Adds a role.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    async fn insert(&self, role: &Role) -> Result<(), StoreError>;
    /// Gives a role to a user.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the user already has it.
    async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError>;
}

/// Stored sessions and refresh tokens.
#[async_trait]
pub trait SessionRepo: Send + Sync {
    /// The session, live or not.
    async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// Adds a session.
    async fn insert(&self, session: &Session) -> Result<(), StoreError>;
    /// Moves the idle expiry.
    async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError>;
    /// Ends a session and raises its version. Ending an ended one changes nothing.
    async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError>;
    /// The refresh token.
    async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError>;
    /// Adds a refresh token. One with the same hash is already there: nothing happens (two
    /// refreshes at once give the same successor).
    async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError>;
    /// Marks a token used, if it is not yet; tells whether this call did.
    async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError>;
}

/// Stored API keys. A user reaches its own.
#[async_trait]
pub trait ApiKeyRepo: Send + Sync {
    /// The key, live or not.
    async fn get(&self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError>;
    /// The keys of the scope's user, newest first.
    async fn list(&self, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;
    /// Adds a key.
    async fn insert(&self, key: &ApiKey) -> Result<(), StoreError>;
    /// Ends a key of the scope's user; tells whether there was such a live key.
    async fn revoke(&self, id: ApiKeyId, at: Timestamp) -> Result<bool, StoreError>;
    /// Notes a use.
    async fn record_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), StoreError>;
}
