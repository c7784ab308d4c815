//! Each format, as a user would upload it.

use domain::{
    gateways::{DocumentParser as _, ParseErrorKind},
    knowledge::BlockKind,
};
use infra_documents::{ChildParser, HTML, MARKDOWN, PDF, TEXT};

use crate::{blocks, child, parse, pdf_file};

#[tokio::test]
async fn each_format_is_read_with_its_structure() {
    let parser = ChildParser::new(child());
    let files: [(&str, &[u8], &str); _] = [
        ("a.txt", "Grüße\n\nzwei".as_bytes(), TEXT),
        ("a.md", "# Grüße\n\nzwei".as_bytes(), MARKDOWN),
        ("a.html", "<html><h1>Grüße</h1><p>zwei".as_bytes(), HTML),
    ];
    for (name, bytes, mime) in files {
        assert_eq!(parser.detect(&bytes.into(), name), Ok(mime));
        let document = parse(mime, bytes).await.unwrap();
        let first = if mime == TEXT { BlockKind::Paragraph } else { BlockKind::Heading { level: 1 } };
        assert_eq!(blocks(&document), [(first, "Grüße".to_owned()), (BlockKind::Paragraph, "zwei".to_owned())]);
    }
}

#[tokio::test]
async fn a_pdf_has_pages_and_the_headings_of_its_outline() {
    let pages = [
        pdf_file::drawing(&["1 Basics", "", "First page, line one", "and line two."]),
        pdf_file::drawing(&["Second page.", "", "Details", "The end."]),
    ];
    let file = pdf_file::document(&pages, &[("Basics", 0), ("Details", 1)]);
    let document = parse(PDF, file).await.unwrap();
    assert_eq!(document.page_count, Some(2));
    let expected = [
        (BlockKind::Heading { level: 1 }, "1 Basics", 1),
        (BlockKind::Paragraph, "First page, line one\nand line two.", 1),
        (BlockKind::Paragraph, "Second page.", 2),
        (BlockKind::Heading { level: 1 }, "Details", 2),
        (BlockKind::Paragraph, "The end.", 2),
    ];
    let found = blocks(&document);
    let found: Vec<_> = found
        .iter()
        .zip(&document.blocks)
        .map(|((kind, text), block)| (*kind, text.as_str(), block.page.unwrap()))
        .collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_pdf_without_an_outline_has_the_headings_of_its_type() {
    let page = b"BT /F1 22 Tf 72 720 Td (A title of) Tj 0 -26 Td (two lines) Tj ET
        BT /F1 11 Tf 14 TL 72 640 Td (The text is long enough to be) Tj T* (the body of the page.) Tj ET
        BT /F1 13 Tf 72 580 Td (Section) Tj ET BT /F1 11 Tf 72 560 Td (More of it.) Tj ET";
    let document = parse(PDF, pdf_file::document(&[page.to_vec()], &[])).await.unwrap();
    let expected = [
        (BlockKind::Heading { level: 1 }, "A title of two lines".to_owned()),
        (BlockKind::Paragraph, "The text is long enough to be\nthe body of the page.".to_owned()),
        (BlockKind::Heading { level: 3 }, "Section".to_owned()),
        (BlockKind::Paragraph, "More of it.".to_owned()),
    ];
    assert_eq!(blocks(&document), expected);
}

#[tokio::test]
async fn an_encrypted_pdf_says_so_unless_its_password_is_empty() {
    let error = parse(PDF, &include_bytes!("../fixtures/password.pdf")[..]).await.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::Encrypted);
    assert!(error.message.contains("password"));
    for open in [
        &include_bytes!("../fixtures/no-password-aes256.pdf")[..],
        &include_bytes!("../fixtures/no-password-rc4.pdf")[..],
    ] {
        assert_eq!(parse(PDF, open).await.unwrap().text, "Only printing is forbidden.");
    }
}

#[tokio::test]
async fn a_scan_and_an_empty_file_hold_no_text() {
    let scan = pdf_file::document(&[b"q 100 0 0 100 72 600 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \xff EI Q".to_vec()], &[]);
    let error = parse(PDF, scan).await.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::NoText);
    assert!(error.message.contains("OCR"), "{error}");
    for mime in [TEXT, MARKDOWN, HTML] {
        assert_eq!(parse(mime, " \n").await.unwrap_err().kind, ParseErrorKind::NoText);
    }
}

#[tokio::test]
async fn damaged_and_foreign_files_are_told() {
    for broken in [&b"%PDF-1.7\n"[..], b"%PDF-1.7\n\x00\x01garbage startxref 99999999\n%%EOF", b"not a PDF"] {
        assert_eq!(parse(PDF, broken).await.unwrap_err().kind, ParseErrorKind::Broken);
    }
    assert_eq!(parse("image/png", "x").await.unwrap_err().kind, ParseErrorKind::Unsupported);
}
