//! Which sentences answer a question.

use std::collections::BTreeSet;

use domain::{
    gateways::Passage,
    knowledge::{
        quote::sentences,
        words::{QuestionWord, holds, of_question, telling_terms},
    },
};

use super::plain::{Plain, plain};

/// Most sentences of an answer.
const MAX_SENTENCES: usize = 3;
/// Most passages that they are from.
const MAX_PASSAGES: usize = 2;
/// The best sentence must have this share of what the question's words are worth, with its heading; a poorer one is no
/// answer.
const MIN_COVERED: f64 = 0.3;
/// The same for a question of pairs of characters, of which those between two words stand in no sentence.
const MIN_COVERED_PAIRS: f64 = 0.15;
/// The first letter of the scripts that are cut into pairs; few others come behind it.
const FIRST_UNSPACED: char = '\u{e00}';
/// A further sentence must be worth at least this share of the best one.
const MIN_SHARE: f64 = 0.5;
/// A sentence of another passage is wanted where it speaks of so large a share of the question that is not spoken of
/// yet …
const MIN_OPEN: f64 = 0.3;
/// … and of so much of the whole: what shares but a word with the question is mostly about something else.
const MIN_ALONE: f64 = 0.5;
/// How far from the best sentence a further one of the same passage stands at most, in sentences.
const MAX_DISTANCE: usize = 2;
/// What a word of the heading is worth, against one of the sentence itself.
const HEADING_WEIGHT: f64 = 0.5;
/// Characters at the start of a sentence that say what it is about.
const SUBJECT_CHARS: usize = 40;
/// What a sentence gains that is about a word of the question: so do definitions begin.
const SUBJECT_FACTOR: f64 = 1.3;
/// What a title, a caption or an entry of a list keeps, as no mark ends it.
const UNENDED_FACTOR: f64 = 0.6;
/// What keeps a sentence that is mostly a link, or stands where others only point elsewhere.
const POINTER_FACTOR: f64 = 0.2;
/// What a sentence keeps for each passage that was found before its own.
const PLACE_FACTOR: f64 = 0.93;
/// Headings of lists that point elsewhere, without case.
const POINTERS: &[&str] = &[
    "further reading",
    "see also",
    "references",
    "external links",
    "bibliography",
    "contents",
    "weiterführend",
    "siehe auch",
    "literatur",
    "inhalt",
    "voir aussi",
    "liens externes",
    "table des matières",
    "véase también",
    "enlaces externos",
    "índice",
    "смотрите также",
    "см. также",
    "ссылки",
    "оглавление",
    "содержание",
    "関連項目",
    "参考文献",
    "目次",
    "参见",
    "参考资料",
    "目录",
    "같이 보기",
    "참고",
    "목차",
    "انظر أيضا",
    "مراجع",
    "المحتويات",
];

/// A sentence that may be quoted.
pub(super) struct Candidate<'a> {
    pub(super) passage: &'a Passage,
    position: usize,
    pub(super) text: String,
    links: f64,
    terms: BTreeSet<String>,
    heading: BTreeSet<String>,
}

impl Candidate<'_> {
    fn place(&self) -> (u32, usize) {
        (self.passage.number, self.position)
    }

    fn is_ended(&self) -> bool {
        let end = self.text.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»', '」', '』', '）']);
        // Thai and Lao have no full stop.
        end.ends_with(|c: char| {
            matches!(c, '.' | '!' | '…' | '。' | '！' | '｡' | '۔' | '।' | '॥' | '။' | '។' | '።' | ':' | '：')
                || matches!(c, '\u{e00}'..='\u{eff}')
        })
    }

    fn is_pointer(&self) -> bool {
        let heading = self.passage.heading_path.last().map_or_else(String::new, |heading| heading.to_lowercase());
        self.links > 0.5
            || self.text.contains("://") && self.terms.len() < 12
            || POINTERS.iter().any(|of| heading.contains(of))
    }
}

/// The sentences of a passage that tell something: no headings, questions, rows of tables or lines of contents.
fn candidates(passage: &Passage) -> Vec<Candidate<'_>> {
    let heading = telling_terms(&passage.heading_path.join(" "));
    let mut candidates = Vec::new();
    for (position, sentence) in sentences(&passage.content).into_iter().enumerate() {
        let Plain { text, links } = plain(sentence.text);
        let is_question = text.ends_with(['?', '？', '؟']);
        let is_row =
            sentence.text.matches('|').count() > 1 || ["....", ". . .", "----"].iter().any(|dots| text.contains(dots));
        let terms = telling_terms(&text);
        if !sentence.text.starts_with('#') && !is_question && !is_row && !terms.is_empty() {
            candidates.push(Candidate { passage, position, text, links, terms, heading: heading.clone() });
        }
    }
    candidates
}

/// The sentences that answer, in the order of the passages; none where no passage speaks of the question.
///
/// The best one is that whose words are worth most, where a word that few sentences have is worth more. Neighbours of
/// it may follow that are worth half as much, and one sentence of another passage, where that speaks of what is open.
pub(super) fn choose<'a>(question: &str, passages: &'a [Passage]) -> Vec<Candidate<'a>> {
    let mut left: Vec<Candidate<'_>> = passages.iter().flat_map(candidates).collect();
    let words: Vec<(QuestionWord, f64)> = of_question(question)
        .into_iter()
        .map(|word| {
            let holders = left.iter().filter(|candidate| holds(&candidate.terms, &word)).count();
            let worth = (1.0 + left.len() as f64 / holders.max(1) as f64).ln();
            (word, worth)
        })
        .collect();
    let worth = |held: &dyn Fn(&QuestionWord) -> bool| -> f64 {
        words.iter().filter(|(word, _)| held(word)).map(|(_, worth)| worth).sum()
    };
    let all = worth(&|_| true);
    let score = |candidate: &Candidate<'_>| {
        let own = worth(&|word| holds(&candidate.terms, word));
        if own == 0.0 {
            return 0.0;
        }
        let of_heading = worth(&|word| !holds(&candidate.terms, word) && holds(&candidate.heading, word));
        let subject: String = candidate.text.chars().take(SUBJECT_CHARS).collect();
        let subject = telling_terms(&subject);
        let before = i32::try_from(candidate.passage.number.saturating_sub(1)).unwrap_or(i32::MAX);
        let mut score = (own + HEADING_WEIGHT * of_heading) * PLACE_FACTOR.powi(before);
        if words.iter().any(|(word, _)| holds(&subject, word)) {
            score *= SUBJECT_FACTOR;
        }
        if !candidate.is_ended() {
            score *= UNENDED_FACTOR;
        }
        if candidate.is_pointer() { score * POINTER_FACTOR } else { score }
    };
    let mut scored: Vec<(f64, Candidate<'_>)> =
        left.drain(..).map(|candidate| (score(&candidate), candidate)).collect();
    scored.sort_by(|(left, one), (right, other)| right.total_cmp(left).then_with(|| one.place().cmp(&other.place())));
    let mut ranked = scored.into_iter();
    let Some((best, first)) = ranked.next() else { return Vec::new() };
    let covered = worth(&|word| holds(&first.terms, word) || holds(&first.heading, word));
    let pairs = worth(&|word| word.iter().all(|term| term.starts_with(|first: char| first >= FIRST_UNSPACED)));
    let least = MIN_COVERED * (all - pairs) + MIN_COVERED_PAIRS * pairs;
    if best == 0.0 || covered < least {
        return Vec::new();
    }
    let (number, position) = first.place();
    let mut chosen = vec![first];
    for (score, candidate) in ranked.take_while(|(score, _)| *score >= MIN_SHARE * best) {
        let is_new = chosen.iter().all(|before| before.text != candidate.text);
        let is_neighbour = candidate.passage.number == number && candidate.position.abs_diff(position) <= MAX_DISTANCE;
        let is_open = |word: &QuestionWord| chosen.iter().all(|before| !holds(&before.terms, word));
        let others = chosen.iter().filter(|before| before.passage.number != number).count();
        let speaks_of_open = others + 1 < MAX_PASSAGES
            && worth(&|word| is_open(word) && holds(&candidate.terms, word)) >= MIN_OPEN * all
            && worth(&|word| holds(&candidate.terms, word)) >= MIN_ALONE * all;
        if is_new && (is_neighbour || speaks_of_open) && chosen.len() < MAX_SENTENCES && score > 0.0 {
            chosen.push(candidate);
        }
    }
    chosen.sort_by_key(Candidate::place);
    chosen
}
