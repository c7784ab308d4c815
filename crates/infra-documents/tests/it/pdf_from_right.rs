//! PDFs of scripts that are written from right to left.

use infra_documents::PDF;

use crate::{parse, pdf_file};

/// How a program places the glyphs of a line.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// From left to right, a string for each word, as XeLaTeX does.
    WordsFromLeft,
    /// From left to right, one string for all, as Pango and cairo do.
    LineFromLeft,
    /// As they are read, each at its place.
    GlyphsFromRight,
    /// Words as they are read, the glyphs of each from left to right.
    WordsFromRight,
}

const WAYS: [Way; 4] = [Way::WordsFromLeft, Way::LineFromLeft, Way::GlyphsFromRight, Way::WordsFromRight];

/// A page with one line that stands so from left to right; each part is a glyph, ten points wide at size 20.
async fn line(standing: &[&str], way: Way) -> String {
    let mut letters: Vec<&str> = standing.iter().copied().filter(|glyph| *glyph != " ").collect();
    letters.sort_unstable();
    letters.dedup();
    let code = |glyph: &str| format!("{:02X}", 33 + letters.iter().position(|letter| *letter == glyph).unwrap());
    let words: Vec<(usize, String)> = standing
        .split(|glyph| *glyph == " ")
        .scan(0, |at, word| {
            let start = *at;
            *at += word.len() + 1;
            Some((start, word.iter().map(|glyph| code(glyph)).collect()))
        })
        .collect();
    let draw = |(at, codes): &(usize, String)| format!("BT /F3 20 Tf {} 700 Td <{codes}> Tj ET\n", 72 + 10 * at);
    let drawing: String = match way {
        Way::WordsFromLeft => words.iter().map(draw).collect(),
        Way::WordsFromRight => words.iter().rev().map(draw).collect(),
        Way::LineFromLeft => {
            let strings: Vec<String> = words.iter().map(|(_, codes)| format!("<{codes}>")).collect();
            format!("BT /F3 20 Tf 72 700 Td [{}] TJ ET", strings.join(" -500 "))
        }
        Way::GlyphsFromRight => {
            let glyphs = standing.iter().enumerate().rev().filter(|(_, glyph)| **glyph != " ");
            glyphs.map(|(at, glyph)| draw(&(at, code(glyph)))).collect()
        }
    };
    parse(PDF, pdf_file::page(&drawing, &letters, &[])).await.unwrap().text
}

fn glyphs(standing: &str) -> Vec<String> {
    standing.chars().map(String::from).collect()
}

#[tokio::test]
async fn words_are_read_in_their_order_however_they_are_placed() {
    for read in
        ["العقد ساري المفعول", "مدة العقد خمس سنوات من تاريخ التوقيع", "השלום חשוב מאוד לכולם", "این قرارداد معتبر است"]
    {
        let standing: Vec<String> = read.chars().rev().map(String::from).collect();
        let standing: Vec<&str> = standing.iter().map(String::as_str).collect();
        for way in WAYS {
            assert_eq!(line(&standing, way).await, read, "{way:?}");
        }
    }
}

#[tokio::test]
async fn numbers_and_latin_words_within_are_read_from_left_to_right() {
    for (standing, read) in [
        ("2026 ماع", "عام 2026"),
        ("3.14 يواسي ط", "ط يساوي 3.14"),
        ("ةحفص 12-15 رظنا", "انظر 12-15 صفحة"),
        ("PDF 1.7 ץבוק", "קובץ PDF 1.7"),
        ("Linux 6 ةمظنأ", "أنظمة Linux 6"),
        ("(Linux) ماظن", "نظام (Linux)"),
        ("١٢٣ مقر", "رقم ١٢٣"),
        ("20 10", "20 10"),
        ("20 10 ماقرأ", "أرقام 10 20"),
        ("the word םולש means", "the word שלום means"),
    ] {
        let standing = glyphs(standing);
        let standing: Vec<&str> = standing.iter().map(String::as_str).collect();
        for way in [Way::WordsFromLeft, Way::LineFromLeft] {
            assert_eq!(line(&standing, way).await, read, "{way:?}");
        }
    }
}

#[tokio::test]
async fn forms_and_ligatures_are_the_letters_that_they_show() {
    // Lam and alef as one glyph, which its font says in the order of reading; and letters in their forms.
    for way in WAYS {
        assert_eq!(line(&["م", "لا", "س"], way).await, "سلام");
        assert_eq!(line(&["\u{fee1}", "\u{fefc}", "\u{feb3}"], way).await, "سلام");
    }
}

#[tokio::test]
async fn marks_stand_behind_their_letter() {
    // Drawn from left to right, a mark stands over the letter that follows.
    let drawing = "BT /F3 20 Tf 72 700 Td [(!) 500 (\") -100 (#) 500 ($)] TJ ET";
    let document = parse(PDF, pdf_file::page(drawing, &["\u{64f}", "ب", "\u{64e}", "ك"], &[])).await.unwrap();
    assert_eq!(document.text, "كَبُ");
}
