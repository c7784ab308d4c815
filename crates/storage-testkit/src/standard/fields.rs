//! The fields of a row by their names, as `Debug` shows them.

use std::{collections::BTreeMap, fmt::Debug};

use crate::Subject;

/// The fields of a struct with what stands in them.
fn fields(row: &impl Debug) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut name = String::new();
    for line in format!("{row:#?}").lines() {
        let Some(text) = line.strip_prefix("    ") else { continue };
        match text.split_once(": ") {
            Some((field, value)) if !text.starts_with(' ') => {
                name = field.to_owned();
                fields.insert(name.clone(), value.to_owned());
            }
            _ => fields.entry(name.clone()).or_default().push_str(text),
        }
    }
    fields
}

/// Asserts that the plain row leaves every optional field empty, that the full one sets every one, and
/// that the rest differs: else a backend could lose a field and the round trip would not see it.
pub(crate) fn assert_different<S: Subject>(plain: &S::Row, full: &S::Row) {
    let (plain, full) = (fields(plain), fields(full));
    assert!(plain.keys().eq(full.keys()) && !plain.is_empty(), "rows are structs with the same fields");
    for (name, value) in &full {
        let (field, empty) = (name.as_str(), &plain[name]);
        assert!(
            value != "None," || S::NEVER_SET.contains(&field),
            "a full row of {} leaves '{field}' empty: set it, or name it in NEVER_SET",
            S::NAME
        );
        assert!(
            !empty.starts_with("Some(") || S::ALWAYS_SET.contains(&field),
            "a plain row of {} sets '{field}': leave it empty, or name it in ALWAYS_SET",
            S::NAME
        );
        let alike = [S::NEVER_SET, S::ALWAYS_SET, S::ALIKE].concat();
        assert!(
            value != empty || alike.contains(&field),
            "'{field}' is the same in the plain and the full row of {}: change it, or name it in ALIKE",
            S::NAME
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug only")]
    struct Thing {
        name: &'static str,
        inner: Option<Option<u8>>,
        none: Option<u8>,
    }

    #[test]
    fn fields_are_told_apart() {
        let found = fields(&Thing { name: "a: b", inner: Some(None), none: None });
        let texts: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(texts, [("inner", "Some(    None,),"), ("name", "\"a: b\","), ("none", "None,")]);
    }
}
