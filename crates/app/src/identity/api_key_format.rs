//! The form of API keys: `byn_<8 of prefix>_<43 random><8 of checksum>`. A key that was mistyped or
//! made up fails its checksum and costs no query.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::ids::IdGen;
use sha2::{Digest, Sha256};

/// What every key begins with, so that scanners of leaked secrets know it.
pub(super) const PREFIX: &str = "byn_";
const RANDOM_CHARS: usize = 43;
const CHECKSUM_CHARS: usize = 8;
const KEY_CHARS: usize = 4 + 8 + 1 + RANDOM_CHARS + CHECKSUM_CHARS;

/// A new key with what is shown of it.
pub(super) struct NewKey {
    pub(super) key: String,
    pub(super) prefix: String,
    pub(super) last_four: String,
}

/// Makes a key of 256 random bits.
pub(super) fn generate(ids: &dyn IdGen) -> NewKey {
    let handle: String = ids.secret().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let prefix = format!("{PREFIX}{handle}");
    let body = format!("{prefix}_{}", BASE64_URL_SAFE_NO_PAD.encode(ids.secret()));
    let key = format!("{body}{}", checksum(&body));
    let last_four = key[key.len() - 4..].to_owned();
    NewKey { key, prefix, last_four }
}

/// Whether a text is a key in form.
pub(super) fn is_well_formed(key: &str) -> bool {
    key.len() == KEY_CHARS
        && key.is_ascii()
        && key.starts_with(PREFIX)
        && checksum(&key[..KEY_CHARS - CHECKSUM_CHARS]) == key[KEY_CHARS - CHECKSUM_CHARS..]
}

fn checksum(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().take(CHECKSUM_CHARS / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use domain::ids::RandomIds;

    use super::*;

    #[test]
    fn a_key_with_one_character_changed_is_not_well_formed() {
        let key = generate(&RandomIds).key;
        assert!(is_well_formed(&key));
        for at in 0..key.len() {
            let mut changed = key.clone().into_bytes();
            changed[at] = if changed[at] == b'x' { b'y' } else { b'x' };
            assert!(!is_well_formed(&String::from_utf8(changed).unwrap()), "position {at}");
        }
        for other in ["", "byn_", "' OR '1'='1", &key[1..], &format!("{key}0"), &"é".repeat(32)] {
            assert!(!is_well_formed(other), "{other}");
        }
    }
}
