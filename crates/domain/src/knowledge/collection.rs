//! Collections: folders of sources, nested without cycles.

use crate::{
    clock::Timestamp,
    error::ValueError,
    ids::{CollectionId, TenantId, UserId},
    knowledge::ChunkingSettings,
};

/// How deep collections nest at most, the outermost counted.
pub const MAX_COLLECTION_DEPTH: u32 = 32;

/// Who in the tenant may read a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CollectionVisibility {
    /// Its owner.
    Private,
    /// Its owner and those with a grant.
    Restricted,
    /// Everybody in the tenant.
    Shared,
}

impl CollectionVisibility {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Restricted => "restricted",
            Self::Shared => "shared",
        }
    }

    /// Parses the stable name.
    ///
    /// # Errors
    /// `unknown_visibility` for the field `visibility`.
    pub fn parse(value: &str) -> Result<Self, ValueError> {
        match value {
            "private" => Ok(Self::Private),
            "restricted" => Ok(Self::Restricted),
            "shared" => Ok(Self::Shared),
            _ => {
                Err(ValueError::new("visibility", "unknown_visibility", "must be 'private', 'restricted' or 'shared'"))
            }
        }
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
    /// Chunks of current versions in it; tells the index how to search.
    pub chunk_count: u64,
    /// Raised with every change of what is found in it; caches are keyed by it.
    pub generation: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
