//! Searches, their hits, and citations.

use async_trait::async_trait;
use domain::{
    access::TenantScope,
    ids::MessageId,
    knowledge::{Citation, CitationStanding, CitedPassage, RetrievalHit, RetrievalRepo, RetrievalRun},
    store::StoreError,
};

use crate::{
    check::{conflict, fits_column, no_nul, no_nul_json, refuse},
    state::{State, need},
    store::MemoryTx,
};

impl State {
    fn insert_run(&mut self, run: &RetrievalRun, hits: &[RetrievalHit]) -> Result<(), StoreError> {
        let tenant = run.tenant_id;
        no_nul([Some(&run.query), run.embedding_model.as_ref()].into_iter().flatten().map(String::as_str))?;
        no_nul_json([&run.parameters])?;
        fits_column([run.duration_ms])?;
        if self.retrieval_runs.contains_key(&run.id) {
            return Err(conflict("retrieval_runs_pkey"));
        }
        self.need_actor(tenant, run.user_id)?;
        self.need_conversation(tenant, run.conversation_id)?;
        self.need_message(tenant, run.message_id)?;
        for (index, hit) in hits.iter().enumerate() {
            if hits.iter().take(index).any(|other| other.chunk_id == hit.chunk_id) {
                return Err(conflict("retrieval_hits_pkey"));
            }
            self.need_chunk(tenant, Some(hit.chunk_id))?;
        }
        self.retrieval_runs.insert_mut(run.id, (run.clone(), hits.to_vec()));
        Ok(())
    }

    fn insert_citation(&mut self, scope: &TenantScope, citation: &Citation) -> Result<(), StoreError> {
        let tenant = citation.tenant_id;
        if tenant != scope.tenant_id {
            return Err(StoreError::OutOfScope("a citation is added in the scope of its tenant"));
        }
        no_nul([citation.filename.as_str(), &citation.quote])?;
        if citation.quote_start > citation.quote_end || citation.index < 1 {
            return Err(refuse("a quote does not end before it starts, and citations count from 1"));
        }
        if self.citations.contains_key(&citation.id) {
            return Err(conflict("citations_pkey"));
        }
        let place = (citation.message_id, citation.index);
        if self.citation_order.contains_key(&place) {
            return Err(conflict("uq_citations_index"));
        }
        self.need_conversation(tenant, Some(citation.conversation_id))?;
        self.need_message_of(citation.conversation_id, Some(citation.message_id))?;
        self.need_chunk(tenant, citation.chunk_id)?;
        need(citation.source_id, |id| self.sources.get(&id).is_some_and(|source| source.tenant_id == tenant))?;
        need(citation.source_version_id, |id| {
            self.source_versions.get(&id).is_some_and(|version| version.tenant_id == tenant)
        })?;
        self.citation_order.insert_mut(place, citation.id);
        self.citations.insert_mut(citation.id, citation.clone());
        Ok(())
    }

    fn cited(&self, scope: &TenantScope, citation: &Citation) -> CitedPassage {
        let source = citation.source_id.and_then(|id| self.sources.get(&id));
        let standing = match (source, citation.source_version_id, citation.chunk_id) {
            (Some(source), _, _) if !self.reaches_source(scope, source) => CitationStanding::AccessRevoked,
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
        if self.tenant()?.tenant_id != run.tenant_id {
            return Err(StoreError::OutOfScope("a search is kept in the scope of its tenant"));
        }
        self.write(|state| state.insert_run(run, hits))
    }

    async fn insert_citations(&self, citations: &[Citation]) -> Result<(), StoreError> {
        let scope = self.tenant()?;
        self.write(|state| citations.iter().try_for_each(|citation| state.insert_citation(scope, citation)))
    }

    async fn citations_of(&self, messages: &[MessageId]) -> Result<Vec<CitedPassage>, StoreError> {
        let scope = self.tenant()?;
        self.read(|state| {
            let mut messages = messages.to_vec();
            messages.sort_unstable();
            messages.dedup();
            let reached = messages.into_iter().filter(|id| state.reached_message(scope, *id).is_some());
            let citations = reached.flat_map(|id| state.citation_order.range((id, 0)..=(id, u32::MAX)));
            let citations = citations.filter_map(|(_, id)| state.citations.get(id));
            Ok(citations.map(|citation| state.cited(scope, citation)).collect())
        })
    }
}
