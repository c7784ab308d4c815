//! The name that was meant by a name that is none.

use strsim::damerau_levenshtein;

/// Letters that a part of a name must have to stand for the whole.
const LEAST_LETTERS_OF_A_PART: usize = 4;
/// One letter in so many may be wrong.
const LETTERS_FOR_A_MISTAKE: usize = 3;

/// The known name that is closest to a wrong one, if any is close. Only letters and digits are compared: most often it
/// is the separators that are wrong.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = letters(wrong);
    let distance = |name: &str| {
        let name = letters(name);
        let is_part = wrong.len() >= LEAST_LETTERS_OF_A_PART && (name.ends_with(&wrong) || name.starts_with(&wrong));
        if is_part { usize::from(name != wrong) } else { damerau_levenshtein(&name, &wrong) }
    };
    let near = known.into_iter().map(|name| (distance(name), name.len(), name));
    let is_near = |(distance, length, _): &(usize, usize, &str)| {
        !wrong.is_empty() && *distance <= wrong.len().max(*length) / LETTERS_FOR_A_MISTAKE
    };
    near.filter(is_near).min().map(|(.., name)| name)
}

fn letters(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_what_is_left_of_it() {
        let known =
            ["limits", "chat.model", "embeddings.model", "listen", "metrics_listen", "database_url", "public_url"];
        for (wrong, meant) in [
            ("CHAT_MODEL", Some("chat.model")),
            ("chat.modle", Some("chat.model")),
            ("lisen", Some("listen")),
            ("model", Some("chat.model")),
            ("EMBEDDING_MODEL", Some("embeddings.model")),
            ("DATABASE", Some("database_url")),
            ("publicurl", Some("public_url")),
            ("limt", Some("limits")),
            ("lmits", Some("limits")),
            ("port", None),
            ("url", None),
            ("", None),
            ("something.else", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
    }
}
