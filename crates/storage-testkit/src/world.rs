//! What a case works with: the store under test, ids, a clock, and units of work in one call.

use std::{fmt::Debug, sync::Arc};

use domain::{
    access::Scope,
    identity::User,
    knowledge::Source,
    store::{Mode, Store, StoreError, Tx},
    tenancy::Tenant,
};

use crate::{Fixtures, ManualClock, scopes};

/// The store under test, with everything that a case needs to fill it.
#[derive(Clone)]
pub struct World {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Valid entities.
    pub make: Arc<Fixtures>,
}

impl World {
    /// A world around an empty store that goes by a clock of its own.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, make: Arc::default() }
    }

    /// A world around an empty store that goes by this clock.
    #[must_use]
    pub fn with_clock(store: Arc<dyn Store>, clock: Arc<ManualClock>) -> Self {
        Self { store, make: Arc::new(Fixtures { clock, ..Fixtures::default() }) }
    }

    /// Begins a unit of work.
    pub async fn begin(&self, scope: &Scope, mode: Mode) -> Box<dyn Tx> {
        self.store.begin(scope, mode).await.expect("a unit of work begins")
    }

    /// Runs a query in a unit of work of its own.
    pub async fn read<T>(&self, scope: &Scope, query: impl AsyncFnOnce(&dyn Tx) -> Result<T, StoreError>) -> T {
        let tx = self.begin(scope, Mode::Read).await;
        let answer = query(tx.as_ref()).await.expect("the query is answered");
        tx.rollback().await.expect("a read ends");
        answer
    }

    /// Runs commands in a unit of work of their own, which must succeed.
    pub async fn write<T>(&self, scope: &Scope, commands: impl AsyncFnOnce(&dyn Tx) -> Result<T, StoreError>) -> T {
        self.attempt(scope, commands).await.expect("the unit of work is done")
    }

    /// Runs commands in a unit of work of their own: committed if all succeed, else rolled back.
    ///
    /// # Errors
    /// That of the commands or of the commit.
    pub async fn attempt<T>(
        &self,
        scope: &Scope,
        commands: impl AsyncFnOnce(&dyn Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tx = self.begin(scope, Mode::Write).await;
        let answer = commands(tx.as_ref()).await;
        match answer {
            Ok(value) => tx.commit().await.map(|()| value),
            Err(error) => {
                tx.rollback().await.expect("a rollback ends the unit of work");
                Err(error)
            }
        }
    }

    /// Adds a tenant of this slug.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        let tenant = self.make.tenant(slug);
        self.write(&Scope::system_in(tenant.id), async |tx| tx.tenants().insert(&tenant).await).await;
        tenant
    }

    /// Adds a user of this name to a tenant.
    pub async fn user(&self, tenant: &Tenant, name: &str) -> User {
        let user = self.make.user(Some(tenant.id), name);
        self.write(&Scope::system_in(tenant.id), async |tx| tx.users().insert(&user).await).await;
        user
    }

    /// Adds a source of a user, in a collection of its own.
    pub async fn source(&self, user: &User) -> Source {
        let collection = self.make.collection(user);
        let source = self.make.source(&collection);
        self.write(&scopes::own(user), async |tx| {
            tx.collections().insert(&collection).await?;
            tx.sources().insert(&source).await
        })
        .await;
        source
    }

    /// Two tenants, and two users of the first: the cast of most cases.
    pub async fn cast(&self) -> Cast {
        let (acme, other) = (self.tenant("acme").await, self.tenant("other").await);
        let ada = self.user(&acme, "ada").await;
        let bob = self.user(&acme, "bob").await;
        let eve = self.user(&other, "eve").await;
        Cast { ada, bob, eve }
    }
}

/// Ada and Bob of one tenant, and Eve of another.
pub struct Cast {
    /// The one whose things are at stake.
    pub ada: User,
    /// A colleague.
    pub bob: User,
    /// A user of another tenant.
    pub eve: User,
}

impl Cast {
    /// The scopes that must not reach what is Ada's own: her colleague's, the greatest one of
    /// another tenant, and her own where it reaches nothing.
    #[must_use]
    pub fn strangers(&self) -> [Scope; 3] {
        [scopes::visible(&self.bob), scopes::whole(&self.eve), scopes::nothing(&self.ada)]
    }
}

/// Asserts that a unique key refused, and that the constraint's name holds these words.
#[track_caller]
pub fn assert_conflict<T: Debug>(outcome: Result<T, StoreError>, words: &[&str]) {
    match outcome {
        Err(StoreError::Conflict { constraint }) => {
            for word in words {
                assert!(constraint.contains(word), "the constraint '{constraint}' does not name '{word}'");
            }
        }
        other => panic!("expected a conflict on {words:?}, got {other:?}"),
    }
}

/// Asserts an error of one kind.
#[macro_export]
macro_rules! assert_refused {
    ($outcome:expr, $($kind:tt)+) => {
        match $outcome {
            Err($($kind)+) => {}
            other => panic!("expected {}, got {other:?}", stringify!($($kind)+)),
        }
    };
}
