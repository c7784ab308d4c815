//! Accents that are glyphs of their own, drawn over the letter that they belong to.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Accents that old typesetters place over a letter, and the combining marks that they stand for.
const SPACING: &[(char, char)] = &[
    ('\u{60}', '\u{300}'),
    ('\u{b4}', '\u{301}'),
    ('\u{2c6}', '\u{302}'),
    ('\u{2dc}', '\u{303}'),
    ('\u{af}', '\u{304}'),
    ('\u{2d8}', '\u{306}'),
    ('\u{2d9}', '\u{307}'),
    ('\u{a8}', '\u{308}'),
    ('\u{2da}', '\u{30a}'),
    ('\u{2dd}', '\u{30b}'),
    ('\u{2c7}', '\u{30c}'),
    ('\u{b8}', '\u{327}'),
    ('\u{2db}', '\u{328}'),
];

/// The combining mark of an accent that stands alone.
pub(super) fn spacing_accent(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let accent = characters.next().filter(|_| characters.next().is_none())?;
    SPACING.iter().find(|(spacing, _)| *spacing == accent).map(|(_, mark)| *mark)
}

/// Whether a glyph is nothing but combining marks.
pub(super) fn is_mark(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_combining_mark)
}

/// A letter with a mark, as one character where there is one; nothing for what is no letter. A dotless letter gets its dot back under no mark,
/// so it is the plain one that is combined.
pub(super) fn combined(letter: &str, mark: char) -> Option<String> {
    let letter = match letter {
        "\u{131}" => "i",
        "\u{237}" => "j",
        _ => letter,
    };
    let mut characters = letter.chars();
    let is_letter = characters.next().is_some_and(char::is_alphabetic) && characters.next().is_none();
    is_letter.then(|| letter.chars().chain([mark]).nfc().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_is_combined_with_its_letter_only() {
        assert_eq!(spacing_accent("\u{a8}").and_then(|mark| combined("u", mark)).as_deref(), Some("\u{fc}"));
        assert_eq!(spacing_accent("\u{b4}").and_then(|mark| combined("\u{131}", mark)).as_deref(), Some("\u{ed}"));
        assert_eq!(combined("M", '\u{304}').as_deref(), Some("M\u{304}"));
        assert_eq!(combined("7", '\u{308}'), None);
        assert_eq!(spacing_accent("x"), None);
        assert!(is_mark("\u{64e}") && !is_mark("") && !is_mark("\u{628}\u{64e}"));
    }
}
