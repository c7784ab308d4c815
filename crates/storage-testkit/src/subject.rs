//! What the standard cases need to know of a type of row.

use std::{fmt::Debug, future::Future, pin::Pin};

use async_trait::async_trait;
use domain::{
    access::{Permission, Protected, Purpose, Scope},
    clock::Timestamp,
    identity::User,
    page::{Page, PageRequest},
    store::{StoreError, Tx},
    tenancy::Tenant,
};
use uuid::Uuid;

use crate::Fixtures;

/// A user and its tenant.
#[derive(Debug, Clone)]
pub struct Person {
    /// The tenant.
    pub tenant: Tenant,
    /// The user.
    pub user: User,
}

/// What of its [`Person`] must be stored before a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: the row is the tenant.
    Nothing,
    /// The tenant.
    Tenant,
    /// The tenant and the user.
    User,
}

/// How a row can be read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// By `get`.
    Get,
    /// By another look-up, which [`Subject::find`] goes by.
    Otherwise,
    /// Not at all, or not as it was written.
    Never,
}

/// One trait's worth of code about a type of row, from which the cases of [`crate::standard`] and the
/// lines of the matrix follow.
///
/// A value is the setting of some rows of one [`Person`]: what these rows belong or refer to. It is
/// made without a store; [`store`](Self::store) keeps it.
#[async_trait]
pub trait Subject: Sized + Send + Sync + 'static {
    /// The row.
    type Row: Clone + Debug + PartialEq + Send + Sync + 'static;
    /// What the row is reached through: the row itself, or the whole that it is part of.
    type Whole: Protected + Sync;

    /// The table, as the schema names it.
    const NAME: &'static str;
    /// The permissions by which such rows are read, and by which they are written.
    const ACCESS: [Permission; 2];
    /// What must be stored before.
    const NEEDS: Needs = Needs::User;
    /// How a row can be read back.
    const READING: Reading = Reading::Get;
    /// Optional fields that no row of the cases sets: commands do, or a row with them is not seen.
    const NEVER_SET: &'static [&'static str] = &[];
    /// Optional fields that every row of the cases sets.
    const ALWAYS_SET: &'static [&'static str] = &[];
    /// How many rows a person may have beside each other, at most 9; two at least.
    const MOST_ROWS: usize = 9;
    /// Further fields that [`plain`](Self::plain) and [`full`](Self::full) have alike.
    const ALIKE: &'static [&'static str] = &[];

    /// The setting of rows of this person, not stored yet.
    fn new(make: &Fixtures, person: &Person) -> Self;

    /// The same setting where its rows are shown to the tenant; `None` where there is no such thing.
    fn shown(self) -> Option<Self> {
        None
    }

    /// Stores what the rows refer to, beside the person.
    async fn store(&self, _tx: &dyn Tx) -> Result<(), StoreError> {
        Ok(())
    }

    /// A new row with every optional field empty.
    fn plain(&self, make: &Fixtures) -> Self::Row;

    /// A new row with every optional field set, and all others unlike those of a plain one.
    fn full(&self, make: &Fixtures) -> Self::Row;

    /// A row beside the plain one (number 0), for types of which there cannot be several alike.
    fn another(&self, make: &Fixtures, _number: usize) -> Self::Row {
        self.plain(make)
    }

    /// What the row is reached through.
    fn whole<'a>(&'a self, row: &'a Self::Row) -> &'a Self::Whole;

    /// A scope that writes and reads such rows.
    ///
    /// # Panics
    /// When the row has no tenant.
    fn home(&self, row: &Self::Row) -> Scope {
        Scope::system_in(self.whole(row).tenant_id().expect("the row has a tenant"))
    }

    /// Adds the row.
    async fn insert(&self, tx: &dyn Tx, row: &Self::Row) -> Result<(), StoreError>;

    /// The row as it is stored, if the scope reaches it; where nothing is said, by the first page of the
    /// list. Nobody asks for it with [`Reading::Never`].
    async fn find(&self, tx: &dyn Tx, row: &Self::Row) -> Result<Option<Self::Row>, StoreError> {
        let Some(Listing { read, place }) = Self::listing() else { return Ok(None) };
        let page = read(self, tx, PageRequest::default()).await?;
        Ok(page.items.into_iter().find(|found| place(found).1 == place(row).1))
    }

    /// The list that holds such rows, newest first.
    fn listing() -> Option<Listing<Self>> {
        None
    }

    /// Further look-ups, and all commands.
    fn verbs() -> Vec<Verb<Self>> {
        Vec::new()
    }

    /// The unique keys.
    fn keys() -> Vec<Key<Self>> {
        Vec::new()
    }

    /// What the row refers to.
    fn references() -> Vec<Reference<Self>> {
        Vec::new()
    }

    /// Stores what goes along when the row is removed.
    async fn add_parts(&self, _tx: &dyn Tx, _row: &Self::Row, _make: &Fixtures) -> Result<(), StoreError> {
        Ok(())
    }

    /// How many of those parts are still found.
    async fn parts_left(&self, _tx: &dyn Tx, _row: &Self::Row) -> Result<usize, StoreError> {
        Ok(0)
    }

    /// Whether a verb (`get`, `list` or one of [`verbs`](Self::verbs)) in this scope finds the row, by
    /// the rules of the domain.
    fn reaches(&self, _verb: &str, scope: &Scope, row: &Self::Row, purpose: Purpose) -> Result<bool, StoreError> {
        Ok(scope.filter::<Self::Whole>(purpose)?.admits(self.whole(row)))
    }

    /// Whether the row may be added in this scope, by the rules of the domain. Parts of a whole go by
    /// [`may_add_part`].
    fn may_add(&self, scope: &Scope, row: &Self::Row) -> Result<(), StoreError> {
        scope.may_add(self.whole(row))
    }
}

/// What a [`Subject`] says of rows that are reached through themselves: `Row`, `Whole` and `whole`.
#[macro_export]
macro_rules! whole_row {
    ($row:ty) => {
        type Row = $row;
        type Whole = $row;

        fn whole<'a>(&'a self, row: &'a $row) -> &'a $row {
            row
        }
    };
}

/// Whether a part may be added in this scope: whoever may change the whole adds to it.
///
/// # Errors
/// [`StoreError::OutOfScope`] in another tenant's scope and where no such row is reached at all;
/// [`StoreError::Stale`] where the whole is not the scope's to change.
pub fn may_add_part<T: Protected>(scope: &Scope, whole: &T, is_reached: bool) -> Result<(), StoreError> {
    scope.filter::<T>(Purpose::Change)?;
    if scope.tenant_id() != whole.tenant_id() {
        return Err(StoreError::OutOfScope("the row belongs to another tenant than the scope"));
    }
    if is_reached { Ok(()) } else { Err(StoreError::Stale) }
}

/// What an asynchronous function of a repository returns.
pub type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

type Run<S, T> = for<'a> fn(&'a S, &'a dyn Tx, &'a <S as Subject>::Row, At<'a>) -> Running<'a, T>;
type ReadPage<S> = for<'a> fn(&'a S, &'a dyn Tx, PageRequest) -> Running<'a, Page<<S as Subject>::Row>>;
type Change<S> = fn(&mut <S as Subject>::Row, At<'_>);

/// The time of a command.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    /// Makes what the command needs; its clock is the store's.
    pub make: &'a Fixtures,
    /// The time that the command names.
    pub time: Timestamp,
}

impl At<'_> {
    /// The time on the store's clock.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.make.now()
    }
}

/// A list, newest first by creation time and id.
pub struct Listing<S: Subject> {
    pub(crate) read: ReadPage<S>,
    pub(crate) place: fn(&S::Row) -> (Timestamp, Uuid),
}

impl<S: Subject> Listing<S> {
    /// Reads a page; `place` says where a row stands.
    #[must_use]
    pub fn new(read: ReadPage<S>, place: fn(&S::Row) -> (Timestamp, Uuid)) -> Self {
        Self { read, place }
    }
}

/// How a verb shows whether it found its row.
pub(crate) enum Reply<S: Subject> {
    /// By `true`.
    Tells(Run<S, bool>),
    /// By no [`StoreError::Stale`].
    Succeeds(Run<S, ()>),
    /// Not at all: only the row shows it.
    Hides(Run<S, ()>),
}

/// What becomes of the row by a command.
pub(crate) enum After<S: Subject> {
    /// It stays as it is.
    Same,
    /// It changes.
    Changed(Change<S>),
    /// It is gone.
    Gone,
}

/// A look-up or a command on a row.
pub struct Verb<S: Subject> {
    pub(crate) name: &'static str,
    pub(crate) purpose: Purpose,
    pub(crate) before: fn(&S, &mut S::Row, At<'_>),
    pub(crate) reply: Reply<S>,
    pub(crate) after: After<S>,
}

impl<S: Subject> Verb<S> {
    fn of(name: &'static str, purpose: Purpose, reply: Reply<S>, after: After<S>) -> Self {
        Self { name, purpose, before: |_, _, _| (), reply, after }
    }

    /// A look-up; it returns whether it found the row.
    #[must_use]
    pub fn look_up(name: &'static str, run: Run<S, bool>) -> Self {
        Self::of(name, Purpose::Read, Reply::Tells(run), After::Same)
    }

    /// A look-up of what is to be changed.
    #[must_use]
    pub fn look_up_to_change(name: &'static str, run: Run<S, bool>) -> Self {
        Self::of(name, Purpose::Change, Reply::Tells(run), After::Same)
    }

    /// A command that is [`StoreError::Stale`] where there is no such row; `after` makes the row what it
    /// is then, `updated_at` included.
    #[must_use]
    pub fn command(name: &'static str, run: Run<S, ()>, after: Change<S>) -> Self {
        Self::of(name, Purpose::Change, Reply::Succeeds(run), After::Changed(after))
    }

    /// The same for one that returns whether there was such a row.
    #[must_use]
    pub fn telling(name: &'static str, run: Run<S, bool>, after: Change<S>) -> Self {
        Self::of(name, Purpose::Change, Reply::Tells(run), After::Changed(after))
    }

    /// A command after which the row is gone.
    #[must_use]
    pub fn removal(name: &'static str, run: Run<S, ()>) -> Self {
        Self::of(name, Purpose::Change, Reply::Succeeds(run), After::Gone)
    }

    /// The same for one that returns whether there was such a row.
    #[must_use]
    pub fn telling_removal(name: &'static str, run: Run<S, bool>) -> Self {
        Self::of(name, Purpose::Change, Reply::Tells(run), After::Gone)
    }

    /// A removal for which a row that is not there is no error.
    #[must_use]
    pub fn hidden_removal(name: &'static str, run: Run<S, ()>) -> Self {
        Self::of(name, Purpose::Change, Reply::Hides(run), After::Gone)
    }

    /// Whether it returns nothing of its row.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self.reply, Reply::Hides(_))
    }

    /// The verb on a row that is first made to fit it.
    #[must_use]
    pub fn on(mut self, before: fn(&S, &mut S::Row, At<'_>)) -> Self {
        self.before = before;
        self
    }
}

/// How far a key is unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// In the whole installation.
    Installation,
    /// In the tenant, or in a part of it; free in another one.
    Tenant,
    /// At least in the tenant. For ids, which nobody takes twice.
    AtLeastTenant,
}

/// A unique key.
pub struct Key<S: Subject> {
    pub(crate) words: &'static [&'static str],
    pub(crate) unique: Unique,
    pub(crate) clash: fn(&S::Row, &mut S::Row),
}

impl<S: Subject> Key<S> {
    /// A key whose constraint's name holds these words; `clash` gives it from a stored row to another.
    #[must_use]
    pub fn new(words: &'static [&'static str], unique: Unique, clash: fn(&S::Row, &mut S::Row)) -> Self {
        Self { words, unique, clash }
    }
}

/// A reference to another row.
pub struct Reference<S: Subject> {
    pub(crate) name: &'static str,
    pub(crate) is_of_tenant: bool,
    pub(crate) point: fn(S::Row, &S) -> S::Row,
}

impl<S: Subject> Reference<S> {
    /// A reference to a row of the same tenant; `point` makes it one to a row of another setting.
    #[must_use]
    pub fn new(name: &'static str, point: fn(S::Row, &S) -> S::Row) -> Self {
        Self { name, is_of_tenant: true, point }
    }

    /// A reference to a row that need not be of the tenant: only a missing one is refused.
    #[must_use]
    pub fn anywhere(name: &'static str, point: fn(S::Row, &S) -> S::Row) -> Self {
        Self { name, is_of_tenant: false, point }
    }
}
