use std::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::knowledge::{
    Block,
    markdown::{parse_markdown, parse_plain_text},
};

/// Words and marks are a token each, four letters at most, between two tokens of every text: like
/// a WordPiece encoder.
fn count(text: &str) -> u32 {
    let words = text.split(|character: char| !character.is_alphanumeric());
    let words: usize = words.map(|word| word.chars().count().div_ceil(4)).sum();
    let marks = text.chars().filter(|character| !character.is_alphanumeric() && !character.is_whitespace()).count();
    u32::try_from(words + marks).unwrap() + 2
}

fn settings(target_tokens: u32, max_tokens: u32, overlap_tokens: u32) -> ChunkingSettings {
    ChunkingSettings { target_tokens, max_tokens, overlap_tokens }
}

fn slice(document: &ParsedDocument, start: u32, end: u32) -> String {
    document.text.chars().skip(start as usize).take((end - start) as usize).collect()
}

/// The scalars of blocks that are in no chunk, but for white space and headings above text.
fn uncovered(document: &ParsedDocument, chunks: &[ChunkDraft]) -> String {
    let mut covered = vec![false; document.text.chars().count()];
    for chunk in chunks {
        covered[chunk.start as usize..chunk.end as usize].fill(true);
    }
    let level = |block: &Block| match block.kind {
        BlockKind::Heading { level } if block.end - block.start <= 200 => Some(level),
        _ => None,
    };
    let is_above_text = |at: usize| {
        let next = document.blocks.get(at + 1);
        level(&document.blocks[at])
            .is_some_and(|own| next.is_some_and(|next| level(next).is_none_or(|level| level > own)))
    };
    let scalars: Vec<char> = document.text.chars().collect();
    let blocks = document.blocks.iter().enumerate().filter(|(at, _)| !is_above_text(*at));
    blocks
        .flat_map(|(_, block)| block.start as usize..block.end as usize)
        .filter(|at| !covered[*at] && !scalars[*at].is_whitespace())
        .map(|at| scalars[at])
        .collect()
}

fn check(document: &ParsedDocument, settings: &ChunkingSettings, window: u32) -> Vec<ChunkDraft> {
    let chunks = chunk(document, settings, window, &count);
    let limit = settings.max_tokens.min(window).max(MIN_CHUNK_TOKENS);
    let mut last = (0, 0);
    for (at, chunk) in chunks.iter().enumerate() {
        assert_eq!(chunk.ordinal as usize, at);
        assert_eq!(chunk.content, slice(document, chunk.start, chunk.end));
        assert!(!chunk.content.trim().is_empty());
        assert_eq!(chunk.token_count, count(&embedded_text(&chunk.heading_path, &chunk.content)));
        assert!(chunk.token_count <= limit, "{} tokens in {chunk:?}", chunk.token_count);
        assert!((chunk.start, chunk.end) > last && chunk.end > last.1, "{chunk:?} after {last:?}");
        last = (chunk.start, chunk.end);
    }
    assert_eq!(uncovered(document, &chunks), "");
    chunks
}

fn contents(chunks: &[ChunkDraft]) -> Vec<&str> {
    chunks.iter().map(|chunk| chunk.content.as_str()).collect()
}

#[test]
fn sections_are_not_mixed_and_know_their_headings() {
    let text = "# Guide\n\nIntro.\n\n## Install\n\nRun it.\n\nTwice.\n\n# Index\n";
    let chunks = check(&parse_markdown(text), &ChunkingSettings::default(), 512);
    assert_eq!(contents(&chunks), ["Intro.", "Run it.\n\nTwice.", "Index"]);
    assert_eq!(chunks[1].heading_path, ["Guide", "Install"]);
    assert_eq!(chunks[2].heading_path, Vec::<String>::new());
}

#[test]
fn a_heading_with_nothing_below_it_is_a_chunk_but_not_one_above_others() {
    let chunks = check(&parse_markdown("# A\n## B\n## C\n# D\ntext"), &ChunkingSettings::default(), 512);
    assert_eq!(contents(&chunks), ["B", "C", "text"]);
    assert_eq!(chunks[1].heading_path, ["A"]);
}

#[test]
fn long_paragraphs_are_cut_at_sentences_and_neighbours_share_the_overlap() {
    let text: String = (0..40).map(|at| format!("Number {at:02} is a whole\nsentence e.g. this one. ")).collect();
    let chunks = check(&parse_plain_text(text), &settings(64, 80, 16), 512);
    assert!(chunks.len() > 4);
    for pair in chunks.windows(2) {
        assert!(pair[0].content.ends_with("this one."), "{pair:?}");
        assert!(pair[1].content.starts_with("Number"), "{pair:?}");
        let shared = slice(&parse_plain_text(&*pair[0].content), 0, u32::MAX);
        let shared = shared.chars().skip((pair[1].start - pair[0].start) as usize).collect::<String>();
        assert!(pair[1].start < pair[0].end && count(&shared) - 2 <= 16, "{shared:?}");
    }
}

#[test]
fn a_table_that_fits_stays_whole_and_one_that_does_not_is_cut_between_rows() {
    let rows = |count: usize| (0..count).map(|row| format!("| row {row} | {row} |\n")).collect::<String>();
    let table = |count| format!("| a | b |\n|---|---|\n{}", rows(count));
    let text = format!("Before it.\n\n{}", table(8));
    let chunks = check(&parse_markdown(text), &settings(40, 100, 0), 512);
    assert_eq!(contents(&chunks), ["Before it.", table(8).trim_end()]);
    let chunks = check(&parse_markdown(table(60)), &settings(40, 100, 0), 512);
    assert!(chunks.len() > 3 && chunks.iter().all(|chunk| chunk.content.ends_with('|')));
    assert!(chunks.iter().all(|chunk| chunk.content.starts_with('|')));
}

#[test]
fn the_smaller_of_limit_and_window_counts_the_heading_path() {
    let text = format!("# {}\n\n{}", "long heading ".repeat(5), "word ".repeat(2_000));
    let chunks = check(&parse_markdown(text), &settings(512, 800, 64), 64);
    assert!(chunks.iter().all(|chunk| chunk.heading_path.len() == 1));
    let text = format!("# Outer\n## {}\n\n{}", "long heading ".repeat(12), "word ".repeat(200));
    let chunks = check(&parse_markdown(text), &settings(512, 800, 64), 32);
    assert!(chunks.iter().all(|chunk| chunk.heading_path.is_empty()));
}

#[test]
fn a_short_rest_joins_its_neighbour() {
    let text = "Four words of text.\n\n".repeat(10);
    assert_eq!(check(&parse_plain_text(text), &settings(50, 80, 0), 512).len(), 1);
}

#[test]
fn a_heading_too_long_to_be_one_is_text() {
    let heading = "very ".repeat(60);
    let chunks = check(&parse_markdown(format!("# {heading}\ntext")), &ChunkingSettings::default(), 512);
    assert_eq!(chunks.len(), 1);
    assert!(chunks[0].heading_path.is_empty() && chunks[0].content.starts_with("very very"));
}

#[test]
fn the_page_is_that_of_the_start() {
    let mut document = parse_plain_text("First page.\n\nSecond page.");
    document.blocks[0].page = Some(1);
    document.blocks[1].page = Some(2);
    let chunks = chunk(&document, &settings(4, 16, 0), 512, &count);
    assert_eq!(chunks.iter().map(|chunk| chunk.page).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[test]
fn a_word_of_any_length_is_cut_even_where_it_counts_as_one_token() {
    let document = parse_plain_text("ä".repeat(100_000));
    let chunks = chunk(&document, &ChunkingSettings::default(), 512, &|_| 3);
    let most = MAX_CHARS_PER_TOKEN * 512;
    assert!(chunks.iter().all(|chunk| chunk.content.chars().count() <= most));
    assert_eq!(chunks.iter().map(|chunk| chunk.content.chars().count()).sum::<usize>(), 100_000);
}

#[test]
fn counting_grows_with_the_text_and_not_with_its_square() {
    let counted = |text: String| {
        let total = Cell::new(0);
        let length = text.len();
        let document = parse_plain_text(text);
        let counter = |text: &str| {
            total.set(total.get() + text.len());
            count(text)
        };
        assert!(!chunk(&document, &ChunkingSettings::default(), 512, &counter).is_empty());
        total.get() / length
    };
    for unit in ["word ", "A sentence here. ", "line\n", "paragraph\n\n", "x", ". ", "語。"] {
        let times = counted(unit.repeat(100_000));
        assert!(times <= 16, "{unit:?} was counted {times} times");
    }
}

#[test]
fn blocks_that_overlap_or_lie_outside_of_the_text_do_no_harm() {
    let block = |start, end| Block { kind: BlockKind::Paragraph, start, end, page: None };
    let blocks = vec![block(2, 1), block(0, 6), block(3, 9), block(4, 5), block(20, 900), block(u32::MAX, 0)];
    let document = ParsedDocument { text: "äbcdefghij".to_owned(), blocks, ..ParsedDocument::default() };
    check(&ParsedDocument { blocks: vec![block(0, 6), block(3, 9)], ..document.clone() }, &settings(1, 1, 1), 1);
    assert!(!chunk(&document, &ChunkingSettings::default(), 512, &count).is_empty());
}

proptest! {
    #[test]
    fn any_text_is_covered_by_ordered_chunks_within_the_limit(
        parts in prop::collection::vec(
            prop_oneof![
                "[a-zA-Z ]{1,40}[.!?。]? ?",
                "\\PC{0,30}",
                "[\n \t]{1,3}",
                "\n\n#{1,6} [a-z ]{1,20}\n",
                "\n```\n[a-z \n]{0,60}\n```\n",
                "\n- [a-z]{1,20}\n",
                "\n\\|a\\|b\\|\n\\|-\\|-\\|\n\\|[a-z]{1,9}\\|c\\|\n",
                "[a-zä語]{50,200}",
            ],
            0..40,
        ),
        target in 0_u32..200,
        max in 0_u32..300,
        overlap in 0_u32..100,
        window in 1_u32..600,
    ) {
        let text = parts.concat();
        check(&parse_markdown(text.clone()), &settings(target, max, overlap), window);
        check(&parse_plain_text(text), &settings(target, max, overlap), window);
    }
}

#[test]
fn windows_hold_all_of_a_text() {
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap();
    for text in [
        "",
        "short",
        "Слово за словом до самого конца, и ещё немного",
        "重複行を削除する手順の説明",
        "aaaaaaaaaaaaaaaaaaaaaaaaa b",
    ] {
        let parts = windows(text, 10, &count);
        assert!(parts.iter().all(|part| count(part) <= 10), "{parts:?}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&parts.concat()), letters(text));
    }
    assert_eq!(windows("one two three", 13, &count), ["one two three"]);
    assert_eq!(windows("é", 0, &count), ["é"]);
}
