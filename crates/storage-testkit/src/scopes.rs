//! Scopes of a user, by how far they reach.

use domain::{
    access::{Reach, Scope, TenantScope},
    identity::User,
};

/// A scope of `user` that reaches as far as `reach` in everything.
///
/// # Panics
/// When the user has no tenant.
#[must_use]
pub fn of(user: &User, reach: Reach) -> Scope {
    Scope::Tenant(TenantScope::new(user.tenant_id.expect("the user has a tenant"), Some(user.id), reach))
}

/// What the user owns.
#[must_use]
pub fn own(user: &User) -> Scope {
    of(user, Reach::Own)
}

/// What the user owns, and what is shown to it.
#[must_use]
pub fn visible(user: &User) -> Scope {
    of(user, Reach::Visible)
}

/// The whole tenant.
#[must_use]
pub fn whole(user: &User) -> Scope {
    of(user, Reach::Tenant)
}

/// Nothing at all.
#[must_use]
pub fn nothing(user: &User) -> Scope {
    of(user, Reach::Nothing)
}

/// Work in the user's tenant for nobody in particular.
///
/// # Panics
/// When the user has no tenant.
#[must_use]
pub fn system(user: &User) -> Scope {
    Scope::system_in(user.tenant_id.expect("the user has a tenant"))
}
