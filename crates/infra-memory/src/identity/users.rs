//! Users.

use std::net::IpAddr;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    clock::Timestamp,
    identity::{User, UserRepo},
    ids::UserId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
    tenancy::Tenant,
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

impl Row for User {
    const KEYS: &'static [Key<Self>] = &[
        Key {
            name: "uq_users_email",
            of: |user| user.tenant_id.filter(|_| user.is_live()).map(|tenant| place![tenant.0, user.email.as_str()]),
        },
        Key {
            name: "uq_users_superadmin_email",
            of: |user| (user.tenant_id.is_none() && user.is_live()).then(|| place![user.email.as_str()]),
        },
        // Sign-in looks for an address in all tenants.
        Key {
            name: "ix_users_email",
            of: |user| user.is_live().then(|| place![user.email.as_str(), user.tenant_id.map(|tenant| tenant.0)]),
        },
        Key {
            name: "uq_users_username",
            of: |user| user.tenant_id.map(|tenant| place![tenant.0, user.username.as_str()]),
        },
        Key {
            name: "uq_users_superadmin_username",
            of: |user| user.tenant_id.is_none().then(|| place![user.username.as_str()]),
        },
    ];
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Tenant>(&["tenant_id"]).cascades()];
    columns!(id: UserId; tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        let Self { display_name, first_name, last_name, avatar_url, .. } = self;
        no_nul([display_name, first_name, last_name, avatar_url].into_iter().flatten())
    }

    fn is_live(&self) -> bool {
        self.deleted_at.is_none()
    }
}

#[async_trait]
impl UserRepo for MemoryTx {
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.get_row(&id)
    }

    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let filter = self.scope.filter::<User>(Purpose::Change)?;
        // The one write transaction holds everything already.
        self.write(|state| Ok(state.reached(filter, &id).cloned()))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.page_of(page, |_| true, |user: &User| Cursor { at: user.created_at, id: user.id.0 })
    }

    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.add(user)
    }

    async fn update(&self, user: &User) -> Result<(), StoreError> {
        self.change(&user.id, |stored: &mut User| {
            let User { tenant_id, created_at, .. } = *stored;
            *stored = User { tenant_id, created_at, ..user.clone() };
        })
    }

    async fn set_password(&self, id: UserId, hash: &str, at: Timestamp) -> Result<(), StoreError> {
        no_nul([hash])?;
        let filter = self.scope.filter::<User>(Purpose::Change)?;
        self.write(|state| {
            state.change_reached(filter, &id, |user: &mut User| user.updated_at = at)?;
            state.passwords.insert_mut(id, hash.to_owned());
            Ok(())
        })
    }

    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError> {
        self.change(&id, |user: &mut User| {
            user.last_login_at = Some(at);
            user.last_login_ip = ip;
            user.updated_at = at;
        })
    }
}
