//! Our own estimate of tokens, for when a provider gives no count.

/// Bytes of UTF-8 text that make a token on the average of English prose and code with today's
/// vocabularies (OpenAI's rule of thumb: four characters).
const BYTES_PER_TOKEN: u64 = 4;
/// Tokens that a chat dialect adds around each message (OpenAI's cookbook on counting tokens).
const TOKENS_PER_MESSAGE: u64 = 4;

/// Estimated tokens of a text; 0 only for the empty one.
#[must_use]
pub fn tokens_of(text: &str) -> u64 {
    (text.len() as u64).div_ceil(BYTES_PER_TOKEN)
}

/// Estimated tokens of the messages of a prompt.
#[must_use]
pub fn tokens_of_messages<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    texts.into_iter().map(|text| tokens_of(text) + TOKENS_PER_MESSAGE).sum()
}
