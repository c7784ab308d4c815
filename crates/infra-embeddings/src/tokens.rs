//! Texts as tokens of the model.

use tokenizers::{Encoding, Token, Tokenizer};

use crate::{error::LoadError, folder::ModelFolder};

/// A failure of the tokenizer library.
pub(crate) type TokenizerError = Box<dyn std::error::Error + Send + Sync>;

/// What stands for what a tokenizer does not know.
const UNKNOWN: [&str; 2] = ["[UNK]", "<unk>"];
/// Tokens of a word up to which a language is the tokenizer's own: English takes 1.1 to 1.3 of an English one's.
const OWN_FERTILITY: f64 = 1.4;
/// Tokens of a word from which on it has but letters and syllables.
const STRANGE_FERTILITY: f64 = 2.4;
/// The share of unknown tokens from which on nothing is known of a text.
const STRANGE_UNKNOWN: f64 = 0.2;

/// Tokens that a tokenizer takes for a text whose language it knows: one for a word, and for scripts without spaces by
/// the characters that multilingual ones put into a token.
fn expected_tokens(text: &str) -> f64 {
    let mut expected = 0.0;
    let mut is_inside = false;
    for c in text.chars() {
        let share = match c {
            '\u{3041}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}' => 0.5,
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => 1.0,
            '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => 0.3,
            c if c.is_alphanumeric() => {
                expected += f64::from(u8::from(!is_inside));
                is_inside = true;
                continue;
            }
            _ => 0.0,
        };
        is_inside = false;
        expected += share;
    }
    expected
}

/// The folder's tokenizer.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    lower_case: bool,
    /// The special token that every input begins with (`[CLS]`), where the model has one.
    first: Option<u32>,
}

impl Tokens {
    /// Reads the tokenizer and checks that the network has a row for each of its tokens.
    pub(crate) fn load(folder: &ModelFolder) -> Result<Self, LoadError> {
        let file = &folder.tokenizer;
        let bytes = std::fs::read(file).map_err(|source| LoadError::Unreadable { file: file.clone(), source })?;
        let damaged =
            |reason: &str, source| LoadError::Damaged { file: file.clone(), reason: reason.to_owned(), source };
        let no_tokenizer = |source| damaged("it is no tokenizer", Some(source));
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(no_tokenizer)?;
        // What is too long is refused, never cut, and no text is padded.
        tokenizer.with_truncation(None).map_err(no_tokenizer)?;
        tokenizer.with_padding(None);
        let greatest = tokenizer.get_vocab(true).into_values().max();
        if greatest.is_none_or(|id| id as usize >= folder.config.vocab_size) {
            return Err(damaged("its tokens are not those of the model", None));
        }
        let empty = tokenizer.encode_fast("", true).map_err(no_tokenizer)?;
        let first = empty.get_ids().first().copied();
        Ok(Self { tokenizer, lower_case: folder.lower_case, first })
    }

    /// The ids of a text after a prompt, special ones included.
    pub(crate) fn encode(&self, prompt: &str, text: &str) -> Result<Vec<u32>, TokenizerError> {
        // Trimmed as the library does, the prompt with its text.
        let mut whole = format!("{prompt}{text}");
        if self.lower_case {
            whole = whole.to_lowercase();
        }
        Ok(self.tokenizer.encode_fast(whole.trim(), true)?.get_ids().to_vec())
    }

    /// How well the tokenizer knows the words of a text, from 0 to 1; 1 where there are none.
    ///
    /// A tokenizer has whole words of the languages that it was made from, and of others their letters or nothing at
    /// all. So it is told by the tokens that a word takes (its "fertility": Rust and others, "How Good is Your
    /// Tokenizer?", ACL 2021) and by the share of unknown ones.
    pub(crate) fn familiarity(&self, text: &str) -> f64 {
        let expected = expected_tokens(text);
        // The fast way gives ids alone, and no tokens.
        let Ok(encoding) = self.tokenizer.encode(text, false) else { return 0.0 };
        let is_word = |token: &&String| token.chars().any(char::is_alphanumeric);
        let pieces = encoding.get_tokens().iter().filter(is_word).count() as f64;
        if expected == 0.0 || pieces == 0.0 {
            return 1.0;
        }
        let is_unknown = |token: &&String| UNKNOWN.contains(&token.as_str());
        let unknown = encoding.get_tokens().iter().filter(is_unknown).count() as f64 / pieces;
        let fertility = pieces / expected;
        let whole = ((STRANGE_FERTILITY - fertility) / (STRANGE_FERTILITY - OWN_FERTILITY)).clamp(0.0, 1.0);
        whole * (1.0 - unknown / STRANGE_UNKNOWN).max(0.0)
    }

    /// The first of the ids that is no token of the model's.
    pub(crate) fn first_unknown(&self, ids: &[u32]) -> Option<u32> {
        ids.iter().copied().find(|id| self.tokenizer.id_to_token(*id).is_none())
    }

    /// Ids with the special tokens around them. Clients that make tokens themselves mostly add none; whose ids begin
    /// with them has added them.
    pub(crate) fn frame(&self, ids: &[u32]) -> Result<Vec<u32>, TokenizerError> {
        if ids.first().copied() == self.first {
            return Ok(ids.to_vec());
        }
        let tokens = ids.iter().map(|id| Token::new(*id, String::new(), (0, 0))).collect();
        let framed = self.tokenizer.post_process(Encoding::from_tokens(tokens, 0), None, true)?;
        Ok(framed.get_ids().to_vec())
    }
}
