//! The marks `[n]` of an answer become citations; each quote is checked to stand in its chunk.

use domain::{
    conversations::TurnEvent,
    gateways::Passage,
    ids::CitationId,
    knowledge::{Chunk, Citation, quote::Quote},
};

use super::Turn;
use crate::{
    App,
    knowledge::{Retrieved, cited},
};

impl Turn {
    /// The citations of an answer, by number, with their events. Numbers of no passage are dropped.
    pub(super) fn citations(&self, app: &App, text: &str, retrieved: Option<&Retrieved>) -> Vec<(Citation, TurnEvent)> {
        let Some(retrieved) = retrieved else { return Vec::new() };
        let chunk_of = |passage: &Passage| retrieved.chunks.iter().find(|chunk| chunk.id == passage.chunk_id);
        let cited = cited(text, &retrieved.passages).into_iter();
        cited.filter_map(|(passage, quote)| Some(self.citation(app, passage, chunk_of(passage)?, quote))).collect()
    }

    fn citation(&self, app: &App, passage: &Passage, chunk: &Chunk, quote: Quote) -> (Citation, TurnEvent) {
        let citation = Citation {
            id: CitationId(app.parts.ids.random()),
            tenant_id: self.tenant_id,
            conversation_id: self.conversation_id,
            message_id: self.answer.id,
            index: passage.number,
            chunk_id: Some(chunk.id),
            source_id: Some(chunk.source_id),
            source_version_id: Some(chunk.source_version_id),
            filename: passage.filename.clone(),
            page: passage.page,
            quote: quote.text,
            quote_start: chunk.start + quote.start,
            quote_end: chunk.start + quote.end,
            created_at: app.now(),
        };
        let event = TurnEvent::CitationAdded {
            index: citation.index,
            chunk_id: passage.chunk_id,
            source_id: passage.source_id,
            filename: passage.filename.clone(),
            page: passage.page,
            quote: citation.quote.clone(),
        };
        (citation, event)
    }
}
