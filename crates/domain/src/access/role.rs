//! The five system roles.

use crate::{
    access::{Permission, PermissionSet},
    names::names,
};

names! {
    /// A role that every installation has. All but the superadmin are rows of every tenant.
    pub enum SystemRole ("role") {
        /// Runs the installation, belongs to no tenant, enters one by naming it.
        Superadmin = "superadmin",
        /// Runs a tenant.
        TenantAdmin = "tenant_admin",
        /// Watches over content; today the rights of a user.
        Moderator = "moderator",
        /// Converses and keeps knowledge.
        User = "user",
        /// Reads only.
        Viewer = "viewer",
    }
}

impl SystemRole {
    /// The roles that every tenant has as rows.
    pub const OF_TENANTS: &[Self] = &[Self::TenantAdmin, Self::Moderator, Self::User, Self::Viewer];

    /// What the role is for, for people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Superadmin => "runs the installation",
            Self::TenantAdmin => "runs the tenant",
            Self::Moderator => "watches over the tenant's content",
            Self::User => "converses and keeps knowledge",
            Self::Viewer => "reads only",
        }
    }

    /// What the role grants.
    #[must_use]
    pub fn permissions(self) -> PermissionSet {
        Permission::ALL.into_iter().filter(|permission| self.has(*permission)).collect()
    }

    /// Whether it grants the permission, by what the permission's line says.
    const fn has(self, permission: Permission) -> bool {
        let least = permission.least_role();
        match self {
            Self::Superadmin => !permission.is_personal(),
            Self::TenantAdmin => !matches!(least, Self::Superadmin),
            Self::Moderator => matches!(least, Self::Moderator | Self::User | Self::Viewer),
            Self::User => matches!(least, Self::User | Self::Viewer),
            Self::Viewer => matches!(least, Self::Viewer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_but_the_superadmin_is_of_tenants() {
        let of_tenants: Vec<_> = SystemRole::ALL.into_iter().filter(|role| *role != SystemRole::Superadmin).collect();
        assert_eq!(SystemRole::OF_TENANTS, of_tenants);
    }

    #[test]
    fn who_has_a_permission_least_has_it() {
        for permission in Permission::ALL {
            let has = permission.least_role().permissions().contains(&permission);
            assert!(has, "{permission} from {}", permission.least_role());
        }
    }

    #[test]
    fn a_superadmin_has_what_is_nobodys_own() {
        let lacks = Permission::ALL.into_iter().filter(|permission| !SystemRole::Superadmin.has(*permission));
        let lacks: Vec<_> = lacks.map(Permission::as_str).collect();
        assert_eq!(lacks, ["api_keys:read", "api_keys:write", "conversations:write", "models:use"]);
    }
}
