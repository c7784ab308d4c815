//! Users.

use std::net::IpAddr;

use async_trait::async_trait;
use domain::{
    clock::Timestamp,
    identity::{User, UserRepo},
    ids::UserId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul},
    page::newest_first,
    reach,
    state::State,
    store::MemoryTx,
};

impl MemoryTx {
    /// Living users in reach.
    fn reaches_user(&self, user: &User) -> bool {
        user.deleted_at.is_none() && reach::identity(&self.scope, user.tenant_id, user.id)
    }
}

fn check(state: &State, user: &User) -> Result<(), StoreError> {
    let User { id, tenant_id, email, username, password_hash, display_name, first_name, last_name, avatar_url, .. } =
        user;
    let optional = [password_hash, display_name, first_name, last_name, avatar_url];
    no_nul(optional.into_iter().flatten().map(String::as_str))?;
    for other in state.users.values().filter(|other| other.id != *id) {
        let living = other.deleted_at.is_none() && user.deleted_at.is_none();
        if living && other.email == *email {
            return Err(conflict("uq_users_email"));
        }
        if other.tenant_id == *tenant_id && other.username == *username {
            return Err(conflict("uq_users_username"));
        }
    }
    match tenant_id {
        Some(tenant) => state.need_tenant(*tenant),
        None => Ok(()),
    }
}

#[async_trait]
impl UserRepo for MemoryTx {
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| Ok(state.users.get(&id).filter(|user| self.reaches_user(user)).cloned()))
    }

    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.refuse_sign_in()?;
        // The one write transaction holds everything already.
        self.write(|state| Ok(state.users.get(&id).filter(|user| self.reaches_user(user)).cloned()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.refuse_sign_in()?;
        self.read(|state| {
            let rows = state.users.values().filter(|user| self.reaches_user(user));
            Ok(newest_first(rows, page, |user| Cursor { at: user.created_at, id: user.id.0 }))
        })
    }

    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        if user.tenant_id != self.scope.tenant_id() {
            return Err(StoreError::OutOfScope("a user is added in the scope of its tenant"));
        }
        self.write(|state| {
            if state.users.contains_key(&user.id) {
                return Err(conflict("users_pkey"));
            }
            check(state, user)?;
            state.users.insert_mut(user.id, user.clone());
            Ok(())
        })
    }

    async fn update(&self, user: &User) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let stored = state.users.get(&user.id).filter(|stored| self.reaches_user(stored));
            if stored.is_none_or(|stored| stored.tenant_id != user.tenant_id) {
                return Err(StoreError::Stale);
            }
            check(state, user)?;
            state.users.insert_mut(user.id, user.clone());
            Ok(())
        })
    }

    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError> {
        self.refuse_sign_in()?;
        self.write(|state| {
            let user = state.users.get_mut(&id).filter(|user| self.reaches_user(user)).ok_or(StoreError::Stale)?;
            user.last_login_at = Some(at);
            user.last_login_ip = ip;
            user.updated_at = at;
            Ok(())
        })
    }
}
