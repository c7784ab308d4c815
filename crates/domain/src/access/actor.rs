//! The one who acts: a user, through a session or an API key.

use std::net::IpAddr;

use crate::{
    access::{Permission, PermissionSet},
    ids::{ApiKeyId, SessionId, TenantId, UserId},
};

/// By which credential an actor was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An access token of this session.
    Session(SessionId),
    /// This API key.
    ApiKey(ApiKeyId),
    /// A program that embeds Banyan and vouches for the user itself.
    Embedded,
}

/// An authenticated user in a tenant, with the rights of this moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The user.
    pub user_id: UserId,
    /// The tenant acted in. `None` only for a superadmin who has entered none; it never means all.
    pub tenant_id: Option<TenantId>,
    /// The user belongs to no tenant and runs the installation.
    pub is_superadmin: bool,
    /// The user runs the tenant (the role `tenant_admin`).
    pub is_tenant_admin: bool,
    /// What the credential and the user's current roles both allow.
    pub permissions: PermissionSet,
    /// How the actor was recognised.
    pub credential: Credential,
    /// Where the request came from.
    pub ip_address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
}

impl Actor {
    /// Whether the actor has this permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// Whether the actor may give these permissions to another: a key, a role, whatever rights are handed on by.
    /// Nobody gives more than the credential at hand holds, be the user's own rights wider. Who runs the
    /// installation and is there in person gives what it does not have itself: it makes the first admins.
    ///
    /// # Errors
    /// The first permission that is missing.
    pub fn may_hand_on(&self, permissions: &PermissionSet) -> Result<(), Permission> {
        let is_installer = self.is_superadmin && !matches!(self.credential, Credential::ApiKey(_));
        match permissions.difference(&self.permissions).next() {
            Some(missing) if !is_installer => Err(*missing),
            _ => Ok(()),
        }
    }

    /// Whether the actor may all that it might `before`, in the same tenant.
    #[must_use]
    pub fn may_no_less_than(&self, before: &Self) -> bool {
        self.tenant_id == before.tenant_id
            && self.permissions.is_superset(&before.permissions)
            && (self.is_tenant_admin || !before.is_tenant_admin)
            && (self.is_superadmin || !before.is_superadmin)
    }

    /// The user as the owner of what it makes in a tenant. A superadmin owns nothing there.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        (!self.is_superadmin).then_some(self.user_id)
    }

    /// Whether the actor may change what belongs to this user, or to nobody, where it reaches it. A superadmin reads
    /// what is a person's, and writes to what is the tenant's alone.
    #[must_use]
    pub fn may_change_of(&self, owner: Option<UserId>) -> bool {
        !self.is_superadmin || owner.is_none()
    }

    /// Whether the actor sees more of the tenant than its own things.
    #[must_use]
    pub fn sees_whole_tenant(&self) -> bool {
        self.is_superadmin || self.is_tenant_admin
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::access::SystemRole;

    #[test]
    fn nobody_hands_on_more_than_the_credential_holds() {
        let admin = Actor {
            user_id: Uuid::nil().into(),
            tenant_id: Some(Uuid::max().into()),
            is_superadmin: false,
            is_tenant_admin: true,
            permissions: SystemRole::TenantAdmin.permissions(),
            credential: Credential::Session(Uuid::nil().into()),
            ip_address: None,
            user_agent: None,
        };
        for &role in SystemRole::OF_TENANTS {
            assert_eq!(admin.may_hand_on(&role.permissions()), Ok(()), "{role}");
        }
        let key = Credential::ApiKey(Uuid::nil().into());
        let narrow = Actor { permissions: [Permission::UsersWrite].into(), credential: key, ..admin.clone() };
        assert_eq!(narrow.may_hand_on(&[Permission::UsersWrite].into()), Ok(()));
        for &role in SystemRole::OF_TENANTS {
            assert!(narrow.may_hand_on(&role.permissions()).is_err(), "{role}");
        }
        let superadmin = Actor { is_superadmin: true, permissions: SystemRole::Superadmin.permissions(), ..admin };
        assert_eq!(superadmin.may_hand_on(&SystemRole::User.permissions()), Ok(()));
        let by_key = Actor { credential: key, ..superadmin };
        assert!(by_key.may_hand_on(&SystemRole::User.permissions()).is_err());
    }
}
