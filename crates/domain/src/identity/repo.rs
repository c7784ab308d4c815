//! Ports to stored users, roles and sessions, and to what sign-in looks up.

use std::net::IpAddr;

use crate::{
    clock::Timestamp,
    identity::{RefreshToken, Role, Session, TokenHash, User, UserRole},
    ids::{ApiKeyId, RefreshTokenId, SessionId, TenantId, UserId},
    page::{Page, PageRequest},
    store::{StoreError, repository},
};

/// What sign-in learns of an account before a tenant is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInAccount {
    /// The user.
    pub user_id: UserId,
    /// Its tenant; `None` for superadmins.
    pub tenant_id: Option<TenantId>,
    /// PHC string of the password up to its last `$`: how to hash what was typed; `None` when the user has
    /// no password (single sign-on).
    pub password_salt: Option<String>,
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

repository! {
    /// Look-ups before a tenant is known. Each takes one hash or name and gives ids; on PostgreSQL each is a
    /// SECURITY DEFINER function. Only living, active accounts are found. The hash of a password is compared
    /// where it is stored and never told.
    pub trait SignInRepo {
        /// The account with this e-mail address (in lower case) in the tenant with this slug; without a slug,
        /// the superadmin's, else the only one that any tenant has (none where several have one).
        async fn account_by_email(
            &self,
            email: &str,
            tenant_slug: Option<&str>,
        ) -> Result<Option<SignInAccount>, StoreError>;
        /// The account with this user name in the tenant with this slug; without a slug, in the only
        /// tenant there is (none when there are several).
        async fn account_by_username(
            &self,
            username: &str,
            tenant_slug: Option<&str>,
        ) -> Result<Option<SignInAccount>, StoreError>;
        /// Whether this PHC string is that of the user's password.
        async fn has_password(&self, user: UserId, hash: &str) -> Result<bool, StoreError>;
        /// The owner of a refresh token, used or not, expired or not.
        async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<RefreshTokenId>>, StoreError>;
        /// The owner of an API key, live or not.
        async fn api_key(&self, hash: &TokenHash) -> Result<Option<CredentialOwner<ApiKeyId>>, StoreError>;
    }
}

repository! {
    /// Stored users. In a tenant's scope: that tenant's; superadmins only in an installation scope. Deleted
    /// ones are as if they did not exist.
    pub trait UserRepo {
        /// The user, if the scope reaches it.
        async fn get(&self, id: UserId) -> Result<Option<User>, StoreError>;
        /// The same, if the scope may change it, locked until the transaction ends, for an
        /// [`UserRepo::update`] of what was read.
        async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError>;
        /// Users in reach, newest first.
        async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError>;
        /// Adds a user, who has no password.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the e-mail address or the user name is taken.
        async fn insert(&self, user: &User) -> Result<(), StoreError>;
        /// Writes every field of an existing user but its id, its tenant and `created_at`. It was read by
        /// [`UserRepo::lock`]: of two that change one user at the same moment the later one would else
        /// write back what the earlier one changed.
        ///
        /// # Errors
        /// [`StoreError::Stale`] when the scope reaches no such user.
        async fn update(&self, user: &User) -> Result<(), StoreError>;
        /// Sets the PHC string of the password. Nothing reads it back.
        ///
        /// # Errors
        /// [`StoreError::Stale`] when the scope reaches no such user.
        async fn set_password(&self, id: UserId, hash: &str, at: Timestamp) -> Result<(), StoreError>;
        /// Notes a successful sign-in.
        async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError>;
    }
}

repository! {
    /// Stored roles. They are the tenant's own: reached by those who reach the whole tenant. Who has one is
    /// the user's as well. Both are out of an installation's scope.
    pub trait RoleRepo {
        /// The roles of a user, as far as the scope reaches their assignment.
        async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError>;
        /// The role of this name, for a scope that reaches the whole tenant.
        async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError>;
        /// Adds a role.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the name is taken.
        async fn insert(&self, role: &Role) -> Result<(), StoreError>;
        /// Gives a role to a user. Only who reaches the whole tenant does: nobody gives itself one.
        ///
        /// # Errors
        /// [`StoreError::Conflict`] when the user already has it.
        async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError>;
    }
}

repository! {
    /// Stored sessions and refresh tokens.
    pub trait SessionRepo {
        /// The session, live or not, if the scope reaches it.
        async fn get(&self, id: SessionId) -> Result<Option<Session>, StoreError>;
        /// Adds a session.
        async fn insert(&self, session: &Session) -> Result<(), StoreError>;
        /// Moves the idle expiry.
        async fn extend(&self, id: SessionId, idle_expires_at: Timestamp) -> Result<(), StoreError>;
        /// Ends a session and raises its version. Ending an ended one changes nothing.
        async fn revoke(&self, id: SessionId, at: Timestamp) -> Result<(), StoreError>;
        /// The refresh token, if the scope reaches it.
        async fn refresh_token(&self, id: RefreshTokenId) -> Result<Option<RefreshToken>, StoreError>;
        /// Adds a refresh token. One with the same hash is already there: nothing happens (two
        /// refreshes at once give the same successor).
        async fn insert_refresh_token(&self, token: &RefreshToken) -> Result<(), StoreError>;
        /// Marks a token used, if it is in reach and not used yet; returns whether this call did.
        async fn use_refresh_token(&self, id: RefreshTokenId, at: Timestamp) -> Result<bool, StoreError>;
    }
}
