//! The five system roles.

use std::{fmt, str::FromStr};

use crate::{
    access::{Permission, PermissionSet},
    error::ValueError,
};

/// A role that every installation has. All but the superadmin are rows of every tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SystemRole {
    /// Runs the installation, belongs to no tenant, enters one by naming it.
    Superadmin,
    /// Runs a tenant.
    TenantAdmin,
    /// Watches over content; today the rights of a user.
    Moderator,
    /// Converses and keeps knowledge.
    User,
    /// Reads only.
    Viewer,
}

impl SystemRole {
    /// The roles that every tenant has as rows.
    pub const OF_TENANTS: [Self; 4] = [Self::TenantAdmin, Self::Moderator, Self::User, Self::Viewer];

    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Superadmin => "superadmin",
            Self::TenantAdmin => "tenant_admin",
            Self::Moderator => "moderator",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }

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
        use Permission as P;
        let viewer =
            [P::ProfileRead, P::ApiKeysRead, P::ConversationsRead, P::KnowledgeRead, P::UsageRead, P::UsersRead];
        let user = [P::ProfileWrite, P::ApiKeysWrite, P::ConversationsWrite, P::KnowledgeWrite, P::ModelsUse];
        match self {
            // In a tenant that it entered, a superadmin reads conversations and changes the rest.
            Self::Superadmin => P::ALL
                .into_iter()
                .filter(|permission| {
                    !matches!(permission, P::ConversationsWrite | P::ModelsUse | P::ApiKeysRead | P::ApiKeysWrite)
                })
                .collect(),
            Self::TenantAdmin => {
                P::ALL.into_iter().filter(|p| !matches!(p, P::TenantsRead | P::TenantsWrite)).collect()
            }
            Self::Moderator | Self::User => viewer.into_iter().chain(user).collect(),
            Self::Viewer => viewer.into_iter().collect(),
        }
    }
}

impl fmt::Display for SystemRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SystemRole {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        Self::OF_TENANTS.into_iter().chain([Self::Superadmin]).find(|role| role.as_str() == value).ok_or_else(|| {
            ValueError::new("role", "unknown_role", "must be one of tenant_admin, moderator, user, viewer")
        })
    }
}
