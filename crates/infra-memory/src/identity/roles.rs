//! Roles and who has them.

use async_trait::async_trait;
use domain::{
    identity::{Role, RoleRepo, UserRole},
    ids::UserId,
    store::StoreError,
};

use crate::{
    check::{conflict, no_nul},
    reach,
    state::need,
    store::MemoryTx,
};

#[async_trait]
impl RoleRepo for MemoryTx {
    async fn of_user(&self, user: UserId) -> Result<Vec<Role>, StoreError> {
        let tenant = self.tenant()?.tenant_id;
        self.read(|state| {
            if !reach::identity(&self.scope, Some(tenant), user) {
                return Ok(Vec::new());
            }
            let assigned = state.user_roles.values().filter(|row| row.tenant_id == tenant && row.user_id == user);
            let mut roles: Vec<Role> =
                assigned.filter_map(|assignment| state.roles.get(&assignment.role_id)).cloned().collect();
            roles.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(roles)
        })
    }

    async fn find_by_name(&self, name: &str) -> Result<Option<Role>, StoreError> {
        let tenant = self.tenant()?.tenant_id;
        self.read(|state| Ok(state.roles.values().find(|role| role.tenant_id == tenant && role.name == name).cloned()))
    }

    async fn insert(&self, role: &Role) -> Result<(), StoreError> {
        if self.tenant()?.tenant_id != role.tenant_id {
            return Err(StoreError::OutOfScope("a role is added in the scope of its tenant"));
        }
        self.write(|state| {
            no_nul([Some(&role.name), role.description.as_ref()].into_iter().flatten().map(String::as_str))?;
            if state.roles.contains_key(&role.id) {
                return Err(conflict("roles_pkey"));
            }
            if state.roles.values().any(|other| other.tenant_id == role.tenant_id && other.name == role.name) {
                return Err(conflict("uq_roles_name"));
            }
            state.need_tenant(role.tenant_id)?;
            state.roles.insert_mut(role.id, role.clone());
            Ok(())
        })
    }

    async fn assign(&self, assignment: &UserRole) -> Result<(), StoreError> {
        let UserRole { id, tenant_id, user_id, role_id, assigned_by, .. } = *assignment;
        if self.tenant()?.tenant_id != tenant_id {
            return Err(StoreError::OutOfScope("a role is assigned in the scope of its tenant"));
        }
        self.write(|state| {
            if state.user_roles.contains_key(&id) {
                return Err(conflict("user_roles_pkey"));
            }
            if state.user_roles.values().any(|other| other.user_id == user_id && other.role_id == role_id) {
                return Err(conflict("uq_user_roles_user_role"));
            }
            state.need_user(tenant_id, Some(user_id))?;
            state.need_actor(tenant_id, assigned_by)?;
            need(Some(role_id), |id| state.roles.get(&id).is_some_and(|role| role.tenant_id == tenant_id))?;
            state.user_roles.insert_mut(id, assignment.clone());
            Ok(())
        })
    }
}
