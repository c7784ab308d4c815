//! The step that makes vectors of chunks.

use std::sync::Arc;

use domain::{
    gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, IndexEntry},
    knowledge::{Chunk, SourceVersion},
};

use super::{Ingest, StepError};
use crate::{Error, knowledge::Payer, unit_of_work::Uow};

impl Ingest<'_> {
    /// Embeds what has no vector yet, batch by batch, each committed with its account.
    pub(super) async fn embed(
        &self,
        version: &mut SourceVersion,
        embedder: &Arc<dyn Embedder>,
    ) -> Result<(), StepError> {
        let name = embedder.model().full_name();
        let (id, model) = (version.id, name.as_str());
        let mut done = self.step(|tx| async move { Ok(tx.chunk_index().count(id, model).await?) }).await?;
        let batch = u32::try_from(embedder.max_batch()).unwrap_or(u32::MAX);
        while done < version.chunk_count {
            let from = u32::try_from(done).unwrap_or(u32::MAX);
            let read = async |tx: &Uow| Ok(tx.chunks().of_version(id, from, batch).await?);
            let chunks = self.app.query_in(&self.scope, read).await?;
            if chunks.is_empty() {
                return Err(Error::internal("the chunks of a version are not all there").into());
            }
            done += chunks.len() as u64;
            self.embed_batch(version, embedder, &name, &chunks, done).await?;
        }
        Ok(())
    }

    /// Embeds chunks, and commits their vectors with what they cost.
    async fn embed_batch(
        &self,
        version: &mut SourceVersion,
        embedder: &Arc<dyn Embedder>,
        name: &str,
        chunks: &[Chunk],
        done: u64,
    ) -> Result<(), StepError> {
        let payer = Payer {
            tenant_id: self.job.tenant_id,
            user_id: self.job.user_id,
            api_key_id: None,
            conversation_id: None,
            message_id: None,
        };
        let texts = EmbeddingInput::Texts(chunks.iter().map(Chunk::embedded_text).collect());
        let (embeddings, spent) = self.app.embed(embedder, payer, &texts, EmbeddingPurpose::Document).await?;
        let is_first = version.embedding_model.as_deref() != Some(name);
        if is_first {
            version.embedding_model = Some(name.to_owned());
            version.embedding_dimension =
                embeddings.vectors.first().and_then(|vector| u32::try_from(vector.len()).ok());
        }
        let entry = |(chunk, vector): (&Chunk, Vec<f32>)| IndexEntry {
            chunk_id: chunk.id,
            collection_id: chunk.collection_id,
            source_id: chunk.source_id,
            source_version_id: chunk.source_version_id,
            model: name.to_owned(),
            vector,
        };
        let entries: Vec<IndexEntry> = chunks.iter().zip(embeddings.vectors).map(entry).collect();
        let (version, entries, spent) = (&*version, &entries, &spent);
        let work = |tx: Uow| async move {
            if is_first {
                tx.sources().update_version(version).await?;
            }
            tx.chunk_index().insert(entries).await?;
            self.app.settle_call(&tx, spent).await?;
            Ok(tx.jobs().record_progress(self.lease, "embed", done, version.chunk_count).await?)
        };
        Ok(self.step(work).await?)
    }
}
