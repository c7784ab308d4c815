//! Permissions: what a route asks for and a role grants, with who has each and how far it reaches.

use std::collections::BTreeSet;

use crate::{
    access::{Area, SystemRole},
    names::names,
};

/// How far a permission reaches among the rows of an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// One's own, also for admins.
    Own,
    /// One's own; all of the tenant's for its admins.
    OwnOrAll,
    /// What one owns or is shown; all of the tenant's for its admins.
    Visible,
    /// As `Visible` for those who may read knowledge; nothing for others.
    Cited,
    /// All of the tenant's.
    All,
}

/// Declares the permissions, each in one line: its name; the least of the system roles that have it, with those above
/// it, `personal` where a superadmin has it not, who owns nothing in a tenant; and how far it reaches in which areas
/// beyond what every permission does: to what the tenancy shows, one's own of identity and of usage
/// ([`Policy::allow`](crate::access::Policy::allow)).
macro_rules! permissions {
    (@personal) => { false };
    (@personal personal) => { true };
    ($($(#[$doc:meta])* $name:ident = $text:literal, from $role:ident $([$personal:ident])? $(, $area:ident $extent:ident)*;)+) => {
        names! {
            /// One right, written `area:verb` on the wire and in the database.
            pub enum Permission ("permission") {
                $($(#[$doc])* $name = $text,)+
            }
        }

        impl Permission {
            /// The least of the system roles that have it.
            #[must_use]
            pub const fn least_role(self) -> SystemRole {
                match self {
                    $(Self::$name => SystemRole::$role,)+
                }
            }

            /// Whether it is a right to what one owns, so that no superadmin has it.
            pub(crate) const fn is_personal(self) -> bool {
                match self {
                    $(Self::$name => permissions!(@personal $($personal)?),)+
                }
            }

            pub(crate) const fn extents(self) -> &'static [(Area, Extent)] {
                match self {
                    $(Self::$name => &[$((Area::$area, Extent::$extent)),*],)+
                }
            }
        }
    };
}

permissions! {
    /// Create tenants and enter them.
    TenantsWrite = "tenants:write", from Superadmin;
    /// See tenants.
    TenantsRead = "tenants:read", from Superadmin;
    /// See the tenant's social links.
    SocialLinksRead = "social_links:read", from Viewer;
    /// Change the tenant's social links.
    SocialLinksWrite = "social_links:write", from TenantAdmin, Tenancy All;
    /// See the users of the tenant.
    UsersRead = "users:read", from Viewer, Identity All;
    /// Create and change users of the tenant.
    UsersWrite = "users:write", from TenantAdmin, Identity All;
    /// Read one's own account.
    ProfileRead = "profile:read", from Viewer;
    /// Change one's own account.
    ProfileWrite = "profile:write", from User;
    /// See one's own API keys.
    ApiKeysRead = "api_keys:read", from Viewer [personal];
    /// Create and revoke one's own API keys.
    ApiKeysWrite = "api_keys:write", from User [personal];
    /// Read conversations.
    ConversationsRead = "conversations:read", from Viewer, Conversations Visible, Knowledge Cited;
    /// Start, continue and change one's own conversations.
    ConversationsWrite = "conversations:write", from User [personal], Conversations Own, Knowledge Cited;
    /// Read collections and sources, and search.
    KnowledgeRead = "knowledge:read", from Viewer, Knowledge Visible;
    /// Create collections and upload sources.
    KnowledgeWrite = "knowledge:write", from User, Knowledge OwnOrAll;
    /// Call models through the OpenAI face.
    ModelsUse = "models:use", from User [personal], Conversations Own, Knowledge Cited;
    /// Read usage: one's own, or the tenant's for its admins.
    UsageRead = "usage:read", from Viewer, Usage OwnOrAll, Conversations Visible;
    /// Read the audit log.
    AuditRead = "audit:read", from TenantAdmin, Administration All;
}

/// A set of permissions.
pub type PermissionSet = BTreeSet<Permission>;
