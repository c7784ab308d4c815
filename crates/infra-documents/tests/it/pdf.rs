//! How the text of a PDF's pages is put together.

use infra_documents::PDF;

use crate::{blocks, parse, pdf_file};

/// The blocks of a page with this drawing.
async fn page(drawing: &str) -> Vec<String> {
    let file = pdf_file::document(&[drawing.as_bytes().to_vec()], &[]);
    blocks(&parse(PDF, file).await.unwrap()).into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn columns_are_read_one_after_the_other_and_rows_of_a_table_one_by_one() {
    let columns = page(
        "BT /F1 10 Tf 12 TL 72 700 Td (The first column goes) Tj T* (on to its end.) Tj ET
         BT /F1 10 Tf 12 TL 320 700 Td (The second one) Tj T* (follows it.) Tj ET",
    );
    assert_eq!(columns.await, ["The first column goes\non to its end.", "The second one\nfollows it."]);
    let table = page(
        "BT /F1 10 Tf 1 0 0 1 72 700 Tm (Name) Tj 1 0 0 1 200 700 Tm (Size) Tj
         1 0 0 1 72 688 Tm (oak) Tj 1 0 0 1 200 688 Tm (20) Tj ET",
    );
    assert_eq!(table.await, ["Name Size\noak 20"]);
}

#[tokio::test]
async fn words_are_told_by_gaps_and_joined_where_a_line_splits_them() {
    assert_eq!(
        page("BT /F1 10 Tf 72 700 Td [(Two) -300 (words, and K) 30 (erning)] TJ ET").await,
        ["Two words, and Kerning"]
    );
    let spaced_out = "BT /F1 10 Tf 2 Tc 72 700 Td [(CONTENTS) -500 (HERE)] TJ ET";
    assert_eq!(page(spaced_out).await, ["CONTENTS HERE"]);
    let split = "BT /F1 10 Tf 12 TL 72 700 Td (The admini-) Tj T* (stration of North-) Tj T* (Brabant) Tj ET";
    assert_eq!(page(split).await, ["The administration of North-\nBrabant"]);
    let raised = "BT /F1 10 Tf 72 700 Td (Anna) Tj /F1 7 Tf 4 Ts (1) Tj 0 Ts /F1 10 Tf ( and Ben) Tj ET";
    assert_eq!(page(raised).await, ["Anna1 and Ben"]);
}

#[tokio::test]
async fn what_is_drawn_twice_is_read_once() {
    let outlined = "BT /F1 10 Tf 2 Tr 72 700 Td (Outlined) Tj ET";
    assert_eq!(page(outlined).await, ["Outlined"]);
    let shadow = "BT /F1 10 Tf 72.5 699.5 Td (Shadow) Tj -0.5 0.5 Td (Shadow) Tj ET";
    assert_eq!(page(shadow).await, ["Shadow"]);
    let repeated = "BT /F1 10 Tf 72 700 Td (again) Tj 0 -12 Td (again) Tj ET";
    assert_eq!(page(repeated).await, ["again\nagain"]);
}

#[tokio::test]
async fn a_stretch_that_says_what_it_reads_is_read_so() {
    let drawing =
        "BT /F1 10 Tf 72 700 Td (an of) Tj /Span << /ActualText <FEFF00660069> >> BDC (x) Tj (y) Tj EMC (ce) Tj ET";
    assert_eq!(page(drawing).await, ["an office"]);
}

#[tokio::test]
async fn invisible_text_of_a_scan_and_turned_text_are_read() {
    let scan = "q 100 0 0 100 72 600 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u{7f} EI Q BT 3 Tr /F1 10 Tf 72 700 Td (Recognised) Tj ET";
    assert_eq!(page(scan).await, ["Recognised"]);
    let upwards = "BT /F1 10 Tf 0 1 -1 0 300 100 Tm (Read from) Tj 0 1 -1 0 312 100 Tm (below.) Tj ET";
    assert_eq!(page(upwards).await, ["Read from\nbelow."]);
}

#[tokio::test]
async fn an_outline_may_lead_by_names() {
    let text = pdf_file::drawing(&["Basics", "", "The text."]);
    for (names, destination) in [
        (
            "/Names << /Dests << /Kids [<< /Names [(one) [4 0 R /Fit] (two) << /D [4 0 R /Fit] >>] >>] >> >>",
            "/Dest (one)",
        ),
        (
            "/Names << /Dests << /Names [(one) [4 0 R /Fit] (two) << /D [4 0 R /Fit] >>] >> >>",
            "/A << /S /GoTo /D (two) >>",
        ),
        ("/Dests << /one [4 0 R /Fit] >>", "/Dest /one"),
    ] {
        let objects = [
            format!("<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R {names} >>").into_bytes(),
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>".to_vec(),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
            b"<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 612 792] /Contents 5 0 R >>"
                .to_vec(),
            pdf_file::stream("", &text),
            b"<< /First 7 0 R /Last 7 0 R /Count 1 >>".to_vec(),
            format!("<< /Title <FEFF0042006100730069006300730020> /Parent 6 0 R {destination} >>").into_bytes(),
        ];
        let document = parse(PDF, pdf_file::file(&objects)).await.unwrap();
        let expected = [
            (domain::knowledge::BlockKind::Heading { level: 1 }, "Basics".to_owned()),
            (domain::knowledge::BlockKind::Paragraph, "The text.".to_owned()),
        ];
        assert_eq!(blocks(&document), expected, "{destination}");
    }
}
