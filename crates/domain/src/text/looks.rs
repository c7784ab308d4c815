//! How text looks: two names that look the same are one, or one of them is refused.

use unicode_normalization::UnicodeNormalization;
use unicode_security::mixed_script::AugmentedScriptSet;

/// How far the wide forms of ASCII's letters and digits stand from them (Unicode block "Halfwidth and Fullwidth
/// Forms").
const WIDE: u32 = '！' as u32 - '!' as u32;

/// Whether a character shows nothing and can only hide or reverse what stands around it: directions, widths of zero,
/// soft hyphens, tags.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Joiners, which Persian, the scripts of India and emoji need.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// A name as it looks: composed (NFC), its wide letters and digits as others, without what shows nothing.
#[must_use]
pub fn visible(value: &str) -> String {
    let mut kept = String::with_capacity(value.len());
    for letter in value.nfc() {
        // No word of Latin letters has a joiner.
        let hides =
            is_invisible(letter) || (is_joiner(letter) && kept.chars().next_back().is_none_or(|c| c.is_ascii()));
        if !hides {
            kept.push(narrow(letter));
        }
    }
    kept
}

fn narrow(letter: char) -> char {
    let narrow = u32::from(letter).checked_sub(WIDE).and_then(char::from_u32);
    narrow.filter(char::is_ascii_alphanumeric).unwrap_or(letter)
}

/// An identifier in its one form: compatible letters as one (NFKC), in lower case.
#[must_use]
pub fn identifier(value: &str) -> String {
    // Lower case may leave letters that are composed anew.
    value.trim().nfkc().collect::<String>().to_lowercase().nfkc().collect()
}

/// Whether an identifier in its one form may be mistaken for another: it hides something, or mixes scripts that look
/// alike. Those of East Asia are written beside Latin letters ("highly restrictive" in Unicode Technical Standard 39,
/// section 5.2).
#[must_use]
pub fn is_deceptive(identifier: &str) -> bool {
    let scripts = |text: &str| AugmentedScriptSet::for_str(text);
    let is_mixed = || {
        let others = scripts(&identifier.chars().filter(|letter| !letter.is_ascii()).collect::<String>());
        scripts(identifier).is_empty() && !(others.hanb || others.jpan || others.kore)
    };
    identifier.chars().any(|letter| is_invisible(letter) || is_joiner(letter)) || is_mixed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_the_same_are_the_same() {
        for look_alike in [
            "report.pdf",
            "re\u{200b}port.pdf",
            "\u{202e}report.pdf",
            "ｒｅｐｏｒｔ.pdf",
            "report\u{feff}.pdf",
            "re\u{200d}port.pdf",
        ] {
            assert_eq!(visible(look_alike), "report.pdf", "{look_alike:?}");
        }
        assert_eq!(visible("u\u{308}ber"), "über");
    }

    #[test]
    fn what_scripts_need_stays() {
        for kept in [
            "می\u{200c}خواهم",
            "👩\u{200d}👧 holidays",
            "क्\u{200d}ष",
            "x² ± ½",
            "（最終）",
            "Привет, world",
            "❤\u{fe0f}",
        ] {
            assert_eq!(visible(kept), kept);
        }
    }

    #[test]
    fn identifiers_have_one_form_and_one_script() {
        assert_eq!(identifier(" ＡＤＡ"), "ada");
        assert_eq!(identifier("u\u{308}"), identifier("Ü"));
        for fair in ["ada", "jürgen", "аня", "山田たろう", "김ada", "ada.2"] {
            assert!(!is_deceptive(fair), "{fair}");
        }
        // The first letter is Cyrillic.
        for deceptive in ["аda", "a\u{200d}da", "a\u{202e}da", "αlpha"] {
            assert!(is_deceptive(deceptive), "{deceptive:?}");
        }
    }
}
