//! Permissions: what a route asks for and a role grants.

use std::collections::BTreeSet;

use crate::names::names;

names! {
    /// One right, written `area:verb` on the wire and in the database.
    pub enum Permission ("permission") {
        /// Create tenants and enter them (superadmin only).
        TenantsWrite = "tenants:write",
        /// See tenants (superadmin only).
        TenantsRead = "tenants:read",
        /// See the tenant's social links.
        SocialLinksRead = "social_links:read",
        /// Change the tenant's social links.
        SocialLinksWrite = "social_links:write",
        /// See the users of the tenant.
        UsersRead = "users:read",
        /// Create and change users of the tenant.
        UsersWrite = "users:write",
        /// Read one's own account.
        ProfileRead = "profile:read",
        /// Change one's own account.
        ProfileWrite = "profile:write",
        /// See one's own API keys.
        ApiKeysRead = "api_keys:read",
        /// Create and revoke one's own API keys.
        ApiKeysWrite = "api_keys:write",
        /// Read conversations.
        ConversationsRead = "conversations:read",
        /// Start, continue and change one's own conversations.
        ConversationsWrite = "conversations:write",
        /// Read collections and sources, and search.
        KnowledgeRead = "knowledge:read",
        /// Create collections and upload sources.
        KnowledgeWrite = "knowledge:write",
        /// Call models through the OpenAI face.
        ModelsUse = "models:use",
        /// Read usage: one's own, or the tenant's for its admins.
        UsageRead = "usage:read",
        /// Read the audit log.
        AuditRead = "audit:read",
    }
}

/// A set of permissions.
pub type PermissionSet = BTreeSet<Permission>;
