//! Stored users.

use std::net::IpAddr;

use async_trait::async_trait;
use domain::{
    access::Purpose,
    clock::Timestamp,
    identity::{User, UserRepo},
    ids::UserId,
    page::{Page, PageRequest},
    store::StoreError,
};
use sea_orm::{ColumnTrait, Iterable};

use super::rows::users::{Column, Entity, Model};
use crate::{SqlBackend, SqlRepos, sql::Sql};

#[async_trait]
impl<B: SqlBackend> UserRepo for SqlRepos<B> {
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let living = self.reached::<Entity>("users.get")?.filter(Column::DeletedAt.is_null());
        self.one(living.filter(Column::Id.eq(id.0))).await
    }

    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.refuse_unless_writable()?;
        let sql =
            Sql::new("users.lock", "SELECT ").columns::<Entity>("u").text(" FROM users u WHERE u.deleted_at IS NULL");
        let sql = sql.text(" AND u.id = ").bind(id.0).text(" AND ");
        let sql = self.for_update(self.in_reach::<Entity, _>(sql, "u", Purpose::Change)?);
        self.row::<Model>(sql).await?.map(User::try_from).transpose()
    }

    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.page(self.reached::<Entity>("users.list")?.filter(Column::DeletedAt.is_null()), page).await
    }

    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.insert_one::<Entity>("users.insert", user).await
    }

    async fn update(&self, user: &User) -> Result<(), StoreError> {
        let changed = Column::iter().filter(|c| !matches!(c, Column::Id | Column::TenantId | Column::CreatedAt));
        let command = self
            .changing::<Entity>("users.update")?
            .set_from(Model::try_from(user)?, changed)
            .filter(Column::Id.eq(user.id.0))
            .filter(Column::DeletedAt.is_null());
        self.change_one(command).await
    }

    async fn set_password(&self, id: UserId, hash: &str, at: Timestamp) -> Result<(), StoreError> {
        let sql = Sql::new("users.set_password", "UPDATE users SET password_hash = ").bind(hash);
        let sql = sql.text(", updated_at = ").bind(at).text(" WHERE deleted_at IS NULL AND id = ").bind(id.0);
        self.command(self.in_reach::<Entity, _>(sql.text(" AND "), "users", Purpose::Change)?).await
    }

    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError> {
        let command = self
            .changing::<Entity>("users.record_login")?
            .set(Column::LastLoginAt, at)
            .set(Column::LastLoginIp, ip.map(|ip| ip.to_string()))
            .set(Column::UpdatedAt, at)
            .filter(Column::Id.eq(id.0))
            .filter(Column::DeletedAt.is_null());
        self.change_one(command).await
    }
}
