//! Stored roles.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    identity::{Role, RoleRepo, UserRole},
    ids::UserId,
    store::StoreError,
};
use sea_orm::ColumnTrait;

use super::rows::{roles, user_roles};
use crate::{SqlBackend, SqlRepos, sql::Sql};

#[async_trait]
impl<B: SqlBackend> RoleRepo for SqlRepos<B> {
    async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError> {
        let sql = Sql::new("roles.of_user", "SELECT ")
            .columns::<roles::Entity>("r")
            .text(" FROM user_roles a JOIN roles r ON r.tenant_id = a.tenant_id AND r.id = a.role_id")
            .text(" WHERE a.user_id = ")
            .bind(user.0)
            .text(" AND ");
        let sql = self.in_reach::<user_roles::Entity, _>(sql, "a", Purpose::Read)?.text(" ORDER BY r.name");
        self.rows::<roles::Model>(sql).await?.into_iter().map(Role::try_from).collect()
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError> {
        let query = self.reached::<roles::Entity>("roles.find_by_name")?.filter(roles::Column::Name.eq(name));
        self.one(query).await
    }

    async fn insert(&self, role: &Role) -> Result<(), StoreError> {
        self.insert_one::<roles::Entity>("roles.insert", role).await
    }

    async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError> {
        self.insert_one::<user_roles::Entity>("roles.assign", assignment).await
    }
}
