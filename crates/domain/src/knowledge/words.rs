//! Words as they are searched: cut, folded and stemmed by this one rule for every backend, in the index and in
//! questions.
//!
//! - A text is taken in NFKC, without case (`cut`). The quote keeps the letters of the document.
//! - Han, Kana, Hangul, Thai, Lao, Khmer and Burmese are cut into overlapping pairs of characters and single ones.
//! - Other scripts are cut into runs of letters, marks and digits. Their words are reduced to stems by Snowball's
//!   rules: Cyrillic, Greek, Arabic and Tamil by those of one language each, Latin by those of the language of the
//!   text. Then diacritics are left out.
//!
//! The language of a text is that which most of its words are stop words of. It may be misjudged, and a question is
//! too short to be judged at all. So the stem of a Latin word carries the language by whose rules it was made
//! (`install·de`), and a question asks for the stems of each of its words by the rules of all languages: the rule
//! that was taken for the text is among them, whichever it was. Without the mark, the French stem of `note` would find
//! every English `not`.

mod cut;
mod stop;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;

use self::cut::{Kind, Piece};

/// Words of a question that are looked for; further ones are left out.
pub const MAX_QUESTION_WORDS: usize = 64;
/// Bytes of a question that are cut into words.
pub const MAX_QUESTION_BYTES: usize = 4_096;
/// Stems that are remembered.
const MAX_REMEMBERED: usize = 50_000;
/// Combining diacritical marks.
const DIACRITICS: std::ops::RangeInclusive<char> = '\u{300}'..='\u{36f}';

/// A language with stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Language {
    English,
    German,
    French,
    Spanish,
    Italian,
    Portuguese,
    Dutch,
    Swedish,
    Danish,
    Norwegian,
    Finnish,
    Hungarian,
    Romanian,
    Turkish,
    Russian,
    Greek,
    Arabic,
    Tamil,
}

use Language::{
    Arabic, Danish, Dutch, English, Finnish, French, German, Greek, Hungarian, Italian, Norwegian, Portuguese,
    Romanian, Russian, Spanish, Swedish, Tamil, Turkish,
};

impl Language {
    const ALL: [Self; 18] = [
        English, German, French, Spanish, Italian, Portuguese, Dutch, Swedish, Danish, Norwegian, Finnish, Hungarian,
        Romanian, Turkish, Russian, Greek, Arabic, Tamil,
    ];
    /// Those that are written in Latin letters, which come first.
    const LATIN: &'static [Self] = Self::ALL.split_at(14).0;

    /// Snowball's rules, which are taken for all but Arabic.
    const fn algorithm(self) -> Option<Algorithm> {
        let algorithm = match self {
            English => Algorithm::English,
            German => Algorithm::German,
            French => Algorithm::French,
            Spanish => Algorithm::Spanish,
            Italian => Algorithm::Italian,
            Portuguese => Algorithm::Portuguese,
            Dutch => Algorithm::Dutch,
            Swedish => Algorithm::Swedish,
            Danish => Algorithm::Danish,
            Norwegian => Algorithm::Norwegian,
            Finnish => Algorithm::Finnish,
            Hungarian => Algorithm::Hungarian,
            Romanian => Algorithm::Romanian,
            Turkish => Algorithm::Turkish,
            Russian => Algorithm::Russian,
            Greek => Algorithm::Greek,
            Tamil => Algorithm::Tamil,
            Arabic => return None,
        };
        Some(algorithm)
    }

    /// What marks the stems of a language that shares its letters with others: its code by ISO 639-1 behind a dot,
    /// which stands in no word.
    const fn mark(self) -> &'static str {
        match self {
            English => "·en",
            German => "·de",
            French => "·fr",
            Spanish => "·es",
            Italian => "·it",
            Portuguese => "·pt",
            Dutch => "·nl",
            Swedish => "·sv",
            Danish => "·da",
            Norwegian => "·no",
            Finnish => "·fi",
            Hungarian => "·hu",
            Romanian => "·ro",
            Turkish => "·tr",
            Russian | Greek | Arabic | Tamil => "",
        }
    }

    /// Letters with diacritics that the rules of a language know. Others are strangers there, whose diacritics would
    /// keep its endings from being seen (German `café`).
    const fn own_letters(self) -> &'static str {
        match self {
            English | Dutch => "",
            German => "äöü",
            French => "àâçèéêëîïôùûü",
            Spanish => "áéíóúüñ",
            Italian => "àèéìòù",
            Portuguese => "áàâãçéêíóôõú",
            Swedish | Finnish => "åäö",
            Danish | Norwegian => "åæø",
            Hungarian => "áéíóöőúüű",
            Romanian => "ăâîșşțţ",
            Turkish => "çğıöşü",
            Russian => "й",
            Greek => "άέήίόύώϊϋΐΰς",
            Arabic | Tamil => "",
        }
    }

    /// A word of this language as the index holds it.
    fn term(self, word: &str) -> String {
        let Some(algorithm) = self.algorithm() else { return arabic_stem(word) };
        let prepared = match self {
            Tamil => Cow::Borrowed(word),
            // Who types without accents means `instalación`, whose ending is known by its accent.
            Spanish if word.ends_with("ion") => Cow::Owned(format!("{}ón", word.trim_end_matches("on"))),
            _ => without_strangers(word, self.own_letters()),
        };
        let stem = Stemmer::create(algorithm).stem(&prepared).into_owned();
        format!("{}{}", folded(&stem), self.mark())
    }
}

/// Beginnings of Arabic words: the article, alone and behind a conjunction or preposition.
const ARABIC_PREFIXES: [&str; 6] = ["وال", "بال", "كال", "فال", "ال", "لل"];
/// Endings of Arabic words, each of which is taken off once, in this order.
const ARABIC_SUFFIXES: [&str; 8] = ["ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي"];

/// Arabic as `light10` stems it (Larkey, Ballesteros, Connell: "Light Stemming for Arabic Information Retrieval",
/// 2007): without harakat, with one form of alef, yeh and teh marbuta, without article, "and" and the commonest
/// endings. Snowball's rules leave `والعقد` as it is.
fn arabic_stem(word: &str) -> String {
    let letter = |c| match c {
        '\u{64b}'..='\u{65f}' | '\u{670}' => None,
        'أ' | 'إ' | 'آ' | 'ٱ' => Some('ا'),
        'ى' | 'ی' => Some('ي'),
        'ة' => Some('ه'),
        other => Some(other),
    };
    let word: String = word.chars().filter_map(letter).collect();
    let has = |rest: &str, least: usize| rest.chars().count() >= least;
    let mut stem = word.as_str();
    let article = ARABIC_PREFIXES.iter().find_map(|prefix| stem.strip_prefix(prefix).filter(|rest| has(rest, 2)));
    if let Some(rest) = article.or_else(|| stem.strip_prefix('و').filter(|rest| has(rest, 3))) {
        stem = rest;
    }
    for suffix in ARABIC_SUFFIXES {
        stem = stem.strip_suffix(suffix).filter(|rest| has(rest, 2)).unwrap_or(stem);
    }
    stem.to_owned()
}

/// A word without the diacritics of letters that are not among these.
fn without_strangers<'a>(word: &'a str, own: &str) -> Cow<'a, str> {
    if word.chars().all(|c| c.is_ascii() || own.contains(c)) {
        return Cow::Borrowed(word);
    }
    let mut plain = String::with_capacity(word.len());
    let mut letter = [0; 4];
    for c in word.chars() {
        let c: &str = c.encode_utf8(&mut letter);
        if own.contains(c) { plain.push_str(c) } else { plain.push_str(&folded(c)) }
    }
    Cow::Owned(plain)
}

/// A word without diacritics.
fn folded(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mut plain = String::with_capacity(word.len());
    for c in word.nfd().filter(|c| !DIACRITICS.contains(c)).nfc() {
        match c {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            'ς' => plain.push('σ'),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

/// The language that most of the words are stop words of; where none is, English, as names and code mostly are.
fn language_of(pieces: &[Piece]) -> Language {
    let mut counts = [0_u32; Language::LATIN.len()];
    for piece in pieces.iter().filter(|piece| piece.kind == Kind::Latin && !piece.is_joined) {
        let languages = stop::languages_of(&piece.form);
        for (count, language) in counts.iter_mut().zip(Language::LATIN) {
            *count += u32::from(languages.has(*language));
        }
    }
    let best = counts.iter().zip(Language::LATIN).rev().max_by_key(|(count, _)| **count);
    best.map_or(English, |(_, language)| *language)
}

/// Cuts texts into the terms of the index, and remembers the stems of words that it has met.
#[derive(Debug, Default)]
pub struct Cutter {
    terms: [HashMap<String, String>; Language::ALL.len()],
}

impl Cutter {
    /// Calls `each` with every term of a text, in their order. The parts are one text: it has one language.
    pub fn each_term(&mut self, parts: &[&str], mut each: impl FnMut(&str)) {
        let pieces: Vec<Piece> = parts.iter().flat_map(|part| cut::pieces(&cut::normal(part))).collect();
        let of_latin = language_of(&pieces);
        for Piece { form, kind, .. } in pieces {
            // Pairs and names have no stems to remember.
            let language = match kind {
                Kind::Latin => of_latin,
                Kind::Of(language) => language,
                Kind::Plain | Kind::Single { .. } | Kind::Pair => {
                    each(&folded(&form));
                    continue;
                }
            };
            let known = &mut self.terms[language as usize];
            match known.get(&form) {
                Some(term) => each(term),
                None => {
                    let term = language.term(&form);
                    each(&term);
                    if known.len() < MAX_REMEMBERED {
                        known.insert(form, term);
                    }
                }
            }
        }
    }

    /// How often a text holds each of its terms, sorted by term.
    pub fn counted(&mut self, parts: &[&str]) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        self.each_term(parts, |term| match counts.get_mut(term) {
            Some(count) => *count += 1,
            None => drop(counts.insert(term.to_owned(), 1)),
        });
        counts
    }
}

/// The different terms of a text that tell something of its subject: no stop words of its language.
#[must_use]
pub fn telling_terms(text: &str) -> BTreeSet<String> {
    let pieces = cut::pieces(&cut::normal(text));
    let language = language_of(&pieces);
    let telling = pieces.iter().filter(|piece| !is_stop_word(piece, language));
    telling
        .filter(|piece| piece.kind != Kind::Single { is_alone: false })
        .map(|piece| term_of(piece, language))
        .collect()
}

/// The term of a piece in a text whose Latin words are of this language.
fn term_of(piece: &Piece, language: Language) -> String {
    match piece.kind {
        Kind::Latin => language.term(&piece.form),
        Kind::Of(language) => language.term(&piece.form),
        Kind::Plain | Kind::Single { .. } | Kind::Pair => folded(&piece.form).into_owned(),
    }
}

/// Whether a piece is a stop word; of Latin ones, in this language. What is part of a name is none.
fn is_stop_word(piece: &Piece, language: Language) -> bool {
    match piece.kind {
        Kind::Latin => !piece.is_joined && stop::languages_of(&piece.form).has(language),
        Kind::Of(language) => stop::languages_of(&piece.form).has(language),
        Kind::Plain | Kind::Single { .. } | Kind::Pair => false,
    }
}

/// How many of the words of a question these terms hold.
#[must_use]
pub fn shared(question: &[QuestionWord], terms: &BTreeSet<String>) -> usize {
    question.iter().filter(|word| holds(terms, word)).count()
}

/// Whether these terms hold a word of a question.
#[must_use]
pub fn holds(terms: &BTreeSet<String>, word: &QuestionWord) -> bool {
    word.iter().any(|term| terms.contains(term))
}

/// A word of a question: the terms that a text may hold it by, of which any will do.
pub type QuestionWord = Vec<String>;

/// The different words of a question, in their order. Stop words of its language and what is asked with in scripts
/// without spaces are left out, unless nothing else is asked.
#[must_use]
pub fn of_question(question: &str) -> Vec<QuestionWord> {
    let normal = cut::normal(&question[..question.floor_char_boundary(MAX_QUESTION_BYTES)]);
    if let Some(subject) = stop::without_asking(&normal) {
        let words = telling_words(&subject);
        if !words.is_empty() {
            return words;
        }
    }
    telling_words(&normal)
}

fn telling_words(text: &str) -> Vec<QuestionWord> {
    let pieces = cut::pieces(text);
    let language = language_of(&pieces);
    let wanted: Vec<&Piece> = pieces.iter().filter(|piece| piece.kind != Kind::Single { is_alone: false }).collect();
    let telling: Vec<&Piece> = wanted.iter().copied().filter(|piece| !is_stop_word(piece, language)).collect();
    let mut seen = HashSet::new();
    let chosen = if telling.is_empty() { wanted } else { telling };
    let different = chosen.into_iter().filter(|piece| seen.insert(piece.form.as_str()));
    let mut words: Vec<QuestionWord> = Vec::new();
    let mut terms = HashSet::new();
    for piece in different {
        if words.len() == MAX_QUESTION_WORDS {
            break;
        }
        // What two forms of a word share counts once.
        let mut word = terms_of(piece);
        word.retain(|term| terms.insert(term.clone()));
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

fn terms_of(piece: &Piece) -> QuestionWord {
    match piece.kind {
        Kind::Latin => Language::LATIN.iter().map(|language| term_of(piece, *language)).collect(),
        _ => vec![term_of(piece, English)],
    }
}

#[cfg(test)]
mod tests;
