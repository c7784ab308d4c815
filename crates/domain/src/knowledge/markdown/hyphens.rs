//! Words that were broken at the end of a line.

use std::collections::HashSet;

/// More broken words of a text are left as they are.
const MAX_BROKEN_WORDS: usize = 50_000;
/// Longer parts of a word are no words.
const MAX_PART_BYTES: usize = 64;
/// Fewer letters before the hyphen are a prefix of their own: `E-mail`, `x-axis`.
const MIN_LETTERS: usize = 2;
/// Words after which nothing was broken: `Vor- und Nachteile`.
const JOINING: [&str; 9] = ["and", "or", "und", "oder", "bzw", "et", "ou", "y", "o"];

/// A word that goes on in the next line.
struct Broken<'a> {
    /// Where the hyphen stands, and where the word goes on.
    hyphen: usize,
    rest: usize,
    parts: (&'a str, &'a str),
}

/// Puts words together that a hyphen breaks at the end of a line, before a small letter.
///
/// The hyphen is the word's own where the text writes it so within a line, or where it has both parts as
/// words of their own (`long-` and `term`); then it stays, and so does the line break. All other hyphens
/// are the typesetter's. Costs two passes over the text, whatever is in it.
pub(super) fn joined(text: String) -> String {
    let broken: Vec<Broken<'_>> = broken_words(&text).take(MAX_BROKEN_WORDS).collect();
    if broken.is_empty() {
        return text;
    }
    let whole: Vec<String> = broken.iter().map(|word| format!("{}-{}", word.parts.0, word.parts.1)).collect();
    let mut wanted: HashSet<&str> = whole.iter().map(String::as_str).collect();
    wanted.extend(broken.iter().flat_map(|word| [word.parts.0, word.parts.1]));
    let ends: HashSet<usize> = broken.iter().flat_map(|word| [word.hyphen, word.rest + word.parts.1.len()]).collect();
    let mut found: HashSet<&str> = HashSet::new();
    for (word, end) in words(&text) {
        // The parts themselves, where they were broken, are no witness.
        if !ends.contains(&end) {
            found.extend(wanted.get(word).copied());
        }
    }
    let mut joined = String::with_capacity(text.len());
    let mut from = 0;
    for (word, whole) in broken.iter().zip(&whole) {
        let is_own = found.contains(whole.as_str()) || found.contains(word.parts.0) && found.contains(word.parts.1);
        if !is_own {
            joined.push_str(&text[from..word.hyphen]);
            from = word.rest;
        }
    }
    joined.push_str(&text[from..]);
    joined
}

fn broken_words(text: &str) -> impl Iterator<Item = Broken<'_>> {
    text.match_indices('\n').filter_map(|(end, _)| {
        let line = text[..end].trim_end_matches([' ', '\t']);
        let before = line.strip_suffix(['-', '\u{2010}'])?;
        let start = before.char_indices().rev().take(MAX_PART_BYTES).take_while(|(_, letter)| letter.is_alphabetic());
        let first = &before[start.last()?.0..];
        let after = text[end + 1..].trim_start_matches([' ', '\t']);
        let rest = text.len() - after.len();
        let length = after.char_indices().take(MAX_PART_BYTES).find(|(_, letter)| !letter.is_alphabetic());
        let second = &after[..length.map_or(after.len().min(MAX_PART_BYTES), |(at, _)| at)];
        let is_broken = first.chars().count() >= MIN_LETTERS
            && second.starts_with(char::is_lowercase)
            && !JOINING.contains(&second);
        is_broken.then_some(Broken { hyphen: before.len(), rest, parts: (first, second) })
    })
}

/// The words of a text, with hyphens inside of them and each of their parts, and where they end.
fn words(text: &str) -> impl Iterator<Item = (&str, usize)> {
    text.split(|letter: char| !letter.is_alphabetic() && letter != '-').flat_map(move |word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let parts = word.split('-').filter(move |part| part.len() < word.len());
        let end = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize + part.len();
        std::iter::once((word, start + word.len())).chain(parts.map(move |part| (part, end(part))))
    })
}
