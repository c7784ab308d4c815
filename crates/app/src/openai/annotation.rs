//! Which passages the marks of an answer cite, for a client that has nothing but the answer.

use domain::{
    gateways::Passage,
    ids::{ChunkId, SourceId},
    knowledge::quote::{Mark, Quote, marks},
};

use crate::knowledge::cited;

/// A mark `[n]` of an answer, with what it cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// First Unicode scalar value of the mark in the answer's text.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// What it cites.
    pub cited: Cited,
}

/// A passage that an answer cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cited {
    /// Its number in the marks, from 1.
    pub index: u32,
    /// The chunk.
    pub chunk_id: ChunkId,
    /// Its source.
    pub source_id: SourceId,
    /// The source's file name.
    pub filename: String,
    /// The page, from 1, where the format has pages.
    pub page: Option<u32>,
    /// The words that the answer leans on, as they stand in the chunk.
    pub quote: String,
}

impl Cited {
    /// What an answer cites of the passages that it was given.
    pub(super) fn of_passages(answer: &str, passages: &[Passage]) -> Vec<Self> {
        let cited = cited(answer, passages).into_iter();
        let entry = |(passage, quote): (&Passage, Quote)| Self {
            index: passage.number,
            chunk_id: passage.chunk_id,
            source_id: passage.source_id,
            filename: passage.filename.clone(),
            page: passage.page,
            quote: quote.text,
        };
        cited.map(entry).collect()
    }
}

/// The marks of an answer that cite one of these passages, in their order.
pub(super) fn annotations(answer: &str, cited: &[Cited]) -> Vec<Annotation> {
    let most = cited.iter().map(|cited| cited.index).max().unwrap_or_default();
    let annotation = |mark: Mark| {
        let cited = cited.iter().find(|cited| cited.index == mark.number)?.clone();
        Some(Annotation { start: mark.start, end: mark.end, cited })
    };
    marks(answer, most).into_iter().filter_map(annotation).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_mark_is_told_with_its_place_and_its_words() {
        let passage = |number: u32, content: &str| Passage {
            number,
            chunk_id: Uuid::from_u128(u128::from(number)).into(),
            source_id: Uuid::from_u128(9).into(),
            filename: "figs.md".to_owned(),
            page: None,
            heading_path: Vec::new(),
            content: content.to_owned(),
        };
        let passages = [passage(1, "A banyan is a tree. It grows."), passage(2, "Nobody asks for it.")];
        let answer = "Größe: a tree [1]. It grows [1], as told [3].";
        let cited = Cited::of_passages(answer, &passages);
        assert_eq!(
            cited.iter().map(|cited| (cited.index, cited.quote.as_str())).collect::<Vec<_>>(),
            [(1, "A banyan is a tree.")]
        );
        let places: Vec<_> = annotations(answer, &cited).iter().map(|mark| (mark.start, mark.end)).collect();
        assert_eq!(places, [(14, 17), (28, 31)]);
        assert_eq!(annotations(answer, &[]), []);
    }
}
