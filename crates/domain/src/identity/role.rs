//! Roles of a tenant and who has them.

use crate::{
    access::PermissionSet,
    clock::Timestamp,
    ids::{RoleId, TenantId, UserId, UserRoleId},
};

/// A named set of permissions of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: RoleId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Unique in the tenant.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it grants.
    pub permissions: PermissionSet,
    /// Written with the tenant, and not to be changed.
    pub is_system: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The assignment of a role to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRole {
    /// Its id.
    pub id: UserRoleId,
    /// The tenant of both.
    pub tenant_id: TenantId,
    /// Who has the role.
    pub user_id: UserId,
    /// The role.
    pub role_id: RoleId,
    /// Since when.
    pub assigned_at: Timestamp,
    /// By whom; `None` when that user is gone or it was set-up.
    pub assigned_by: Option<UserId>,
}
