//! Permissions: what a route asks for and a role grants.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::error::ValueError;

/// One right, written `area:verb` on the wire and in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Permission {
    /// Create tenants and enter them (superadmin only).
    #[serde(rename = "tenants:write")]
    TenantsWrite,
    /// See tenants (superadmin only).
    #[serde(rename = "tenants:read")]
    TenantsRead,
    /// See the users of the tenant.
    #[serde(rename = "users:read")]
    UsersRead,
    /// Create and change users of the tenant.
    #[serde(rename = "users:write")]
    UsersWrite,
    /// Read one's own account.
    #[serde(rename = "profile:read")]
    ProfileRead,
    /// Change one's own account.
    #[serde(rename = "profile:write")]
    ProfileWrite,
    /// See one's own API keys.
    #[serde(rename = "api_keys:read")]
    ApiKeysRead,
    /// Create and revoke one's own API keys.
    #[serde(rename = "api_keys:write")]
    ApiKeysWrite,
    /// Read conversations.
    #[serde(rename = "conversations:read")]
    ConversationsRead,
    /// Start, continue and change one's own conversations.
    #[serde(rename = "conversations:write")]
    ConversationsWrite,
    /// Read collections and sources, and search.
    #[serde(rename = "knowledge:read")]
    KnowledgeRead,
    /// Create collections and upload sources.
    #[serde(rename = "knowledge:write")]
    KnowledgeWrite,
    /// Call models through the OpenAI face.
    #[serde(rename = "models:use")]
    ModelsUse,
    /// Read usage: one's own, or the tenant's for its admins.
    #[serde(rename = "usage:read")]
    UsageRead,
    /// Read the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
}

impl Permission {
    /// Every permission, in the order of the enumeration.
    pub const ALL: [Self; 15] = [
        Self::TenantsWrite,
        Self::TenantsRead,
        Self::UsersRead,
        Self::UsersWrite,
        Self::ProfileRead,
        Self::ProfileWrite,
        Self::ApiKeysRead,
        Self::ApiKeysWrite,
        Self::ConversationsRead,
        Self::ConversationsWrite,
        Self::KnowledgeRead,
        Self::KnowledgeWrite,
        Self::ModelsUse,
        Self::UsageRead,
        Self::AuditRead,
    ];

    /// The stable name, `area:verb`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantsWrite => "tenants:write",
            Self::TenantsRead => "tenants:read",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::ProfileRead => "profile:read",
            Self::ProfileWrite => "profile:write",
            Self::ApiKeysRead => "api_keys:read",
            Self::ApiKeysWrite => "api_keys:write",
            Self::ConversationsRead => "conversations:read",
            Self::ConversationsWrite => "conversations:write",
            Self::KnowledgeRead => "knowledge:read",
            Self::KnowledgeWrite => "knowledge:write",
            Self::ModelsUse => "models:use",
            Self::UsageRead => "usage:read",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Permission {
    type Err = ValueError;

    fn from_str(value: &str) -> Result<Self, ValueError> {
        Self::ALL.into_iter().find(|permission| permission.as_str() == value).ok_or_else(|| {
            ValueError::new("permission", "unknown_permission", format!("there is no permission '{value}'"))
        })
    }
}

/// A set of permissions.
pub type PermissionSet = BTreeSet<Permission>;
