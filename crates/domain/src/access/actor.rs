//! The one who acts: a user, through a session or an API key.

use std::net::IpAddr;

use crate::{
    access::{Permission, PermissionSet},
    ids::{ApiKeyId, SessionId, TenantId, UserId},
};

/// By which credential an actor was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An access token of this session.
    Session(SessionId),
    /// This API key.
    ApiKey(ApiKeyId),
    /// A program that embeds Banyan and vouches for the user itself.
    Embedded,
}

/// An authenticated user in a tenant, with the rights of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The tenant acted in. `None` only for a superadmin who has entered none; it never means all.
    pub tenant_id: Option<TenantId>,
    /// The user belongs to no tenant and runs the installation.
    pub is_superadmin: bool,
    /// The user runs the tenant (the role `tenant_admin`).
    pub is_tenant_admin: bool,
    /// What the credential and the user's current roles both allow.
    pub permissions: PermissionSet,
    /// How the actor was recognised.
    pub credential: Credential,
    /// Where the request came from.
    pub ip_address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl Actor {
    /// Whether the actor has this permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// The user as the owner of what it makes in a tenant. A superadmin owns nothing there.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        (!self.is_superadmin).then_some(self.user_id)
    }

    /// Whether the actor sees more of the tenant than its own things.
    #[must_use]
    pub fn sees_whole_tenant(&self) -> bool {
        self.is_superadmin || self.is_tenant_admin
    }
}
