//! Rows under a scope. Each look-up, list and command asks the scope's filter here, each insert
//! whether the scope may add the row; a repository has no rule of its own.

use domain::{
    access::{Filter, Protected, Purpose, Rows},
    ids::{TenantId, UserId},
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{page::newest_first, state::State, store::MemoryTx, table::Row};

impl State {
    /// The living row, if the filter lets it through.
    pub(crate) fn reached<R: Row + Protected>(&self, filter: Filter, id: &R::Id) -> Option<&R> {
        R::table(self).get(id).filter(|row| row.is_live() && filter.admits(*row))
    }

    /// All living rows that the filter lets through.
    pub(crate) fn all_reached<R: Row + Protected>(&self, filter: Filter) -> impl Iterator<Item = &R> {
        R::table(self).iter().filter(move |row| row.is_live() && filter.admits(*row))
    }

    /// The row that a new part is to belong to.
    ///
    /// # Errors
    /// [`StoreError::ForeignKey`] when the tenant has none; [`StoreError::Stale`] when it is deleted or
    /// out of reach.
    pub(crate) fn whole<R: Row + Protected>(&self, filter: Filter, id: &R::Id) -> Result<&R, StoreError> {
        R::table(self).get(id).filter(|row| whole_tenant(filter).admits(*row)).ok_or(StoreError::ForeignKey)?;
        self.reached(filter, id).ok_or(StoreError::Stale)
    }

    /// Changes the living row, if the filter lets it through, before and after.
    pub(crate) fn change_reached<R: Row + Protected>(
        &mut self,
        filter: Filter,
        id: &R::Id,
        change: impl FnOnce(&mut R),
    ) -> Result<(), StoreError> {
        let mut row = self.reached::<R>(filter, id).ok_or(StoreError::Stale)?.clone();
        change(&mut row);
        if !filter.admits(&row) {
            return Err(StoreError::OutOfScope("the row is not the user's to change so"));
        }
        self.replace(row)
    }
}

/// The same filter, without regard to owners.
pub(crate) fn whole_tenant(filter: Filter) -> Filter {
    match filter {
        Filter::Within(tenant, _) => Filter::Within(tenant, Rows::All),
        Filter::Everything | Filter::Tenantless => filter,
    }
}

impl MemoryTx {
    /// The row, if the scope reaches it.
    pub(crate) fn get_row<R: Row + Protected>(&self, id: &R::Id) -> Result<Option<R>, StoreError> {
        let filter = self.scope.filter::<R>(Purpose::Read)?;
        self.read(|state| Ok(state.reached(filter, id).cloned()))
    }

    /// A page of the wanted rows that the scope reaches, newest first.
    pub(crate) fn page_of<R: Row + Protected>(
        &self,
        page: PageRequest,
        wanted: impl Fn(&R) -> bool,
        cursor: impl Fn(&R) -> Cursor,
    ) -> Result<Page<R>, StoreError> {
        let filter = self.scope.filter::<R>(Purpose::Read)?;
        self.read(|state| Ok(newest_first(state.all_reached(filter).filter(|row| wanted(row)), page, cursor)))
    }

    /// Adds a row.
    pub(crate) fn add<R: Row + Protected>(&self, row: &R) -> Result<(), StoreError> {
        self.scope.may_add(row)?;
        self.write(|state| state.insert(row.clone()))
    }

    /// Removes a row that the scope may change, with what goes along; returns whether there was one.
    pub(crate) fn remove_row<R: Row + Protected>(&self, id: &R::Id) -> Result<bool, StoreError> {
        let filter = self.scope.filter::<R>(Purpose::Change)?;
        self.write(|state| {
            let is_there = state.reached::<R>(filter, id).is_some();
            if is_there {
                state.remove::<R>(id)?;
            }
            Ok(is_there)
        })
    }

    /// Changes a row that the scope reaches.
    pub(crate) fn change<R: Row + Protected>(&self, id: &R::Id, change: impl FnOnce(&mut R)) -> Result<(), StoreError> {
        let filter = self.scope.filter::<R>(Purpose::Change)?;
        self.write(|state| state.change_reached(filter, id, change))
    }

    /// Refuses a part of another tenant than the scope's. What it is a part of is asked for in the
    /// state ([`State::whole`]).
    pub(crate) fn may_add_part(&self, tenant: TenantId) -> Result<(), StoreError> {
        if self.scope.tenant_id() == Some(tenant) {
            Ok(())
        } else {
            Err(StoreError::OutOfScope("the row belongs to another tenant than the scope"))
        }
    }

    /// The user for whom the unit of work is done.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.scope.tenant().and_then(|scope| scope.user_id)
    }
}
