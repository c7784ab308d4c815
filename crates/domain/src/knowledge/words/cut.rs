//! Cuts a text into words and, where words are written without spaces, into characters and pairs of them.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::Language;

/// A longer word is taken for its beginning: PostgreSQL keeps none above 2,046 bytes, and no one asks for one.
const MAX_WORD_BYTES: usize = 200;
/// What holds the parts of a name together (`os.path.join`, `a_b`, `C:\x`).
const JOINS: [char; 8] = ['.', '_', '/', '\\', ':', '@', '#', '='];

/// What a piece of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word of Latin letters, in whatever language.
    Latin,
    /// A word in a script that is stemmed by the rules of one language.
    Of(Language),
    /// A number, a word with a digit in it, or one of a script without stems.
    Plain,
    /// One character of a script without spaces; `is_alone`: it has no neighbour of such a script.
    Single {
        /// Nothing of its script stands beside it.
        is_alone: bool,
    },
    /// Two neighbours of a script without spaces.
    Pair,
}

/// A piece of a text, by its bytes in what it was cut from.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) form: String,
    pub(super) kind: Kind,
    /// It is a part of a name.
    pub(super) is_joined: bool,
}

/// A text as it is compared: NFKC (ligatures, full-width and presentation forms become plain letters), without case,
/// without soft hyphens and other characters that are not seen.
pub(super) fn normal(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfkc().filter(|c| !is_unseen(*c)).collect::<String>().to_lowercase().nfkc().collect()
}

/// Soft hyphens, joiners, marks of direction, tatweel; ZWSP, which some write between Khmer words and others do not.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{640}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Han, Kana, Hangul, Thai, Lao, Khmer, Burmese: what is written without spaces, or (Korean) with particles that are
/// grown to the word.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{31bf}' | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}'
        | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

const fn is_latin(c: char) -> bool {
    matches!(c, 'a'..='z' | '\u{aa}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// What kind of word these letters are.
fn kind_of(word: &str) -> Kind {
    if word.chars().any(char::is_numeric) {
        return Kind::Plain;
    }
    match word.chars().next() {
        Some(c) if is_latin(c) => Kind::Latin,
        Some('\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}') => Kind::Of(Language::Greek),
        Some('\u{400}'..='\u{52f}') => Kind::Of(Language::Russian),
        Some('\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}') => Kind::Of(Language::Arabic),
        Some('\u{b80}'..='\u{bff}') => Kind::Of(Language::Tamil),
        _ => Kind::Plain,
    }
}

/// The pieces of a text that [`normal`] made, in their order.
pub(super) fn pieces(text: &str) -> Vec<Piece> {
    let mut cutter = Cutter { text, gap: 0..0, word: None, run: Run::default(), pieces: Vec::new() };
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let is_mark = is_combining_mark(c);
        if !is_mark && !c.is_alphanumeric() {
            let goes_on = c == '\n' && characters.peek().is_some_and(|(_, next)| is_unspaced(*next));
            // Lines of Chinese are wrapped within words.
            if !(goes_on && cutter.run.last.is_some()) {
                cutter.end_word(at);
                cutter.end_run();
            }
        } else if is_unspaced(c) {
            cutter.end_word(at);
            cutter.add_unspaced(at, c, is_mark);
        } else if cutter.word.is_some() || !is_mark {
            cutter.end_run();
            cutter.word.get_or_insert(at);
        }
    }
    cutter.end_word(text.len());
    cutter.end_run();
    cutter.pieces
}

/// A run of a script without spaces, of which no more is kept than its last two characters with their marks.
#[derive(Default)]
struct Run {
    before: Option<String>,
    last: Option<String>,
}

struct Cutter<'a> {
    text: &'a str,
    /// Where the last word ended.
    gap: std::ops::Range<usize>,
    /// Where the word at hand began.
    word: Option<usize>,
    run: Run,
    pieces: Vec<Piece>,
}

impl Cutter<'_> {
    fn push(&mut self, form: String, kind: Kind) {
        self.pieces.push(Piece { form, kind, is_joined: false });
    }

    fn end_word(&mut self, end: usize) {
        let Some(start) = self.word.take() else { return };
        let gap = &self.text[self.gap.end.min(start)..start];
        let follows = self.gap.end > 0;
        let word = &self.text[start..end];
        let word = &word[..word.floor_char_boundary(MAX_WORD_BYTES)];
        let is_joined = follows && gap.len() == 1 && gap.starts_with(JOINS);
        let is_hyphenated = follows
            && gap.starts_with(['-', '\u{2010}'])
            && gap.trim_start_matches(['-', '\u{2010}']).starts_with(['\n', '\r'])
            && gap.matches('\n').count() < 2;
        let last = self.gap.clone();
        if is_joined && let Some(before) = self.pieces.last_mut() {
            before.is_joined = true;
        }
        self.pieces.push(Piece { form: word.to_owned(), kind: kind_of(word), is_joined });
        // Divided at the end of a line: the parts, as it may be a hyphen that belongs there, and the whole.
        if is_hyphenated {
            let whole = format!("{}{word}", &self.text[last]);
            let whole = whole[..whole.floor_char_boundary(MAX_WORD_BYTES)].to_owned();
            let kind = kind_of(&whole);
            self.push(whole, kind);
        }
        self.gap = start..end;
    }

    fn add_unspaced(&mut self, _at: usize, c: char, is_mark: bool) {
        if is_mark && let Some(last) = &mut self.run.last {
            if last.len() < MAX_WORD_BYTES {
                last.push(c);
            }
            return;
        }
        self.end_character(false);
        self.run.last = Some(c.to_string());
    }

    /// What was the last character of the run has got all of its marks.
    fn end_character(&mut self, is_end: bool) {
        let Some(last) = self.run.last.take() else { return };
        let before = self.run.before.take();
        let is_alone = is_end && before.is_none();
        if let Some(before) = before {
            self.push(format!("{before}{last}"), Kind::Pair);
        }
        self.push(last.clone(), Kind::Single { is_alone });
        self.run.before = Some(last);
    }

    fn end_run(&mut self) {
        self.end_character(true);
        self.run = Run::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(text: &str, wanted: impl Fn(Kind) -> bool) -> Vec<String> {
        pieces(&normal(text)).into_iter().filter(|piece| wanted(piece.kind)).map(|piece| piece.form).collect()
    }

    #[test]
    fn scripts_without_spaces_are_cut_into_pairs() {
        let pairs = |text| forms(text, |kind| kind == Kind::Pair);
        assert_eq!(pairs("会議の資料。Linux用"), ["会議", "議の", "の資", "資料"]);
        assert_eq!(pairs("계약의 기간"), ["계약", "약의", "기간"]);
        assert_eq!(pairs("สัญญา"), ["สัญ", "ญญ", "ญา"]);
        assert_eq!(pairs("ﾃﾞｰﾀ"), ["デー", "ータ"]);
        assert_eq!(pairs("重複\n行"), ["重複", "複行"]);
        assert_eq!(pairs("重複\n\n行"), ["重複"]);
        let alone = |text| forms(text, |kind| kind == Kind::Single { is_alone: true });
        assert_eq!(alone("犬 と猫。鳥"), ["犬", "鳥"]);
    }

    #[test]
    fn other_scripts_are_cut_into_words() {
        let words = |text| forms(text, |_| true);
        assert_eq!(words("The eﬃcient ﬁnal ＡＢＣ１２"), ["the", "efficient", "final", "abc12"]);
        assert_eq!(words("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert_eq!(words("Fuß\u{ad}ball Kapitel Ⅷ"), ["fußball", "kapitel", "viii"]);
        assert_eq!(words("Installa-\ntionssystem"), ["installa", "tionssystem", "installationssystem"]);
        assert_eq!(words("well-known"), ["well", "known"]);
        assert_eq!(words(" ?! \u{301} "), Vec::<String>::new());
        assert_eq!(words(&"é".repeat(1_000))[0].len(), MAX_WORD_BYTES);
    }

    #[test]
    fn parts_of_names_are_told_from_words() {
        let joined: Vec<bool> =
            pieces("os.path is a_b, l'eau c:\\x. end").iter().map(|piece| piece.is_joined).collect();
        assert_eq!(joined, [true, true, false, true, true, false, false, false, false, false]);
    }
}
