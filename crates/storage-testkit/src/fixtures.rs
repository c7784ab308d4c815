//! Valid entities in few lines. Nothing here is stored; every field may be changed before it is.

mod conversations;
mod identity;
mod knowledge;
mod usage;

pub use conversations::{add_stream, lease_of, open_stream};
pub use knowledge::normalised;

use std::sync::Arc;

use domain::{
    clock::{Clock, Timestamp},
    identity::{Email, TokenHash, User, Username},
    ids::{IdGen, TenantId},
    tenancy::{Slug, Tenant},
};
use uuid::Uuid;

use crate::{ManualClock, Person, SeededIds};

/// Makes valid entities with ids and times of its own.
#[derive(Debug, Default)]
pub struct Fixtures {
    /// Where the times come from.
    pub clock: Arc<ManualClock>,
    /// Where the ids come from.
    pub ids: Arc<SeededIds>,
}

impl Fixtures {
    /// The present time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The present time and this many seconds, or less with a negative number.
    #[must_use]
    pub fn in_seconds(&self, seconds: i64) -> Timestamp {
        self.now() + chrono::TimeDelta::seconds(seconds)
    }

    /// A new id of any kind.
    #[must_use]
    pub fn id<I: From<Uuid>>(&self) -> I {
        self.ids.random().into()
    }

    /// A new id of a log.
    #[must_use]
    pub fn ordered_id<I: From<Uuid>>(&self) -> I {
        self.ids.ordered().into()
    }

    /// A hash of some token.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::from_digest(self.ids.secret())
    }

    /// A tenant of this slug.
    ///
    /// # Panics
    /// When it is no slug.
    #[must_use]
    pub fn tenant(&self, slug: &str) -> Tenant {
        let slug = Slug::parse(slug).expect("a slug");
        let name = format!("Tenant {}", slug.as_str());
        Tenant { id: self.id(), name, slug, created_at: self.now(), updated_at: self.now() }
    }

    /// A user of this name, in a tenant of its own.
    #[must_use]
    pub fn person(&self, name: &str) -> Person {
        let tenant = self.tenant(&self.id::<Uuid>().simple().to_string());
        Person { user: self.user(Some(tenant.id), name), tenant }
    }

    /// An active user of this name; the e-mail address names the tenant too, so that it is unique.
    ///
    /// # Panics
    /// When it is no user name.
    #[must_use]
    pub fn user(&self, tenant: Option<TenantId>, name: &str) -> User {
        let domain = tenant.map_or_else(|| "root".to_owned(), |id| id.0.simple().to_string());
        User {
            id: self.id(),
            tenant_id: tenant,
            email: Email::parse(&format!("{name}@{domain}.example")).expect("an e-mail address"),
            username: Username::parse(name).expect("a user name"),
            display_name: None,
            first_name: None,
            last_name: None,
            avatar_url: None,
            is_active: true,
            email_verified: false,
            email_verified_at: None,
            last_login_at: None,
            last_login_ip: None,
            daily_request_quota: None,
            created_at: self.now(),
            updated_at: self.now(),
            deleted_at: None,
        }
    }
}
