//! Users.

use std::net::IpAddr;

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    clock::Timestamp,
    identity::{User, UserRepo},
    ids::UserId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};

use crate::{
    MapTx,
    tables::{Tables, conflict, newest_first},
};

/// What the schema holds users to.
fn check(tables: &Tables, user: &User) -> Result<(), StoreError> {
    for other in tables.users.values().filter(|other| other.id != user.id) {
        let are_living = other.deleted_at.is_none() && user.deleted_at.is_none();
        if are_living && other.email == user.email && other.tenant_id == user.tenant_id {
            return Err(conflict("uq_users_email"));
        }
        if other.tenant_id == user.tenant_id && other.username == user.username {
            return Err(conflict("uq_users_username"));
        }
    }
    match user.tenant_id {
        Some(tenant) if !tables.tenants.contains_key(&tenant) => Err(StoreError::ForeignKey),
        _ => Ok(()),
    }
}

/// The living user in reach, to be changed.
fn reached(tables: &mut Tables, reach: Filter, id: UserId) -> Result<&mut User, StoreError> {
    let found = tables.users.get_mut(&id).filter(|user| user.deleted_at.is_none() && reach.admits(*user));
    found.ok_or(StoreError::Stale)
}

#[async_trait]
impl UserRepo for MapTx {
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Read)?;
        let living = |user: &&User| user.deleted_at.is_none() && reach.admits(*user);
        self.read(|tables| Ok(tables.users.get(&id).filter(living).cloned()))
    }

    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Change)?;
        // The one that writes holds everything already.
        self.write(|tables| Ok(reached(tables, reach, id).ok().cloned()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Read)?;
        self.read(|tables| {
            let rows = tables.users.values().filter(|user| user.deleted_at.is_none() && reach.admits(*user));
            Ok(newest_first(rows, page, |user| Cursor { at: user.created_at, id: user.id.0 }))
        })
    }

    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.scope.may_add(user)?;
        self.write(|tables| {
            if tables.users.contains_key(&user.id) {
                return Err(conflict("users_pkey"));
            }
            check(tables, user)?;
            tables.users.insert(user.id, user.clone());
            Ok(())
        })
    }

    async fn update(&self, user: &User) -> Result<(), StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Change)?;
        self.write(|tables| {
            reached(tables, reach, user.id)?;
            self.scope.may_add(user)?;
            check(tables, user)?;
            tables.users.insert(user.id, user.clone());
            Ok(())
        })
    }

    async fn set_password(&self, id: UserId, hash: &str, at: Timestamp) -> Result<(), StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Change)?;
        self.write(|tables| {
            reached(tables, reach, id)?.updated_at = at;
            tables.passwords.insert(id, hash.to_owned());
            Ok(())
        })
    }

    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError> {
        let reach = self.scope.filter::<User>(Purpose::Change)?;
        self.write(|tables| {
            let user = reached(tables, reach, id)?;
            user.last_login_at = Some(at);
            user.last_login_ip = ip;
            user.updated_at = at;
            Ok(())
        })
    }
}
