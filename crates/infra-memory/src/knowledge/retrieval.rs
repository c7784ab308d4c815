//! Searches, their hits, and citations.

use async_trait::async_trait;
use domain::{
    access::{Filter, Purpose},
    conversations::Conversation,
    ids::MessageId,
    knowledge::{Citation, CitationStanding, CitedPassage, Collection, RetrievalHit, RetrievalRepo, RetrievalRun},
    store::StoreError,
};

use super::rows::StoredHits;
use crate::{state::State, store::MemoryTx, table::place};

impl State {
    fn insert_run(&mut self, run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<(), StoreError> {
        let RetrievalRun { id: retrieval_run_id, tenant_id, .. } = *run;
        self.insert(run.clone())?;
        self.insert(StoredHits { tenant_id, retrieval_run_id, hits: hits.to_vec() })
    }

    fn cited(&self, sources: Filter, citation: &Citation) -> CitedPassage {
        let source = citation.source_id.and_then(|id| self.sources.get(&id));
        let standing = match (source, citation.source_version_id, citation.chunk_id) {
            (Some(source), _, _) if self.reached_source(sources, source.id).is_none() => {
                CitationStanding::AccessRevoked
            }
            (Some(source), Some(version), Some(_)) if source.current_version_id == Some(version) => {
                CitationStanding::Current
            }
            (Some(_), Some(_), Some(_)) => CitationStanding::Superseded,
            _ => CitationStanding::Deleted,
        };
        let mut citation = citation.clone();
        if standing == CitationStanding::AccessRevoked {
            citation.quote.clear();
            citation.filename.clear();
        }
        CitedPassage { citation, standing }
    }
}

#[async_trait]
impl RetrievalRepo for MemoryTx {
    async fn insert_run(&self, run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<(), StoreError> {
        self.scope.may_add(run)?;
        self.write(|state| state.insert_run(run, hits))
    }

    async fn insert_citations(&self, citations: &[Citation]) -> Result<(), StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Change)?;
        citations.iter().try_for_each(|citation| self.may_add_part(citation.tenant_id))?;
        self.write(|state| {
            citations.iter().try_for_each(|citation| {
                state.whole::<Conversation>(filter, &citation.conversation_id)?;
                state.insert(citation.clone())
            })
        })
    }

    async fn citations_of(&self, messages: &[MessageId]) -> Result<Vec<CitedPassage>, StoreError> {
        let filter = self.scope.filter::<Conversation>(Purpose::Read)?;
        let sources = self.scope.filter::<Collection>(Purpose::Read)?;
        self.read(|state| {
            let mut messages = messages.to_vec();
            messages.sort_unstable();
            messages.dedup();
            let reached = messages.into_iter().filter(|id| state.reached_message(filter, *id).is_some());
            let citations = reached.flat_map(|id| state.citations.by("uq_citations_index", place![id.0]));
            Ok(citations.map(|citation| state.cited(sources, citation)).collect())
        })
    }
}
