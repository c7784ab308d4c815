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
use crate::{
    App, Error, ErrorKind, Result,
    unit_of_work::{Uow, tenant_of},
    usage::Spent,
};

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
    /// The event that reports it.
    pub(crate) fn event(&self) -> TurnEvent {
        TurnEvent::RetrievalCompleted { items: self.items.clone() }
    }
}

/// The question as a vector.
struct EmbeddedQuery {
    model: String,
    vector: Vec<f32>,
    /// How well the model knows its words.
    familiarity: f64,
    spent: Spent,
}

/// How the rankings of a question are fused.
fn fusion(embedded: Option<&EmbeddedQuery>) -> Fusion {
    embedded.map_or_else(Fusion::default, |embedded| Fusion::for_familiarity(embedded.familiarity))
}

/// What the indexes hold of the question, under the scope's right to read.
struct Found {
    /// The candidates, best first; those whose chunks are used say so.
    hits: Vec<RetrievalHit>,
    /// The chunks that are used, best first.
    chunks: Vec<Chunk>,
    filenames: HashMap<SourceId, String>,
}

/// Asks the indexes, fuses their answers, and reads the best chunks.
async fn find(tx: &Uow, wanted: &Retrieval<'_>, embedded: Option<&EmbeddedQuery>) -> Result<Found> {
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
    let vector = match embedded {
        None => Vec::new(),
        Some(EmbeddedQuery { model, vector, .. }) => {
            tx.chunk_index().nearest(model, vector, &readable, CANDIDATES).await?
        }
    };
    let mut hits = fusion(embedded).fuse(&vector, &lexical);
    let used: Vec<_> = hits.iter().take(wanted.limit as usize).map(|hit| hit.chunk_id).collect();
    let mut chunks = tx.chunks().get_many(&used).await?;
    let mut source_ids: Vec<SourceId> = chunks.iter().map(|chunk| chunk.source_id).collect();
    source_ids.sort_unstable();
    source_ids.dedup();
    let sources = tx.sources().get_many(&source_ids).await?;
    let filenames: HashMap<SourceId, String> = sources.into_iter().map(|source| (source.id, source.filename)).collect();
    chunks.retain(|chunk| filenames.contains_key(&chunk.source_id));
    for hit in &mut hits {
        hit.is_used = chunks.iter().any(|chunk| chunk.id == hit.chunk_id);
    }
    Ok(Found { hits, chunks, filenames })
}

impl Found {
    fn filename(&self, chunk: &Chunk) -> String {
        self.filenames.get(&chunk.source_id).cloned().unwrap_or_default()
    }

    /// The chunks as a prompt has them.
    fn passages(&self) -> Vec<Passage> {
        let passage = |(number, chunk): (u32, &Chunk)| Passage {
            number,
            chunk_id: chunk.id,
            source_id: chunk.source_id,
            filename: self.filename(chunk),
            page: chunk.page,
            heading_path: chunk.heading_path.clone(),
            content: chunk.content.clone(),
        };
        (1..).zip(&self.chunks).map(passage).collect()
    }

    /// The chunks as readers get them.
    fn items(&self) -> Vec<RetrievedItem> {
        let scores: HashMap<_, _> = self.hits.iter().map(|hit| (hit.chunk_id, hit.score)).collect();
        let item = |chunk: &Chunk| RetrievedItem {
            chunk_id: chunk.id,
            source_id: chunk.source_id,
            filename: self.filename(chunk),
            content: chunk.content.clone(),
            score: scores.get(&chunk.id).copied().unwrap_or_default(),
            page: chunk.page,
            heading: (!chunk.heading_path.is_empty()).then(|| chunk.heading_path.join(" > ")),
            start: chunk.start,
            end: chunk.end,
        };
        self.chunks.iter().map(item).collect()
    }
}

impl App {
    /// Searches. A hybrid search goes by words alone where there is no embedder, or where it fails.
    pub(crate) async fn retrieve(&self, actor: &Actor, scope: &Scope, wanted: Retrieval<'_>) -> Result<Retrieved> {
        let begun = Instant::now();
        let tenant_id = tenant_of(scope)?;
        let payer = Payer {
            conversation_id: wanted.conversation_id,
            // The embedding of a question is overhead of its conversation, not part of an answer.
            message_id: None,
            ..Payer::of(actor, tenant_id)
        };
        let embedded = self.embed_query(&wanted, payer).await?;
        let found = self.query_in(scope, async |tx| find(tx, &wanted, embedded.as_ref()).await).await?;
        let run = RetrievalRun {
            id: RetrievalRunId(self.parts.ids.random()),
            tenant_id,
            user_id: actor.owner(),
            conversation_id: wanted.conversation_id,
            message_id: wanted.message_id,
            query: wanted.query.to_owned(),
            mode: match (wanted.mode, &embedded) {
                (RetrievalMode::Hybrid, None) => RetrievalMode::Lexical,
                (mode, _) => mode,
            },
            parameters: json!({
                "fusion": fusion(embedded.as_ref()),
                "candidates": CANDIDATES,
                "limit": wanted.limit,
                "collections": wanted.collections,
            }),
            embedding_model: embedded.as_ref().map(|embedded| embedded.model.clone()),
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            created_at: self.now(),
        };
        let (passages, items) = (found.passages(), found.items());
        let spent = embedded.map(|embedded| embedded.spent);
        Ok(Retrieved { run, hits: found.hits, chunks: found.chunks, passages, items, spent })
    }

    async fn embed_query(&self, wanted: &Retrieval<'_>, payer: Payer) -> Result<Option<EmbeddedQuery>> {
        let Some(embedder) = &self.parts.embedder else {
            if wanted.mode == RetrievalMode::Vector {
                let message = "no embedding model is configured; search with mode 'lexical', or set \
                               BANYAN_EMBEDDINGS__MODEL or BANYAN_EMBEDDINGS__PATH";
                return Err(Error::new(ErrorKind::Conflict, "no_embedding_model", message));
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
                let vector = vector.ok_or_else(|| Error::internal("an embedder returns a vector for each text"))?;
                let familiarity = embedder.familiarity(wanted.query);
                Ok(Some(EmbeddedQuery { model: embedder.model().full_name(), vector, familiarity, spent }))
            }
            Err(error) if wanted.mode == RetrievalMode::Hybrid => {
                tracing::warn!(error = ?error, "the question could not be embedded; searching by words alone");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
