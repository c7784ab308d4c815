//! The one policy. It is pure: the same actor and permission give the same answer.

use crate::{
    access::{Actor, Area, Permission, Reach, Scope, TenantScope, permission::Extent},
    ids::TenantId,
};

/// Why the policy refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The roles of the user, or the scopes of its key, do not grant the permission.
    #[error("the permission {0} is missing")]
    MissingPermission(Permission),
    /// A superadmin must name the tenant to enter.
    #[error("no tenant is chosen")]
    NoTenant,
}

/// Decides what an actor may do, and how far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policy;

impl Policy {
    /// Decides whether `actor` may use `permission` inside its tenant; the scope says how far.
    ///
    /// The reaches follow the table "Who may see what" of the data model: people change only what
    /// they own, see what is shown to them, and the tenant's admins see the whole tenant (but act on
    /// conversations only as their owners).
    ///
    /// # Errors
    /// [`Denied`], with the gate that refused.
    pub fn allow(self, actor: &Actor, permission: Permission) -> Result<Scope, Denied> {
        if !actor.may(permission) {
            return Err(Denied::MissingPermission(permission));
        }
        let tenant_id = actor.tenant_id.ok_or(Denied::NoTenant)?;
        let (own, seen) =
            if actor.sees_whole_tenant() { (Reach::Tenant, Reach::Tenant) } else { (Reach::Own, Reach::Visible) };
        let mut scope = TenantScope::new(tenant_id, Some(actor.user_id), Reach::Nothing)
            .with(Area::Tenancy, Reach::Visible)
            .with(Area::Identity, Reach::Own)
            // A superadmin owns nothing in a tenant: what it spends there is the tenant's.
            .with(Area::Usage, if actor.owner().is_some() { Reach::Own } else { Reach::Tenant });
        for &(area, extent) in permission.extents() {
            let reach = match extent {
                Extent::Own => Reach::Own,
                Extent::OwnOrAll => own,
                Extent::Visible => seen,
                // What the actor may read of knowledge goes with a conversation: citations show it, turns search it.
                Extent::Cited if actor.may(Permission::KnowledgeRead) => seen,
                Extent::Cited => Reach::Nothing,
                Extent::All => Reach::Tenant,
            };
            scope = scope.with(area, reach);
        }
        Ok(Scope::Tenant(scope))
    }

    /// Decides whether `actor` may use `permission` on the installation as a whole.
    ///
    /// # Errors
    /// [`Denied`] for everybody but a superadmin.
    pub fn allow_installation(
        self,
        actor: &Actor,
        permission: Permission,
        reason: &'static str,
    ) -> Result<Scope, Denied> {
        if actor.is_superadmin && actor.may(permission) {
            Ok(Scope::system(reason))
        } else {
            Err(Denied::MissingPermission(permission))
        }
    }

    /// Decides whether `actor` may create the tenant `new`; the scope is that of the new tenant.
    ///
    /// # Errors
    /// [`Denied`] for everybody but a superadmin.
    pub fn allow_new_tenant(self, actor: &Actor, new: TenantId) -> Result<Scope, Denied> {
        self.allow_installation(actor, Permission::TenantsWrite, "create a tenant").map(|_| Scope::system_in(new))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::access::{Credential, SystemRole};

    fn actor(role: SystemRole, tenant: bool) -> Actor {
        Actor {
            user_id: Uuid::nil().into(),
            tenant_id: tenant.then(|| Uuid::max().into()),
            is_superadmin: role == SystemRole::Superadmin,
            is_tenant_admin: role == SystemRole::TenantAdmin,
            permissions: role.permissions(),
            credential: Credential::Embedded,
            ip_address: None,
            user_agent: None,
        }
    }

    #[test]
    fn nobody_gets_a_tenant_scope_without_a_tenant() {
        for permission in Permission::ALL {
            let answer = Policy.allow(&actor(SystemRole::Superadmin, false), permission);
            assert!(answer.is_err(), "{permission}");
        }
    }

    #[test]
    fn a_viewer_may_not_write() {
        let viewer = actor(SystemRole::Viewer, true);
        for permission in Permission::ALL.into_iter().filter(|p| p.as_str().ends_with(":write")) {
            assert_eq!(Policy.allow(&viewer, permission), Err(Denied::MissingPermission(permission)));
        }
    }

    #[test]
    fn admins_read_conversations_of_the_tenant_but_write_only_their_own() {
        let admin = actor(SystemRole::TenantAdmin, true);
        let read = Policy.allow(&admin, Permission::ConversationsRead).unwrap();
        let write = Policy.allow(&admin, Permission::ConversationsWrite).unwrap();
        assert_eq!(read.tenant().unwrap().reach(Area::Conversations), Reach::Tenant);
        assert_eq!(write.tenant().unwrap().reach(Area::Conversations), Reach::Own);
    }

    #[test]
    fn only_a_superadmin_makes_tenants() {
        let new = Uuid::max().into();
        assert!(Policy.allow_new_tenant(&actor(SystemRole::Superadmin, false), new).is_ok());
        for &role in SystemRole::OF_TENANTS {
            assert!(Policy.allow_new_tenant(&actor(role, true), new).is_err(), "{role}");
        }
    }
}
