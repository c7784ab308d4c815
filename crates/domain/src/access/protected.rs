//! Reach, declared once. A row type says by `protected!` which [`Area`] it belongs to, who owns it and who
//! sees it; look-ups, lists, inserts and updates of every backend follow from that.
//!
//! A backend in memory asks [`Filter::admits`] of each row, one in SQL writes the same [`Filter`] as
//! the condition of its statement, and both ask [`Scope::may_add`] before they insert. Parts of an
//! aggregate (messages, chunks, refresh tokens' use) have no declaration of their own: they are
//! reached through the row that they are part of.

use crate::{
    access::{Reach, Scope, TenantScope},
    ids::{TenantId, UserId},
    knowledge::{Collection, CollectionVisibility, Source},
    names::names,
    store::StoreError,
};

names! {
    /// A part of a tenant's data for which a scope has a reach of its own.
    pub enum Area ("area") {
        /// The tenant itself and what it shows of itself.
        Tenancy = "tenancy",
        /// Users, roles, sessions and API keys.
        Identity = "identity",
        /// Conversations and all below them.
        Conversations = "conversations",
        /// Collections, sources, chunks and searches.
        Knowledge = "knowledge",
        /// The ledger.
        Usage = "usage",
        /// The audit log, jobs and kept responses.
        Administration = "administration",
    }
}

/// Who may add rows of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adding {
    /// Whoever may change the row: its owner, or a scope that reaches the whole tenant.
    ByOwner,
    /// Only a scope that reaches the whole tenant. For rows that give rights: nobody gives itself one.
    ByTenant,
    /// As `ByOwner`, and whoever acts in the tenant, in its own name or in nobody's. For rows that record what was
    /// done and go with the act (audit, ledger, jobs): an act in any area leaves them.
    ByActor,
}

/// Which rows of a type a scope of the installation reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcrossTenants {
    /// None: the rows are a tenant's content.
    Nothing,
    /// Those that belong to no tenant (superadmins, and what is theirs).
    Tenantless,
    /// Those of every tenant.
    Everything,
}

/// A row that a scope may or may not reach.
pub trait Protected {
    /// The area whose reach decides.
    const AREA: Area;
    /// Who may add such rows.
    const ADDING: Adding = Adding::ByOwner;
    /// Which rows a scope of the installation reaches.
    const ACROSS_TENANTS: AcrossTenants = AcrossTenants::Nothing;

    /// The tenant that the row belongs to; `None` for what belongs to the installation.
    fn tenant_id(&self) -> Option<TenantId>;

    /// The user that the row belongs to; `None` for what is the tenant's own.
    fn owner(&self) -> Option<UserId>;

    /// Whether everybody in the tenant may read the row.
    fn is_shown(&self) -> bool {
        false
    }
}

/// What a unit of work wants with the rows that it looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To read them.
    Read,
    /// To change or remove them. What is merely shown to a user is not its to change.
    Change,
}

/// The rows of a tenant that a scope reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rows {
    /// All of them.
    All,
    /// Those of this user.
    Own(UserId),
    /// Those of this user, and those that are shown.
    OwnOrShown(UserId),
    /// Those that are shown.
    Shown,
    /// None.
    Nothing,
}

/// The rows that a scope reaches: the one predicate of look-ups, lists and commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Filter {
    /// Rows of every tenant and of none.
    Everything,
    /// Rows without a tenant.
    Tenantless,
    /// Rows of one tenant.
    Within(TenantId, Rows),
}

impl Filter {
    /// Whether it lets a row through.
    #[must_use]
    pub fn admits<T: Protected>(&self, row: &T) -> bool {
        match *self {
            Self::Everything => true,
            Self::Tenantless => row.tenant_id().is_none(),
            Self::Within(tenant, rows) => row.tenant_id() == Some(tenant) && rows.admit(row.owner(), row.is_shown()),
        }
    }
}

impl Rows {
    /// Whether a row with this owner, shown or not, is among them.
    #[must_use]
    pub fn admit(self, owner: Option<UserId>, is_shown: bool) -> bool {
        match self {
            Self::All => true,
            Self::Own(user) => owner == Some(user),
            Self::OwnOrShown(user) => is_shown || owner == Some(user),
            Self::Shown => is_shown,
            Self::Nothing => false,
        }
    }
}

impl TenantScope {
    /// The rows of a type, among those of the tenant, that this scope reaches for a purpose.
    #[must_use]
    pub const fn rows<T: Protected>(&self, purpose: Purpose) -> Rows {
        match (self.reach(T::AREA), self.user_id, purpose) {
            (Reach::Tenant, ..) => Rows::All,
            (Reach::Visible, Some(user), Purpose::Read) => Rows::OwnOrShown(user),
            (Reach::Visible, None, Purpose::Read) => Rows::Shown,
            (Reach::Own | Reach::Visible, Some(user), _) => Rows::Own(user),
            (Reach::Own | Reach::Visible, None, _) | (Reach::Nothing, ..) => Rows::Nothing,
        }
    }
}

impl Scope {
    /// The rows of a type that this scope reaches for a purpose.
    ///
    /// # Errors
    /// [`StoreError::OutOfScope`] where the scope has nothing to do with such rows at all: sign-in, and
    /// the installation with a tenant's content.
    pub fn filter<T: Protected>(&self, purpose: Purpose) -> Result<Filter, StoreError> {
        match self {
            Self::SignIn => Err(StoreError::OutOfScope("sign-in reaches its own look-ups only")),
            Self::Installation { .. } => match T::ACROSS_TENANTS {
                AcrossTenants::Nothing => Err(StoreError::OutOfScope("this needs the scope of a tenant")),
                AcrossTenants::Tenantless => Ok(Filter::Tenantless),
                AcrossTenants::Everything => Ok(Filter::Everything),
            },
            Self::Tenant(scope) => Ok(Filter::Within(scope.tenant_id, scope.rows::<T>(purpose))),
        }
    }

    /// Refuses a row that this scope must not add, and one that a change must not turn a row into.
    ///
    /// # Errors
    /// [`StoreError::OutOfScope`].
    pub fn may_add<T: Protected>(&self, row: &T) -> Result<(), StoreError> {
        let is_own_tenant = match self {
            Self::SignIn => return Err(StoreError::OutOfScope("sign-in reaches its own look-ups only")),
            // Whatever the installation reads of tenants, it adds only what belongs to none.
            Self::Installation { .. } => row.tenant_id().is_none(),
            Self::Tenant(scope) => row.tenant_id() == Some(scope.tenant_id),
        };
        if !is_own_tenant {
            return Err(StoreError::OutOfScope("the row belongs to another tenant than the scope"));
        }
        let filter = self.filter::<T>(Purpose::Change)?;
        let is_allowed = match (T::ADDING, self) {
            (Adding::ByTenant, _) => !matches!(filter, Filter::Within(_, rows) if rows != Rows::All),
            (Adding::ByActor, Self::Tenant(scope)) if row.owner().is_none() || row.owner() == scope.user_id => true,
            (Adding::ByOwner | Adding::ByActor, _) => filter.admits(row),
        };
        if is_allowed { Ok(()) } else { Err(StoreError::OutOfScope("the row is not the user's to add")) }
    }
}

/// Declares that a type is such a row, beside it: its area, and how its tenant and its owner are found.
macro_rules! protected {
    ($row:ty: $area:ident, tenant $tenant:expr, owner $owner:expr
        $(, shown $shown:expr)? $(, adding $adding:ident)? $(, across $across:ident)? $(,)?) => {
        impl $crate::access::Protected for $row {
            const AREA: $crate::access::Area = $crate::access::Area::$area;
            $(const ADDING: $crate::access::Adding = $crate::access::Adding::$adding;)?
            $(const ACROSS_TENANTS: $crate::access::AcrossTenants = $crate::access::AcrossTenants::$across;)?

            fn tenant_id(&self) -> Option<$crate::ids::TenantId> {
                let tenant: fn(&Self) -> Option<$crate::ids::TenantId> = $tenant;
                tenant(self)
            }

            fn owner(&self) -> Option<$crate::ids::UserId> {
                let owner: fn(&Self) -> Option<$crate::ids::UserId> = $owner;
                owner(self)
            }

            $(fn is_shown(&self) -> bool {
                let shown: fn(&Self) -> bool = $shown;
                shown(self)
            })?
        }
    };
}
pub(crate) use protected;

impl Filter {
    /// Whether it lets a source through: as the collection that it lies in, unless the source's own
    /// visibility narrows that to its owner.
    #[must_use]
    pub fn admits_source(&self, source: &Source, collection: &Collection) -> bool {
        self.admits(collection) && self.admits_narrowed(source)
    }

    /// Whether the source's own visibility leaves it in reach, given that its collection is.
    fn admits_narrowed(&self, source: &Source) -> bool {
        let is_narrowed = source.visibility.is_some_and(|visibility| visibility != CollectionVisibility::Shared);
        match *self {
            Self::Everything | Self::Tenantless | Self::Within(_, Rows::All) => true,
            Self::Within(_, Rows::Own(user) | Rows::OwnOrShown(user)) => !is_narrowed || source.user_id == Some(user),
            Self::Within(_, Rows::Shown | Rows::Nothing) => !is_narrowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{identity::User, tenancy::Tenant};

    /// A row with everything that a declaration can say.
    struct Thing {
        tenant: Option<TenantId>,
        owner: Option<UserId>,
        is_shown: bool,
    }

    impl Protected for Thing {
        const AREA: Area = Area::Knowledge;
        fn tenant_id(&self) -> Option<TenantId> {
            self.tenant
        }
        fn owner(&self) -> Option<UserId> {
            self.owner
        }
        fn is_shown(&self) -> bool {
            self.is_shown
        }
    }

    fn tenant(n: u128) -> TenantId {
        Uuid::from_u128(n).into()
    }

    fn user(n: u128) -> UserId {
        Uuid::from_u128(n).into()
    }

    fn thing(owner: Option<u128>, is_shown: bool) -> Thing {
        Thing { tenant: Some(tenant(1)), owner: owner.map(user), is_shown }
    }

    fn scope(reach: Reach, user_id: Option<UserId>) -> Scope {
        // Every other area reaches everything: only the row's own may count.
        Scope::Tenant(TenantScope::new(tenant(1), user_id, Reach::Tenant).with(Area::Knowledge, reach))
    }

    #[test]
    fn a_reach_admits_what_its_name_says() {
        // Own private, own shown, a colleague's private, a colleague's shown, nobody's private.
        let rows = [(Some(7), false), (Some(7), true), (Some(8), false), (Some(8), true), (None, false)];
        let admitted = |reach, who, purpose| {
            let filter = scope(reach, who).filter::<Thing>(purpose).unwrap();
            rows.map(|(owner, shown)| filter.admits(&thing(owner, shown)))
        };
        let ada = Some(user(7));
        let (all, own) = ([true; 5], [true, true, false, false, false]);
        assert_eq!(admitted(Reach::Tenant, ada, Purpose::Change), all);
        assert_eq!(admitted(Reach::Own, ada, Purpose::Read), own);
        assert_eq!(admitted(Reach::Visible, ada, Purpose::Read), [true, true, false, true, false]);
        assert_eq!(admitted(Reach::Visible, ada, Purpose::Change), own);
        assert_eq!(admitted(Reach::Visible, None, Purpose::Read), [false, true, false, true, false]);
        assert_eq!(admitted(Reach::Own, None, Purpose::Read), [false; 5]);
        assert_eq!(admitted(Reach::Nothing, ada, Purpose::Read), [false; 5]);
    }

    #[test]
    fn another_tenants_row_is_neither_found_nor_added() {
        let elsewhere = Thing { tenant: Some(tenant(2)), owner: Some(user(7)), is_shown: true };
        let scope = scope(Reach::Tenant, Some(user(7)));
        assert!(!scope.filter::<Thing>(Purpose::Read).unwrap().admits(&elsewhere));
        assert!(matches!(scope.may_add(&elsewhere), Err(StoreError::OutOfScope(_))));
    }

    #[test]
    fn nobody_adds_what_it_could_not_change() {
        for reach in [Reach::Nothing, Reach::Own, Reach::Visible] {
            let scope = scope(reach, Some(user(7)));
            assert!(scope.may_add(&thing(Some(8), true)).is_err(), "{reach:?}");
            assert!(scope.may_add(&thing(None, true)).is_err(), "{reach:?}");
            assert_eq!(scope.may_add(&thing(Some(7), false)).is_ok(), reach != Reach::Nothing);
        }
    }

    #[test]
    fn the_installation_and_sign_in_have_nothing_to_do_with_content() {
        for scope in [Scope::system("test"), Scope::sign_in()] {
            assert!(matches!(scope.filter::<Thing>(Purpose::Read), Err(StoreError::OutOfScope(_))));
            assert!(scope.may_add(&thing(Some(7), true)).is_err());
        }
        assert!(matches!(Scope::system("test").filter::<User>(Purpose::Read), Ok(Filter::Tenantless)));
        assert!(matches!(Scope::system("test").filter::<Tenant>(Purpose::Read), Ok(Filter::Everything)));
    }
}
