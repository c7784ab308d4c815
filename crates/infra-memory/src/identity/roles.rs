//! Roles and who has them.

use async_trait::async_trait;
use domain::{
    access::Purpose,
    identity::{Role, RoleRepo, User, UserRole},
    ids::{RoleId, UserId, UserRoleId},
    store::StoreError,
    tenancy::Tenant,
};

use crate::{
    check::no_nul,
    references::Reference,
    store::MemoryTx,
    table::{Key, Row, columns, place},
};

impl Row for Role {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_roles_name", of: |role| Some(place![role.tenant_id.0, role.name.as_str()]) }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference::to::<Tenant>(&["tenant_id"]).cascades()];
    columns!(id: RoleId, tenant_id);

    fn check(&self) -> Result<(), StoreError> {
        no_nul([&self.name].into_iter().chain(&self.description))
    }
}

impl Row for UserRole {
    const KEYS: &'static [Key<Self>] =
        &[Key { name: "uq_user_roles_user_role", of: |row| Some(place![row.user_id.0, row.role_id.0]) }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference::to::<User>(&["tenant_id", "assigned_by"]).clears(|row| row.assigned_by = None),
        Reference::to::<User>(&["tenant_id", "user_id"]).cascades(),
        Reference::to::<Role>(&["tenant_id", "role_id"]).cascades(),
    ];
    columns!(id: UserRoleId, tenant_id, user_id, role_id; assigned_by);

    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl RoleRepo for MemoryTx {
    async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError> {
        let filter = self.scope.filter::<UserRole>(Purpose::Read)?;
        self.read(|state| {
            let assigned = state.user_roles.by("uq_user_roles_user_role", place![user.0]);
            let reached = assigned.filter(|assignment| filter.admits(*assignment));
            let mut roles: Vec<Role> =
                reached.filter_map(|assignment| state.roles.get(&assignment.role_id)).cloned().collect();
            roles.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(roles)
        })
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError> {
        let filter = self.scope.filter::<Role>(Purpose::Read)?;
        let tenant = self.scope.tenant_id().map(|tenant| tenant.0);
        self.read(|state| {
            let found = state.roles.find("uq_roles_name", place![tenant, name]);
            Ok(found.filter(|role| filter.admits(*role)).cloned())
        })
    }

    async fn insert(&self, role: &Role) -> Result<(), StoreError> {
        self.add(role)
    }

    async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError> {
        self.add(assignment)
    }
}
