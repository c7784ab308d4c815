//! The marks `[n]` of an answer become citations; each quote is checked to stand in its chunk.

use domain::{
    conversations::TurnEvent,
    gateways::Passage,
    ids::CitationId,
    knowledge::{
        Citation,
        quote::{best_sentence, cited_numbers},
    },
};

use super::Turn;
use crate::{App, knowledge::Retrieved};

impl Turn {
    /// The citations of an answer, by number, with their events. Numbers of no passage are dropped.
    pub(super) fn citations(&self, app: &App, text: &str, retrieved: Option<&Retrieved>) -> Vec<(Citation, TurnEvent)> {
        let Some(retrieved) = retrieved else { return Vec::new() };
        let count = u32::try_from(retrieved.passages.len()).unwrap_or(u32::MAX);
        let mut cited: Vec<(Citation, TurnEvent)> = Vec::new();
        for (number, sentence) in cited_numbers(text, count) {
            let seen = cited.iter().any(|(citation, _)| citation.index == number);
            let found = retrieved.passages.iter().zip(&retrieved.chunks).find(|(passage, _)| passage.number == number);
            let (Some((passage, chunk)), false) = (found, seen) else { continue };
            let Some(quote) = best_sentence(&passage.content, &sentence) else { continue };
            let citation = Citation {
                id: CitationId(app.parts.ids.random()),
                tenant_id: self.tenant_id,
                conversation_id: self.conversation_id,
                message_id: self.answer.id,
                index: number,
                chunk_id: Some(chunk.id),
                source_id: Some(chunk.source_id),
                source_version_id: Some(chunk.source_version_id),
                filename: passage.filename.clone(),
                page: passage.page,
                quote: quote.text.clone(),
                quote_start: chunk.start + quote.start,
                quote_end: chunk.start + quote.end,
                created_at: app.now(),
            };
            let event = event_of(passage, &citation);
            cited.push((citation, event));
        }
        cited.sort_by_key(|(citation, _)| citation.index);
        cited
    }
}

fn event_of(passage: &Passage, citation: &Citation) -> TurnEvent {
    TurnEvent::CitationAdded {
        index: citation.index,
        chunk_id: passage.chunk_id,
        source_id: passage.source_id,
        filename: passage.filename.clone(),
        page: passage.page,
        quote: citation.quote.clone(),
    }
}
