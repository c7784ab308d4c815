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

    /// Whether it grants the permission, by the least role that does.
    const fn has(self, permission: Permission) -> bool {
        use Permission as P;
        match self {
            // In a tenant that it entered, a superadmin reads conversations and changes the rest.
            Self::Superadmin => {
                !matches!(permission, P::ConversationsWrite | P::ModelsUse | P::ApiKeysRead | P::ApiKeysWrite)
            }
            Self::TenantAdmin => !matches!(permission.least_role(), Self::Superadmin),
            Self::Moderator | Self::User => matches!(permission.least_role(), Self::User | Self::Viewer),
            Self::Viewer => matches!(permission.least_role(), Self::Viewer),
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
}
