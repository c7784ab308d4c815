//! What rows refer to, as data, and what becomes of a row when that is removed.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use domain::store::StoreError;
use uuid::Uuid;

use crate::{
    state::State,
    table::{Row, Table},
};

/// What becomes of a row whose reference is removed.
enum OnDelete<R> {
    /// The removal is refused, unless the row goes as well.
    Refuse,
    /// The row goes along.
    Cascade,
    /// The row stays without the reference, unless it is one that goes along.
    Clear { clear: fn(&mut R), unless: fn(&R) -> bool },
}

/// A foreign key. A row with an empty column in it refers to nothing.
pub(crate) struct Reference<R> {
    columns: &'static [&'static str],
    table: &'static str,
    /// The columns there, in the same order; `None`: those of the same names, and `id` for the last.
    key: Option<&'static [&'static str]>,
    is_there: fn(&State, &Self, &[Uuid]) -> bool,
    on_delete: OnDelete<R>,
    /// Asked at the commit, not at once.
    pub(crate) is_deferred: bool,
}

impl<R: Row> Reference<R> {
    /// These columns name a row of another type. While there is one, that cannot be removed.
    pub(crate) const fn to<T: Row<Id: From<Uuid>>>(columns: &'static [&'static str]) -> Self {
        let is_there = Self::is_in::<T>;
        Self { columns, table: T::TABLE, key: None, is_there, on_delete: OnDelete::Refuse, is_deferred: false }
    }

    /// By these columns there, the last of which is `id`.
    pub(crate) const fn by(mut self, key: &'static [&'static str]) -> Self {
        self.key = Some(key);
        self
    }

    /// The row goes along with what it refers to.
    pub(crate) const fn cascades(mut self) -> Self {
        self.on_delete = OnDelete::Cascade;
        self
    }

    /// The row stays, and the reference is cleared.
    pub(crate) const fn clears(self, clear: fn(&mut R)) -> Self {
        self.clears_unless(|_| false, clear)
    }

    /// The same, but such a row goes along.
    pub(crate) const fn clears_unless(mut self, unless: fn(&R) -> bool, clear: fn(&mut R)) -> Self {
        self.on_delete = OnDelete::Clear { clear, unless };
        self
    }

    /// It may name a row that comes later in the unit of work.
    pub(crate) const fn deferred(mut self) -> Self {
        self.is_deferred = true;
        self
    }

    fn is_in<T: Row<Id: From<Uuid>>>(state: &State, reference: &Self, values: &[Uuid]) -> bool {
        let named = values.last().and_then(|id| T::table(state).get(&(*id).into()));
        let key = reference.key();
        named.is_some_and(|row| key.iter().zip(values).all(|(column, value)| row.column(column) == Some(*value)))
    }

    fn key(&self) -> Vec<&'static str> {
        let mut key = self.key.unwrap_or(self.columns).to_vec();
        if let (None, Some(last)) = (self.key, key.last_mut()) {
            *last = "id";
        }
        key
    }

    fn values(&self, row: &R) -> Option<Vec<Uuid>> {
        self.columns.iter().map(|column| row.column(column)).collect()
    }

    /// Whether what the row refers to is there.
    pub(crate) fn holds(&self, state: &State, row: &R) -> bool {
        self.values(row).is_none_or(|values| (self.is_there)(state, self, &values))
    }

    fn names(&self, gone: &Gone, row: &R) -> bool {
        self.values(row).and_then(|values| values.last().copied()).is_some_and(|id| gone.contains(&(self.table, id)))
    }

    fn takes_along(&self, row: &R) -> bool {
        match self.on_delete {
            OnDelete::Cascade => true,
            OnDelete::Clear { unless, .. } => unless(row),
            OnDelete::Refuse => false,
        }
    }
}

/// Rows that are removed: tables and ids.
pub(crate) type Gone = BTreeSet<(&'static str, Uuid)>;

/// A table of whatever rows, as a removal sees it.
pub(crate) trait AnyTable {
    /// Takes out the rows that go along with removed ones; returns those that others can refer to.
    fn take_along(&mut self, gone: &Gone) -> Gone;
    /// Clears the references to removed rows.
    ///
    /// # Errors
    /// [`StoreError::ForeignKey`] where a row that stays needs a removed one.
    fn let_go(&mut self, gone: &Gone) -> Result<(), StoreError>;
}

impl<R: Row> Table<R> {
    /// The rows that refer to removed ones. Tables that cannot hold any are not searched.
    fn referring<'a>(&'a self, gone: &'a Gone) -> impl Iterator<Item = &'a R> {
        let any_of = |table| gone.range((table, Uuid::nil())..=(table, Uuid::max())).next().is_some();
        let is_concerned = R::REFERENCES.iter().any(|reference| any_of(reference.table));
        let names = |row: &&R| R::REFERENCES.iter().any(|reference| reference.names(gone, row));
        self.iter().take_while(move |_| is_concerned).filter(names)
    }
}

impl<R: Row> AnyTable for Table<R> {
    fn take_along(&mut self, gone: &Gone) -> Gone {
        let goes = |row: &&R| R::REFERENCES.iter().any(|key| key.names(gone, row) && key.takes_along(row));
        let ids: Vec<R::Id> = self.referring(gone).filter(goes).map(Row::id).collect();
        let taken = ids.iter().filter_map(|id| self.take(id));
        taken.filter_map(|row| Some((R::TABLE, row.column("id")?))).collect()
    }

    fn let_go(&mut self, gone: &Gone) -> Result<(), StoreError> {
        let staying: Vec<R> = self.referring(gone).cloned().collect();
        for mut row in staying {
            for reference in R::REFERENCES {
                match reference.on_delete {
                    _ if !reference.names(gone, &row) => {}
                    OnDelete::Clear { clear, .. } => clear(&mut row),
                    OnDelete::Refuse | OnDelete::Cascade => return Err(StoreError::ForeignKey),
                }
            }
            self.put(row);
        }
        Ok(())
    }
}
