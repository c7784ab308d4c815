//! Stored users.

use std::net::IpAddr;

use async_trait::async_trait;
use domain::{
    access::{Reach, Scope},
    clock::Timestamp,
    identity::{User, UserRepo},
    ids::UserId,
    page::{Cursor, Page, PageRequest},
    store::StoreError,
};
use sea_orm::Iterable;

use super::rows::users::{self, Column};
use crate::{SqlBackend, SqlRepos, page::page as keyset, sql::Sql};

impl<B: SqlBackend> SqlRepos<B> {
    /// Adds the condition on a table with `tenant_id` and the user's id in `user` that the scope's
    /// tenant and identity reach hold the row; the rows without a tenant in the installation's.
    pub(super) fn identity_in_reach(&self, sql: Sql, user: &'static str) -> Result<Sql, StoreError> {
        let Some(tenant) = self.tenant_or_installation()? else { return Ok(sql.text("tenant_id IS NULL")) };
        let sql = sql.text("tenant_id = ").bind(tenant.0);
        let Scope::Tenant(scope) = self.backend.scope() else { return Ok(sql) };
        Ok(match (scope.identity, scope.user_id) {
            (Reach::Tenant, _) => sql,
            (Reach::Own | Reach::Visible, Some(id)) => sql.text(" AND ").text(user).text(" = ").bind(id.0),
            (Reach::Own | Reach::Visible, None) | (Reach::Nothing, _) => sql.text(" AND 1 = 0"),
        })
    }

    fn living_users(&self) -> Result<Sql, StoreError> {
        let sql = Sql::new("SELECT ").columns::<users::Entity>("u").text(" FROM users u WHERE deleted_at IS NULL AND ");
        self.identity_in_reach(sql, "u.id")
    }

    fn this_living_user(&self, sql: Sql, id: UserId) -> Result<Sql, StoreError> {
        let sql = sql.text(" WHERE deleted_at IS NULL AND id = ").bind(id.0).text(" AND ");
        self.identity_in_reach(sql, "id")
    }
}

#[async_trait]
impl<B: SqlBackend> UserRepo for SqlRepos<B> {
    async fn get(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let sql = self.living_users()?.text(" AND u.id = ").bind(id.0);
        self.row::<users::Model>(sql).await?.map(User::try_from).transpose()
    }

    async fn lock(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.refuse_unless_writable()?;
        let sql = self.for_update(self.living_users()?.text(" AND u.id = ").bind(id.0));
        self.row::<users::Model>(sql).await?.map(User::try_from).transpose()
    }

    async fn list(&self, page: PageRequest) -> Result<Page<User>, StoreError> {
        let rows = self.rows::<users::Model>(keyset(self.living_users()?, "u", page)).await?;
        let users = rows.into_iter().map(User::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(users, page.limit, |user: &User| Cursor { at: user.created_at, id: user.id.0 }))
    }

    async fn insert(&self, user: &User) -> Result<(), StoreError> {
        self.own_tenant_or_none(user.tenant_id)?;
        self.add(vec![users::Model::from(user)]).await
    }

    async fn update(&self, user: &User) -> Result<(), StoreError> {
        let columns: Vec<Column> =
            Column::iter().filter(|c| !matches!(c, Column::Id | Column::TenantId | Column::CreatedAt)).collect();
        let sql = Sql::new("UPDATE users SET ").assign(users::Model::from(user), &columns);
        self.command(self.this_living_user(sql, user.id)?).await
    }

    async fn record_login(&self, id: UserId, at: Timestamp, ip: Option<IpAddr>) -> Result<(), StoreError> {
        let sql = Sql::new("UPDATE users SET last_login_at = ")
            .bind(at)
            .text(", last_login_ip = ")
            .bind(ip.map(|ip| ip.to_string()))
            .text(", updated_at = ")
            .bind(at);
        self.command(self.this_living_user(sql, id)?).await
    }
}
