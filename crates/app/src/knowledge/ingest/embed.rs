//! The step that makes vectors of chunks.

use std::sync::Arc;

use domain::{
    gateways::{Embedder, EmbeddingInput, EmbeddingPurpose, IndexEntry},
    ids::SourceVersionId,
    knowledge::{Chunk, SourceVersion, chunking::windows},
};

use super::{Ingest, StepError};
use crate::{Error, audit::Audited, knowledge::Payer, unit_of_work::Uow, usage::Spent};

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
        let (texts, of_chunk) = windows_of(chunks, embedder.as_ref());
        let mut parts: Vec<Vec<f32>> = Vec::new();
        let mut spent: Vec<Spent> = Vec::new();
        for batch in EmbeddingInput::Texts(texts).batches(embedder.max_batch()) {
            let (embeddings, cost) = self.app.embed(embedder, payer, &batch, EmbeddingPurpose::Document).await?;
            parts.extend(embeddings.vectors);
            spent.push(cost);
        }
        let vectors = means(parts, &of_chunk);
        let is_first = version.embedding_model.as_deref() != Some(name);
        if is_first {
            version.embedding_model = Some(name.to_owned());
            version.embedding_dimension = vectors.first().and_then(|vector| u32::try_from(vector.len()).ok());
        }
        let entry = |(chunk, vector): (&Chunk, Vec<f32>)| IndexEntry {
            chunk_id: chunk.id,
            collection_id: chunk.collection_id,
            source_id: chunk.source_id,
            source_version_id: chunk.source_version_id,
            model: name.to_owned(),
            vector,
        };
        let entries: Vec<IndexEntry> = chunks.iter().zip(vectors).map(entry).collect();
        let (version, entries, spent) = (&*version, &entries, &spent);
        let work = |tx: Uow| async move {
            tx.jobs().hold(self.lease).await?;
            if is_first {
                tx.sources().update_version(version).await?;
            }
            tx.chunk_index().insert(entries).await?;
            for spent in spent {
                self.app.settle_call(&tx, spent).await?;
            }
            if done >= version.chunk_count {
                return Ok(((), Audited::from(self.publish_in(&tx, version).await?)));
            }
            tx.jobs().record_progress(self.lease, "embed", done, version.chunk_count).await?;
            Ok(((), Audited::nothing("a step of a job whose end is audited")))
        };
        Ok(self.app.change_in(&self.scope, None, work).await?)
    }
}

/// What is embedded of some chunks: each whole, or window by window where it is longer than the model's; and how many
/// texts each chunk has become.
fn windows_of(chunks: &[Chunk], embedder: &dyn Embedder) -> (Vec<String>, Vec<usize>) {
    let window = embedder.model().max_tokens;
    let mut texts = Vec::new();
    let of_chunk = chunks.iter().map(|chunk| {
        let text = chunk.embedded_text();
        let parts = windows(&text, window, &|part| embedder.count_tokens(part));
        texts.extend(parts.iter().map(|part| (*part).to_owned()));
        parts.len()
    });
    let of_chunk = of_chunk.collect();
    (texts, of_chunk)
}

/// The vector of each chunk: the mean of those of its windows, of length 1 as they are.
fn means(parts: Vec<Vec<f32>>, of_chunk: &[usize]) -> Vec<Vec<f32>> {
    let mut parts = parts.into_iter();
    let mut mean = |count: usize| {
        let mut sum = parts.next().unwrap_or_default();
        for part in parts.by_ref().take(count.saturating_sub(1)) {
            sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        if count > 1 && length > 0.0 {
            sum.iter_mut().for_each(|value| *value /= length);
        }
        sum
    };
    of_chunk.iter().map(|count| mean(*count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_several_windows_has_their_mean() {
        let parts = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.0], vec![0.6, 0.8]];
        let half = 0.5_f32.sqrt();
        assert_eq!(means(parts, &[2, 1, 1]), [vec![half, half], vec![1.0, 0.0], vec![0.6, 0.8]]);
    }
}
