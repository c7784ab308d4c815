//! Roles of a tenant and who has them.

use crate::{
    access::{Permission, PermissionSet, SystemRole, protected},
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
    /// What a tenant's own role grants. A system role's row holds nothing: see [`Role::rights`].
    pub permissions: PermissionSet,
    /// One of the [`SystemRole`]s, written with the tenant and not to be changed.
    pub is_system: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(Role: Identity, tenant |row| Some(row.tenant_id), owner |_| None);

impl Role {
    /// Returns what it grants now. A system role grants what this program says, whatever its row holds,
    /// so that a permission added to the program reaches the tenants that are there already; one that
    /// this program does not know grants nothing. No role of a tenant reaches beyond it.
    #[must_use]
    pub fn rights(&self) -> PermissionSet {
        let mut rights = if self.is_system {
            let system = SystemRole::OF_TENANTS.iter().find(|role| role.as_str() == self.name);
            system.map(|role| role.permissions()).unwrap_or_default()
        } else {
            self.permissions.clone()
        };
        rights.retain(|permission| !matches!(permission, Permission::TenantsRead | Permission::TenantsWrite));
        rights
    }
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

protected!(UserRole: Identity, tenant |row| Some(row.tenant_id), owner |row| Some(row.user_id), adding ByTenant);

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;

    fn role(name: &str, is_system: bool, permissions: impl Into<PermissionSet>) -> Role {
        Role {
            id: Uuid::nil().into(),
            tenant_id: Uuid::nil().into(),
            name: name.to_owned(),
            description: None,
            permissions: permissions.into(),
            is_system,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_system_role_grants_what_the_program_says() {
        for system in SystemRole::OF_TENANTS {
            for stored in [PermissionSet::new(), [Permission::ProfileRead].into(), Permission::ALL.into()] {
                assert_eq!(role(system.as_str(), true, stored).rights(), system.permissions(), "{system}");
            }
        }
    }

    #[test]
    fn a_role_of_a_tenant_grants_what_its_row_says_within_the_tenant() {
        let stored = [Permission::ProfileRead, Permission::TenantsRead, Permission::TenantsWrite];
        let within = PermissionSet::from([Permission::ProfileRead]);
        assert_eq!(role("editor", false, stored).rights(), within);
        // The name alone makes no system role.
        assert_eq!(role("tenant_admin", false, stored).rights(), within);
    }

    #[test]
    fn a_system_role_of_another_version_grants_nothing() {
        for name in ["auditor", "superadmin"] {
            assert_eq!(role(name, true, Permission::ALL).rights(), PermissionSet::new(), "{name}");
        }
    }
}
