//! Stored roles.

use async_trait::async_trait;
use domain::{
    identity::{Role, RoleRepo, UserRole},
    ids::UserId,
    store::StoreError,
};

use super::rows::{roles, user_roles};
use crate::{SqlBackend, SqlRepos, sql::Sql};

#[async_trait]
impl<B: SqlBackend> RoleRepo for SqlRepos<B> {
    async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError> {
        // A superadmin, outside any tenant, has no rows here: the role is not one of a tenant.
        let Some(tenant) = self.tenant_or_installation()? else { return Ok(Vec::new()) };
        let sql = Sql::new("SELECT ")
            .columns::<roles::Entity>("r")
            .text(" FROM user_roles a JOIN roles r ON r.tenant_id = a.tenant_id AND r.id = a.role_id")
            .text(" WHERE a.tenant_id = ")
            .bind(tenant.0)
            .text(" AND a.user_id = ")
            .bind(user.0)
            .text(" ORDER BY r.name");
        self.rows::<roles::Model>(sql).await?.into_iter().map(Role::try_from).collect()
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError> {
        let sql = Sql::new("SELECT ")
            .columns::<roles::Entity>("r")
            .text(" FROM roles r WHERE r.tenant_id = ")
            .bind(self.tenant()?.tenant_id.0)
            .text(" AND r.name = ")
            .bind(name);
        self.row::<roles::Model>(sql).await?.map(Role::try_from).transpose()
    }

    async fn insert(&self, role: &Role) -> Result<(), StoreError> {
        self.own_tenant(role.tenant_id)?;
        self.add(vec![roles::Model::try_from(role)?]).await
    }

    async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError> {
        self.own_tenant(assignment.tenant_id)?;
        self.add(vec![user_roles::Model::from(assignment)]).await
    }
}
