//! Create, read and list collections.

use domain::{
    access::{Actor, Permission},
    error::ValueError,
    ids::{CollectionId, TenantId},
    knowledge::{ChunkingSettings, Collection, CollectionVisibility, collection::MAX_COLLECTION_DEPTH},
    page::{Page, PageRequest},
    text,
    usage::QuotaKind,
};
use serde_json::json;

use crate::{
    Error, ErrorKind, Idempotent, Outcome, Result,
    audit::Act,
    knowledge::{Knowledge, upload::refuse_to_change},
    unit_of_work::{Uow, tenant_of},
};

/// Most bytes of a description.
pub const MAX_COLLECTION_DESCRIPTION_BYTES: usize = 4 * 1024;

/// Most collections that one request names.
pub const MAX_NAMED_COLLECTIONS: usize = 100;

/// What a collection begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewCollection {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The collection around it.
    pub parent_id: Option<CollectionId>,
    /// Who may read it; by default its owner.
    pub visibility: Option<CollectionVisibility>,
}

impl Knowledge {
    /// Creates a collection.
    ///
    /// # Errors
    /// `invalid`; `not_found` for a parent that the actor may not change; `too_deep`,
    /// `wider_than_parent`; `quota_exceeded`.
    pub async fn create_collection(
        &self,
        actor: &Actor,
        new: NewCollection,
        idempotent: Option<Idempotent<Collection>>,
    ) -> Result<Outcome<Collection>> {
        let scope = self.app.allow(actor, Permission::KnowledgeWrite)?;
        let collection = self.new_row(actor, tenant_of(&scope)?, new)?;
        let work = move |tx: Uow| {
            let collection = collection.clone();
            async move {
                if let Some(parent) = collection.parent_id {
                    check_parent(&tx, &collection, parent).await?;
                }
                tx.app().need_room(&tx, QuotaKind::Collections, collection.user_id, 1).await?;
                tx.collections().insert(&collection).await?;
                let after = json!({ "name": collection.name, "visibility": collection.visibility.as_str() });
                let act = Act::on("collection_created", "collection", collection.id.0).now(after);
                Ok((collection, act))
            }
        };
        self.app.change(actor, scope, idempotent, work).await
    }

    /// A collection that is not stored yet.
    fn new_row(&self, actor: &Actor, tenant_id: TenantId, new: NewCollection) -> Result<Collection> {
        let name = text::name("name", &new.name)?;
        let description = new
            .description
            .as_deref()
            .map(|description| text::free("description", description, MAX_COLLECTION_DESCRIPTION_BYTES))
            .transpose()?;
        let visibility = new.visibility.unwrap_or(CollectionVisibility::Private);
        if visibility == CollectionVisibility::Restricted {
            let message = "grants are not supported yet; take 'private' or 'shared'";
            return Err(ValueError::new("visibility", "not_yet_supported", message).into());
        }
        let now = self.app.now();
        Ok(Collection {
            id: CollectionId(self.app.parts.ids.random()),
            tenant_id,
            user_id: actor.owner(),
            parent_id: new.parent_id,
            name,
            description,
            visibility,
            chunking: ChunkingSettings::default(),
            chunk_count: 0,
            generation: 0,
            created_at: now,
            updated_at: now,
        })
    }

    /// The collection.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn collection(&self, actor: &Actor, id: CollectionId) -> Result<Collection> {
        let read = async |tx: &Uow| collection(tx, id).await;
        let found = self.app.query(actor, Permission::KnowledgeRead, read).await?;
        self.note_reading(actor, &found).await?;
        Ok(found)
    }

    /// Puts on record that a superadmin reads a collection that is a person's and not shown to all.
    pub(super) async fn note_reading(&self, actor: &Actor, collection: &Collection) -> Result<()> {
        let is_shown = collection.visibility == CollectionVisibility::Shared;
        if !actor.is_superadmin || collection.user_id.is_none() || is_shown {
            return Ok(());
        }
        let read = Act::on("collection_read", "collection", collection.id.0);
        self.app.record_reading(actor, collection.tenant_id, read).await
    }

    /// Collections that the actor may read, newest first; with `parent` only its children.
    ///
    /// # Errors
    /// `forbidden`.
    pub async fn collections(
        &self,
        actor: &Actor,
        parent: Option<CollectionId>,
        page: PageRequest,
    ) -> Result<Page<Collection>> {
        let read = async |tx: &Uow| Ok(tx.collections().list(parent, page).await?);
        self.app.query(actor, Permission::KnowledgeRead, read).await
    }
}

/// The collection, or the error that it is not there.
pub(super) async fn collection(tx: &Uow, id: CollectionId) -> Result<Collection> {
    tx.collections().get(id).await?.ok_or_else(|| Error::not_found("collection", id.0))
}

/// The collections that a request names, each once.
///
/// # Errors
/// `too_many_collections`.
pub(crate) fn named_once(mut ids: Vec<CollectionId>) -> Result<Vec<CollectionId>> {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() > MAX_NAMED_COLLECTIONS {
        let message = format!("name at most {MAX_NAMED_COLLECTIONS} collections");
        return Err(Error::new(ErrorKind::Invalid, "too_many_collections", message));
    }
    Ok(ids)
}

/// Refuses a collection that is not there for the actor, in one query for all.
///
/// # Errors
/// `not_found`.
pub(crate) async fn need_all(tx: &Uow, ids: &[CollectionId]) -> Result<()> {
    let reached = tx.collections().with_descendants(ids).await?;
    match ids.iter().find(|id| reached.binary_search(id).is_err()) {
        Some(missing) => Err(Error::not_found("collection", missing.0)),
        None => Ok(()),
    }
}

/// Refuses a place that is too deep, or shown to fewer than the collection itself.
async fn check_parent(tx: &Uow, collection: &Collection, parent: CollectionId) -> Result<()> {
    let found = tx.collections().get(parent).await?;
    let found = found.ok_or_else(|| Error::not_found("collection", parent.0))?;
    if let Some(by) = tx.by() {
        refuse_to_change(by, found.user_id)?;
    }
    if collection.visibility > found.visibility {
        let message = "must not be wider than that of the collection around it";
        return Err(ValueError::new("visibility", "wider_than_parent", message).into());
    }
    if tx.collections().depth(parent).await? + 2 > MAX_COLLECTION_DEPTH {
        let message = format!("collections nest at most {MAX_COLLECTION_DEPTH} deep");
        return Err(Error::new(ErrorKind::Invalid, "too_deep", message));
    }
    Ok(())
}
