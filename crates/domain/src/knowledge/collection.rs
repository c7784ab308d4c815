//! Collections: folders of sources, nested without cycles.

use crate::{
    access::protected,
    clock::Timestamp,
    ids::{CollectionId, TenantId, UserId},
    knowledge::ChunkingSettings,
    names::names,
};

/// How deep collections nest at most, the outermost counted.
pub const MAX_COLLECTION_DEPTH: u32 = 32;

names! {
    /// Who in the tenant may read a collection.
    pub enum CollectionVisibility ("visibility") {
        /// Its owner.
        Private = "private",
        /// Its owner and those with a grant.
        Restricted = "restricted",
        /// Everybody in the tenant.
        Shared = "shared",
    }
}

/// A folder of sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its id.
    pub id: CollectionId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its owner; `None`: it belongs to the tenant.
    pub user_id: Option<UserId>,
    /// The collection around it. A child is never wider than its parent.
    pub parent_id: Option<CollectionId>,
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Who may read it.
    pub visibility: CollectionVisibility,
    /// How its sources are cut into chunks.
    pub chunking: ChunkingSettings,
    /// Chunks of current versions in it; it decides how the index searches.
    pub chunk_count: u64,
    /// Raised with every change of what is found in it; caches are keyed by it.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

protected!(
    Collection: Knowledge, tenant |row| Some(row.tenant_id), owner |row| row.user_id,
    shown |row| row.visibility == CollectionVisibility::Shared,
);
