//! Documents without an author, as many as are wanted and each its own.

use std::fmt::Write;

/// Words of a sentence.
const SENTENCE: u64 = 12;
/// Sentences of a paragraph, and paragraphs of a section.
const PARAGRAPH: u64 = 6;

/// Markdown of about this many bytes; the same number gives the same text. Every paragraph holds
/// words that no other document has, so that no two chunks are the same.
pub fn document(number: u64, bytes: usize) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x94d0_49bb_1331_11eb;
    let mut random = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut text = format!("# Document {number}\n\n");
    let mut paragraph = 0_u64;
    while text.len() < bytes {
        if paragraph.is_multiple_of(PARAGRAPH) {
            // Writing to a string cannot fail.
            let _ = write!(text, "## Section {} of {number}\n\n", paragraph / PARAGRAPH + 1);
        }
        let _ = write!(text, "Paragraph {paragraph} of document {number}.");
        for _ in 0..PARAGRAPH {
            for _ in 0..SENTENCE {
                text.push(' ');
                for _ in 0..=random(3) {
                    let place = random(20) as usize;
                    text.push_str(&"babecidofugahijekolumanepiqorusatevi"[place..place + 2 + place % 2]);
                }
            }
            text.push('.');
        }
        text.push_str("\n\n");
        paragraph += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_the_same_again_and_unlike_others() {
        let text = document(7, 15_000);
        assert_eq!(text, document(7, 15_000));
        assert_ne!(text, document(8, 15_000));
        assert!((15_000..16_500).contains(&text.len()), "{}", text.len());
    }
}
