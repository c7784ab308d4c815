//! The scope: what a unit of work may touch. Only [`Policy`](crate::access::Policy) and the named
//! constructors here make one, so that nothing reaches data without a decided right to it.

use crate::{
    access::Area,
    ids::{TenantId, UserId},
};

/// How far a scope reaches among the rows of one area of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Nothing.
    Nothing,
    /// Only what the user owns.
    Own,
    /// What the user owns, and to read also what visibility and grants show.
    Visible,
    /// Everything in the tenant.
    Tenant,
}

/// What a unit of work in one tenant may touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TenantScope {
    /// The tenant: on PostgreSQL the row-level-security variable, everywhere a predicate.
    pub tenant_id: TenantId,
    /// The user for whom it is done; `None` for background work.
    pub user_id: Option<UserId>,
    /// By the place of the area in [`Area::ALL`].
    reaches: [Reach; Area::ALL.len()],
}

impl TenantScope {
    /// A scope that reaches as far as `reach` in every area.
    #[must_use]
    pub const fn new(tenant_id: TenantId, user_id: Option<UserId>, reach: Reach) -> Self {
        Self { tenant_id, user_id, reaches: [reach; Area::ALL.len()] }
    }

    /// The same scope with another reach in one area.
    #[must_use]
    pub const fn with(mut self, area: Area, reach: Reach) -> Self {
        self.reaches[area as usize] = reach;
        self
    }

    /// How far it reaches in an area.
    #[must_use]
    pub const fn reach(&self, area: Area) -> Reach {
        self.reaches[area as usize]
    }
}

/// The right with which a unit of work is begun.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Work inside one tenant.
    Tenant(TenantScope),
    /// The look-ups before a tenant is known: one hash or e-mail in, ids and a hash out.
    SignIn,
    /// Work of the installation across tenants (jobs, recovery, superadmins), which is logged.
    Installation {
        /// Why, for the log.
        reason: &'static str,
    },
}

impl Scope {
    /// The look-ups of sign-in, refresh and API keys, and nothing else.
    #[must_use]
    pub const fn sign_in() -> Self {
        Self::SignIn
    }

    /// Background work across tenants. Backends log it with its reason.
    #[must_use]
    pub const fn system(reason: &'static str) -> Self {
        Self::Installation { reason }
    }

    /// Background work inside one tenant, for no user in particular.
    #[must_use]
    pub const fn system_in(tenant_id: TenantId) -> Self {
        Self::Tenant(TenantScope::new(tenant_id, None, Reach::Tenant))
    }

    /// The tenant, where the scope has one.
    #[must_use]
    pub const fn tenant_id(&self) -> Option<TenantId> {
        match self {
            Self::Tenant(scope) => Some(scope.tenant_id),
            Self::SignIn | Self::Installation { .. } => None,
        }
    }

    /// The part inside a tenant, where the scope has one.
    #[must_use]
    pub const fn tenant(&self) -> Option<&TenantScope> {
        match self {
            Self::Tenant(scope) => Some(scope),
            Self::SignIn | Self::Installation { .. } => None,
        }
    }
}
