//! Texts as tokens of the model.

use tokenizers::Tokenizer;

use crate::{error::LoadError, folder::ModelFolder};

/// A failure of the tokenizer library.
pub(crate) type TokenizerError = Box<dyn std::error::Error + Send + Sync>;

/// The folder's tokenizer.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    lower_case: bool,
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
        Ok(Self { tokenizer, lower_case: folder.lower_case })
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
}
