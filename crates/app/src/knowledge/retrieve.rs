//! Retrieval: vectors and words, fused; the right to read is inside the queries.

use std::{collections::HashMap, time::Instant};

use domain::{
    access::{Actor, Scope},
    conversations::{TurnEvent, event::RetrievedItem},
    gateways::{EmbeddingInput, EmbeddingPurpose, Passage, Readable},
    ids::{CollectionId, ConversationId, MessageId, RetrievalRunId, SourceId},
    knowledge::{Chunk, Fusion, RetrievalHit, RetrievalMode, RetrievalRun, retrieval::CANDIDATES},
};
use serde_json::json;

use super::embed::Payer;
use crate::{App, Error, ErrorKind, Result, usage::Spent};

/// What is looked for.
pub(crate) struct Retrieval<'a> {
    pub(crate) query: &'a str,
    /// Only in these collections and below; `None`: in all that the scope may read.
    pub(crate) collections: Option<Vec<CollectionId>>,
    pub(crate) mode: RetrievalMode,
    pub(crate) limit: u32,
    pub(crate) conversation_id: Option<ConversationId>,
    pub(crate) message_id: Option<MessageId>,
}

/// What was found. The caller keeps `run` and `hits`, and writes `spent` into the ledger.
pub(crate) struct Retrieved {
    pub(crate) run: RetrievalRun,
    pub(crate) hits: Vec<RetrievalHit>,
    /// The chunks that are used, best first; `passages` and `items` are the same in other shapes.
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) passages: Vec<Passage>,
    pub(crate) items: Vec<RetrievedItem>,
    pub(crate) spent: Option<Spent>,
}

impl Retrieved {
    /// The event that tells of it.
    pub(crate) fn event(&self) -> TurnEvent {
        TurnEvent::RetrievalCompleted { items: self.items.clone() }
    }
}

impl App {
    /// Searches. A hybrid search goes by words alone where there is no embedder, or where it fails.
    pub(crate) async fn retrieve(&self, actor: &Actor, scope: &Scope, wanted: Retrieval<'_>) -> Result<Retrieved> {
        let begun = Instant::now();
        let tenant_id = scope.tenant_id().ok_or_else(Error::unauthenticated)?;
        let payer = Payer {
            conversation_id: wanted.conversation_id,
            // The embedding of a question is overhead of its conversation, not part of an answer.
            message_id: None,
            ..Payer::of(actor, tenant_id)
        };
        let embedded = self.embed_query(&wanted, payer).await?;
        let tx = self.read(scope).await?;
        let readable = Readable {
            collections: match &wanted.collections {
                None => None,
                Some(ids) => Some(tx.collections().with_descendants(ids).await?),
            },
        };
        let lexical = if wanted.mode == RetrievalMode::Vector {
            Vec::new()
        } else {
            tx.chunk_index().lexical(wanted.query, &readable, CANDIDATES).await?
        };
        let vector = match &embedded {
            None => Vec::new(),
            Some((model, vector, _)) => tx.chunk_index().nearest(model, vector, &readable, CANDIDATES).await?,
        };
        let fusion = Fusion::default();
        let mut hits = fusion.fuse(&vector, &lexical);
        let used: Vec<_> = hits.iter().take(wanted.limit as usize).map(|hit| hit.chunk_id).collect();
        let chunks = tx.chunks().get_many(&used).await?;
        let mut source_ids: Vec<SourceId> = chunks.iter().map(|chunk| chunk.source_id).collect();
        source_ids.sort_unstable();
        source_ids.dedup();
        let sources = tx.sources().get_many(&source_ids).await?;
        tx.commit().await?;

        let filenames: HashMap<SourceId, String> =
            sources.into_iter().map(|source| (source.id, source.filename)).collect();
        let chunks: Vec<Chunk> = chunks.into_iter().filter(|chunk| filenames.contains_key(&chunk.source_id)).collect();
        let scores: HashMap<_, _> = hits.iter().map(|hit| (hit.chunk_id, hit.score)).collect();
        for hit in &mut hits {
            hit.is_used = chunks.iter().any(|chunk| chunk.id == hit.chunk_id);
        }
        let filename = |chunk: &Chunk| filenames.get(&chunk.source_id).cloned().unwrap_or_default();
        let passages = (1u32..)
            .zip(&chunks)
            .map(|(number, chunk)| Passage {
                number,
                chunk_id: chunk.id,
                source_id: chunk.source_id,
                filename: filename(chunk),
                page: chunk.page,
                heading_path: chunk.heading_path.clone(),
                content: chunk.content.clone(),
            })
            .collect();
        let items = chunks
            .iter()
            .map(|chunk| RetrievedItem {
                chunk_id: chunk.id,
                source_id: chunk.source_id,
                filename: filename(chunk),
                content: chunk.content.clone(),
                score: scores.get(&chunk.id).copied().unwrap_or_default(),
                page: chunk.page,
                heading: (!chunk.heading_path.is_empty()).then(|| chunk.heading_path.join(" > ")),
                start: chunk.start,
                end: chunk.end,
            })
            .collect();
        let mode = match (wanted.mode, &embedded) {
            (RetrievalMode::Hybrid, None) => RetrievalMode::Lexical,
            (mode, _) => mode,
        };
        let run = RetrievalRun {
            id: RetrievalRunId(self.parts.ids.random()),
            tenant_id,
            user_id: actor.owner(),
            conversation_id: wanted.conversation_id,
            message_id: wanted.message_id,
            query: wanted.query.to_owned(),
            mode,
            parameters: json!({
                "fusion": fusion,
                "candidates": CANDIDATES,
                "limit": wanted.limit,
                "collections": wanted.collections,
            }),
            embedding_model: embedded.as_ref().map(|(model, ..)| model.clone()),
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            created_at: self.now(),
        };
        Ok(Retrieved { run, hits, chunks, passages, items, spent: embedded.map(|(.., spent)| spent) })
    }

    async fn embed_query(&self, wanted: &Retrieval<'_>, payer: Payer) -> Result<Option<(String, Vec<f32>, Spent)>> {
        let Some(embedder) = &self.parts.embedder else {
            if wanted.mode == RetrievalMode::Vector {
                let message = "no embedding model is configured; search with mode 'lexical', or set \
                               BANYAN_EMBEDDINGS__MODEL or BANYAN_EMBEDDINGS__PATH";
                return Err(Error::new(ErrorKind::Invalid, "no_embedding_model", message));
            }
            return Ok(None);
        };
        if wanted.mode == RetrievalMode::Lexical {
            return Ok(None);
        }
        let question = EmbeddingInput::Texts(vec![wanted.query.to_owned()]);
        match self.embed(embedder, payer, &question, EmbeddingPurpose::Query).await {
            Ok((embeddings, spent)) => {
                let vector = embeddings.vectors.into_iter().next();
                let vector = vector.ok_or_else(|| Error::internal("an embedder answers a vector for each text"))?;
                Ok(Some((embedder.model().full_name(), vector, spent)))
            }
            Err(error) if wanted.mode == RetrievalMode::Hybrid => {
                tracing::warn!(error = ?error, "the question could not be embedded; searching by words alone");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
