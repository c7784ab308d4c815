//! Search over what the actor may read.

use domain::{
    access::{Actor, Permission},
    conversations::event::RetrievedItem,
    error::ValueError,
    ids::CollectionId,
    knowledge::{
        RetrievalMode,
        retrieval::{DEFAULT_PASSAGES, MAX_PASSAGES},
    },
    text,
};

use super::{Knowledge, Retrieval, Retrieved, keep::KeptSearch, named_once, need_all};
use crate::{Result, unit_of_work::Uow};

/// Most bytes of a question.
pub const MAX_QUERY_BYTES: usize = 16 * 1024;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRequest {
    /// The question.
    pub query: String,
    /// Only in these collections and below; `None`: in all that the actor may read.
    pub collections: Option<Vec<CollectionId>>,
    /// Most passages, 1 to [`MAX_PASSAGES`].
    pub limit: Option<u32>,
    /// Which parts to use.
    pub mode: RetrievalMode,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchResult {
    /// The passages, best first.
    pub items: Vec<RetrievedItem>,
    /// Which parts were used in fact.
    pub mode: RetrievalMode,
}

impl Knowledge {
    /// Searches. The search is kept, with its hits and what it cost, soon after it was answered.
    ///
    /// # Errors
    /// `invalid`, `too_many_collections`; `not_found` for a collection that the actor may not read.
    pub async fn search(&self, actor: &Actor, request: SearchRequest) -> Result<SearchResult> {
        let scope = self.app.allow(actor, Permission::KnowledgeRead)?;
        let query = text::free("query", &request.query, MAX_QUERY_BYTES)?;
        if query.trim().is_empty() {
            return Err(ValueError::new("query", "blank", "must not be blank").into());
        }
        let limit = request.limit.unwrap_or(DEFAULT_PASSAGES);
        if !(1..=MAX_PASSAGES).contains(&limit) {
            return Err(ValueError::new("limit", "out_of_range", format!("must be 1 to {MAX_PASSAGES}")).into());
        }
        let collections = request.collections.map(named_once).transpose()?;
        if let Some(ids) = &collections {
            self.app.query_in(&scope, async |tx: &Uow| need_all(tx, ids).await).await?;
        }
        let app = self.app.clone();
        let actor = actor.clone();
        self.app
            .detached(async move {
                let wanted = Retrieval {
                    query: &query,
                    collections,
                    mode: request.mode,
                    limit,
                    conversation_id: None,
                    message_id: None,
                };
                let Retrieved { run, hits, items, spent, .. } = app.retrieve(&actor, &scope, wanted).await?;
                let mode = run.mode;
                app.keep_search(scope, KeptSearch { run, hits, spent }).await?;
                Ok(SearchResult { items, mode })
            })
            .await
    }
}
