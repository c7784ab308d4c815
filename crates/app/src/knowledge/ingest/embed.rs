//! The step that makes vectors of chunks.

use std::sync::Arc;

use domain::{
    gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, IndexEntry},
    ids::SourceVersionId,
    knowledge::{Chunk, SourceVersion},
};

use super::{Ingest, StepError};
use crate::{Error, audit::Audited, knowledge::Payer, unit_of_work::Uow};

impl Ingest<'_> {
    /// Embeds what has no vector yet, batch by batch, each committed with its account; with the last one the
    /// version is published. `cut`: the chunks, where this try has made them.
    pub(super) async fn embed(
        &self,
        mut version: SourceVersion,
        embedder: &Arc<dyn Embedder>,
        cut: Option<Vec<Chunk>>,
    ) -> Result<(), StepError> {
        let name = embedder.model().full_name();
        let (id, model) = (version.id, name.as_str());
        let mut done = match &cut {
            Some(_) => 0,
            None => self.app.query_in(&self.scope, async |tx| Ok(tx.chunk_index().count(id, model).await?)).await?,
        };
        if done >= version.chunk_count {
            return self.publish(&version).await;
        }
        while done < version.chunk_count {
            let from = usize::try_from(done).unwrap_or(usize::MAX);
            let chunks = match &cut {
                Some(chunks) => chunks.iter().skip(from).take(embedder.max_batch()).cloned().collect(),
                None => self.stored_chunks(id, from, embedder.max_batch()).await?,
            };
            if chunks.is_empty() {
                return Err(Error::internal("the chunks of a version are not all there").into());
            }
            done += chunks.len() as u64;
            self.embed_batch(&mut version, embedder, &name, &chunks, done).await?;
        }
        Ok(())
    }

    async fn stored_chunks(&self, version: SourceVersionId, from: usize, most: usize) -> Result<Vec<Chunk>, StepError> {
        let [from, most] = [from, most].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        let read = async |tx: &Uow| Ok(tx.chunks().of_version(version, from, most).await?);
        Ok(self.app.query_in(&self.scope, read).await?)
    }

    /// Embeds chunks, and commits their vectors with what they cost; if they are the last, the version too.
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
            tx.jobs().hold(self.lease).await?;
            if is_first {
                tx.sources().update_version(version).await?;
            }
            tx.chunk_index().insert(entries).await?;
            self.app.settle_call(&tx, spent).await?;
            if done >= version.chunk_count {
                return Ok(((), Audited::from(self.publish_in(&tx, version).await?)));
            }
            tx.jobs().record_progress(self.lease, "embed", done, version.chunk_count).await?;
            Ok(((), Audited::nothing("a step of a job whose end is audited")))
        };
        Ok(self.app.change_in(&self.scope, None, work).await?)
    }
}
