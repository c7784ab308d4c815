//! Quotas: how much of what is kept a user and a tenant may have. What there is is counted exactly, also where many add
//! at the same moment.

use crate::{
    ids::UserId,
    names::names,
    store::{StoreError, repository},
};

/// Most units of work that add at the same moment: as many as servers of one database have connections, and more.
const AT_ONCE: u64 = 256;

names! {
    /// What is counted.
    pub enum QuotaKind ("quota") {
        /// API keys that are not revoked.
        ApiKeys = "api_keys",
        Collections = "collections",
        /// Conversations that are not deleted.
        Conversations = "conversations",
        Files = "files",
        /// The bytes of these files, as they were uploaded.
        FileBytes = "file_bytes",
    }
}

names! {
    /// Whose quota it is.
    pub enum QuotaHolder ("holder") {
        User = "user",
        Tenant = "tenant",
    }
}

/// As much as a user and a tenant may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaBounds {
    /// What each user may have.
    pub per_user: u64,
    /// What all users of a tenant may have together, with what is nobody's.
    pub per_tenant: u64,
}

/// As much as there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What the user has; `None`: it is not asked for one.
    pub by_user: Option<u64>,
    /// What the tenant has.
    pub by_tenant: u64,
}

impl QuotaBounds {
    /// No bounds.
    pub const NONE: Self = Self { per_user: u64::MAX, per_tenant: u64::MAX };

    /// Where those that add have to wait for each other. Far below a bound they need not: so many as lie between never
    /// add at once. How many bytes others add nobody knows.
    #[must_use]
    pub const fn fence(self, kind: QuotaKind) -> Self {
        let Self { per_user, per_tenant } = self;
        match kind {
            QuotaKind::FileBytes => Self { per_user: 0, per_tenant: 0 },
            _ => Self { per_user: per_user.saturating_sub(AT_ONCE), per_tenant: per_tenant.saturating_sub(AT_ONCE) },
        }
    }

    /// How much more fits.
    #[must_use]
    pub fn left(self, held: Held) -> u64 {
        let of_user = held.by_user.map_or(u64::MAX, |held| self.per_user.saturating_sub(held));
        of_user.min(self.per_tenant.saturating_sub(held.by_tenant))
    }

    /// Whose bound this much more would break, and the bound.
    #[must_use]
    pub fn broken_by(self, held: Held, more: u64) -> Option<(QuotaHolder, u64)> {
        let breaks = |held: u64, most: u64| held.saturating_add(more) > most;
        if held.by_user.is_some_and(|held| breaks(held, self.per_user)) {
            return Some((QuotaHolder::User, self.per_user));
        }
        breaks(held.by_tenant, self.per_tenant).then_some((QuotaHolder::Tenant, self.per_tenant))
    }
}

repository! {
    /// How much there is, kept by the schema with every row that comes and goes.
    pub trait QuotaRepo {
        /// How much of a kind a user and the scope's tenant have. Where either has as much as `fence` or more, others
        /// that ask so wait until this unit of work has ended: who asks, and then adds, adds to all that it was told of.
        async fn held(&self, kind: QuotaKind, user: Option<UserId>, fence: QuotaBounds) -> Result<Held, StoreError>;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: QuotaBounds = QuotaBounds { per_user: 10, per_tenant: 15 };

    fn held(by_user: u64, by_tenant: u64) -> Held {
        Held { by_user: Some(by_user), by_tenant }
    }

    #[test]
    fn the_last_that_fits_is_let_in() {
        for (holds, more, broken) in [
            (held(9, 14), 1, None),
            (held(10, 10), 1, Some((QuotaHolder::User, 10))),
            (held(5, 15), 1, Some((QuotaHolder::Tenant, 15))),
            (held(0, 0), 11, Some((QuotaHolder::User, 10))),
            (held(0, 5), 10, None),
            (held(u64::MAX, 0), u64::MAX, Some((QuotaHolder::User, 10))),
            (Held { by_user: None, by_tenant: 0 }, 15, None),
            (Held { by_user: None, by_tenant: 0 }, 16, Some((QuotaHolder::Tenant, 15))),
        ] {
            assert_eq!(BOUNDS.broken_by(holds, more), broken, "{more} more than {holds:?}");
            assert_eq!(BOUNDS.left(holds) >= more, broken.is_none(), "{more} more than {holds:?}");
        }
    }

    #[test]
    fn whoever_may_meet_others_at_a_bound_waits() {
        let many = QuotaBounds { per_user: 1_000, per_tenant: 100 };
        assert_eq!(many.fence(QuotaKind::Files), QuotaBounds { per_user: 1_000 - AT_ONCE, per_tenant: 0 });
        assert_eq!(many.fence(QuotaKind::FileBytes), QuotaBounds { per_user: 0, per_tenant: 0 });
    }
}
