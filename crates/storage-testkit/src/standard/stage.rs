//! Where a standard case plays: people, a setting of one of them, and its row.

use domain::{access::Scope, store::Mode};

use crate::{Fixtures, Needs, Person, Reading, Subject, World};

/// Ada's setting and row, a colleague of hers and somebody of another tenant. Every stage has tenants of
/// its own; nothing is stored yet.
pub(crate) struct Stage<S: Subject> {
    pub(crate) ada: Person,
    pub(crate) bob: Person,
    pub(crate) eve: Person,
    pub(crate) subject: S,
    pub(crate) row: S::Row,
}

impl<S: Subject> Stage<S> {
    pub(crate) fn new(make: &Fixtures) -> Self {
        let ada = make.person("ada");
        let subject = S::new(make, &ada);
        Self::of(make, ada, subject)
    }

    /// The same where Ada's rows are shown to the tenant, if there is such a thing.
    pub(crate) fn shown(make: &Fixtures) -> Option<Self> {
        let ada = make.person("ada");
        let subject = S::new(make, &ada).shown()?;
        Some(Self::of(make, ada, subject))
    }

    fn of(make: &Fixtures, ada: Person, subject: S) -> Self {
        let row = subject.plain(make);
        let bob = Person { user: make.user(Some(ada.tenant.id), "bob"), tenant: ada.tenant.clone() };
        Self { ada, bob, eve: make.person("eve"), subject, row }
    }

    /// Stores what the rows need.
    pub(crate) async fn prepare(&self, world: &World) {
        store(world, &self.ada, &self.subject).await;
    }

    /// Adds a row, which must succeed.
    pub(crate) async fn add(&self, world: &World, row: &S::Row) {
        world.write(&self.subject.home(row), async |tx| self.subject.insert(tx, row).await).await;
    }

    /// Whether a row is stored as it is here, or is not (`None`), as far as it can be read.
    ///
    /// # Errors
    /// What is stored instead.
    pub(crate) async fn check(&self, world: &World, row: &S::Row, expected: Option<&S::Row>) -> Result<(), String> {
        if S::READING == Reading::Never {
            return Ok(());
        }
        let found = self.find(world, row).await;
        if found.as_ref() == expected {
            return Ok(());
        }
        Err(format!("stored is\n  {found:?}\nand should be\n  {expected:?}"))
    }

    /// The row as it is stored now.
    pub(crate) async fn find(&self, world: &World, row: &S::Row) -> Option<S::Row> {
        let tx = world.begin(&self.subject.home(row), Mode::Read).await;
        let found = self.subject.find(tx.as_ref(), row).await;
        tx.rollback().await.expect("a read ends");
        found.unwrap_or_else(|error| panic!("a row of {} cannot be read: {error}", S::NAME))
    }
}

/// Stores a setting with what of its person it needs.
pub(crate) async fn store<S: Subject>(world: &World, person: &Person, subject: &S) {
    let Person { tenant, user } = person;
    world
        .write(&Scope::system_in(tenant.id), async |tx| {
            if S::NEEDS != Needs::Nothing {
                tx.tenants().insert(tenant).await?;
            }
            if S::NEEDS == Needs::User {
                tx.users().insert(user).await?;
            }
            subject.store(tx).await
        })
        .await;
}
