//! Texts as tokens of the model.

use tokenizers::{Encoding, Token, Tokenizer};

use crate::{error::LoadError, folder::ModelFolder};

/// A failure of the tokenizer library.
pub(crate) type TokenizerError = Box<dyn std::error::Error + Send + Sync>;

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
