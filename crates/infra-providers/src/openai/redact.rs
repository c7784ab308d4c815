//! Takes secrets and addresses out of what a peer says.

use std::net::{IpAddr, SocketAddr};

/// Most characters kept.
const MAX_CHARS: usize = 300;
/// What stands for a word that was taken out.
const GAP: &str = "…";
/// Beginnings of keys that providers give out.
const KEY_PREFIXES: &[&str] = &["sk-", "sk_", "gsk_", "xai-", "hf_", "bearer"];

/// The text on one line, without words that hold a key, a URL, a host or an address.
pub(super) fn redact(text: &str, secrets: &[&str]) -> String {
    let words = text.split_whitespace().map(|word| if is_telling(word, secrets) { GAP } else { word });
    let mut line: String = words.collect::<Vec<_>>().join(" ");
    line.retain(|character| !character.is_control());
    if line.chars().count() > MAX_CHARS {
        line = line.chars().take(MAX_CHARS).chain(GAP.chars()).collect();
    }
    line
}

fn is_telling(word: &str, secrets: &[&str]) -> bool {
    let lower = word.to_lowercase();
    let bare = lower.trim_matches(|c: char| !c.is_alphanumeric());
    // `://` begins an address of the web, `::` stands in most of IPv6.
    lower.contains("://")
        || lower.contains("::")
        || KEY_PREFIXES.iter().any(|prefix| lower.contains(prefix))
        || secrets.iter().any(|secret| !secret.is_empty() && word.contains(secret))
        || bare.parse::<IpAddr>().is_ok()
        || bare.parse::<SocketAddr>().is_ok()
        || bare.rsplit_once(':').is_some_and(|(host, port)| host.contains('.') && port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_addresses_are_taken_out() {
        let text =
            "Incorrect key sk-abc*123 'topsecret!' at https://api.x.com/v1 (10.0.0.7:8080) [::1] db.lan:5432 now";
        assert_eq!(redact(text, &["topsecret"]), "Incorrect key … … at … … … … now");
    }

    #[test]
    fn plain_words_stay_on_one_bounded_line() {
        assert_eq!(redact("max_tokens is 4.5:\n too\tlarge", &[""]), "max_tokens is 4.5: too large");
        assert_eq!(redact(&"x ".repeat(1000), &[]).chars().count(), MAX_CHARS + 1);
    }
}
