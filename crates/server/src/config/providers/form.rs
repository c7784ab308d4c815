//! Whether an entry of `[[providers]]` has the keys that there are, each with a value of its kind.

use serde_json::Value;

use crate::config::nearest;

/// What a key takes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text,
    Texts,
    Deadlines,
}

/// The keys of an entry.
const KEYS: &[(&str, Kind)] = &[
    ("name", Kind::Text),
    ("dialect", Kind::Text),
    ("base_url", Kind::Text),
    ("api_key_file", Kind::Text),
    ("api_key_env", Kind::Text),
    ("models", Kind::Texts),
    ("deadlines", Kind::Deadlines),
    ("ca_file", Kind::Text),
    ("proxy", Kind::Text),
];
/// The keys of its deadlines.
const DEADLINES: &[&str] = &["connect_seconds", "first_token_seconds", "idle_seconds", "whole_seconds"];

/// The first key of an entry that cannot be used, and what is wrong with it; an empty key is the entry itself.
pub(super) fn fault(entry: &Value) -> Option<(String, String)> {
    let Some(fields) = entry.as_object() else {
        return Some((String::new(), "must be a table; begin it with [[providers]]".to_owned()));
    };
    fields.iter().find_map(|(key, value)| {
        let known = KEYS.iter().find(|(known, _)| known == key);
        let problem = match known {
            _ if key == "api_key" => {
                "does not belong into a settings file, which many may read; put the key into a file of its own and name \
                 that as api_key_file, or a variable that holds it as api_key_env"
            }
            Some((_, Kind::Text)) if value.is_string() => return None,
            Some((_, Kind::Text)) => "must be a text in quotes",
            Some((_, Kind::Texts)) if is_texts(value) => return None,
            Some((_, Kind::Texts)) => "must be a list of texts, such as ['a', 'b']",
            Some((_, Kind::Deadlines)) => return deadline_fault(value),
            None => return Some((key.clone(), unknown(key, KEYS.iter().map(|(known, _)| *known)))),
        };
        Some((key.clone(), problem.to_owned()))
    })
}

fn is_texts(value: &Value) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(Value::is_string))
}

fn deadline_fault(value: &Value) -> Option<(String, String)> {
    let Some(fields) = value.as_object() else {
        return Some(("deadlines".to_owned(), "must be a table, such as { first_token_seconds = 600 }".to_owned()));
    };
    fields.iter().find_map(|(key, value)| {
        let problem = match (DEADLINES.contains(&key.as_str()), value.is_u64()) {
            (true, true) => return None,
            (true, false) => "must be a whole number of seconds".to_owned(),
            (false, _) => unknown(key, DEADLINES.iter().copied()),
        };
        Some((format!("deadlines.{key}"), problem))
    })
}

fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    match nearest(key, known.clone()) {
        Some(near) => format!("is not known; did you mean '{near}'?"),
        None => format!("is not known; the keys are {}", known.collect::<Vec<_>>().join(", ")),
    }
}
