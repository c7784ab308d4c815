//! What people filled in and wrote beside the text of PDFs, and what is said of those without any.

use domain::gateways::ParseErrorKind;
use infra_documents::PDF;

use crate::{blocks, parse, pdf_file};

async fn texts(drawing: &str, annotations: &[&str]) -> Vec<String> {
    let document = parse(PDF, pdf_file::page(drawing, &["x"], annotations)).await.unwrap();
    blocks(&document).into_iter().map(|(_, text)| text).collect()
}

const FORM: &str = "BT /F1 10 Tf 72 700 Td (Name) Tj ET BT /F1 10 Tf 72 680 Td (Country) Tj ET
    BT /F1 10 Tf 72 660 Td (Thank you.) Tj ET";

#[tokio::test]
async fn values_of_form_fields_stand_at_their_place_with_their_names() {
    let annotations = [
        "<< /Type /Annot /Subtype /Widget /FT /Ch /T (country) /V (de) /Opt [[(de) (Germany)] [(fr) (France)]]
            /Rect [150 676 300 692] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (full_name) /V (Ada Lovelace) /Rect [150 696 300 712] >>",
    ];
    assert_eq!(
        texts(FORM, &annotations).await,
        ["Name", "full_name: Ada Lovelace", "Country", "country: Germany", "Thank you."]
    );
}

#[tokio::test]
async fn fields_have_the_names_and_values_of_those_that_they_are_within() {
    let annotations = [
        "<< /Type /Annot /Subtype /Widget /T (city) /Parent 10 0 R /V <FEFF004B00F6006C006E> /Rect [72 500 200 512] >>",
        "<< /FT /Tx /T (address) >>",
        "<< /Type /Annot /Subtype /Widget /Parent 12 0 R /AS /Off /Rect [72 480 80 488] >>",
        "<< /FT /Btn /T (agreed) /V /Yes >>",
        "<< /Type /Annot /Subtype /Widget /Parent 12 0 R /AS /Yes /Rect [72 460 80 468] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Ch /T (days) /V [(Monday) (Friday)] /Rect [72 440 200 452] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (empty) /V ( ) /Rect [72 420 200 432] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /Ff 8192 /T (password) /V (secret) /Rect [72 400 200 412] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /F 2 /T (hidden) /V (unseen) /Rect [72 380 200 392] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Btn /Ff 65536 /T (send) /AS /On /Rect [72 360 200 372] >>",
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (loop) /Parent 19 0 R /V (ends) /Rect [72 340 200 352] >>",
    ];
    let read = texts("BT /F1 10 Tf 72 700 Td (A form) Tj ET", &annotations).await;
    assert_eq!(read[..4], ["A form", "address.city: K\u{f6}ln", "agreed: Yes", "days: Monday, Friday"]);
    assert!(read[4].ends_with("loop: ends") && read.len() == 5, "{read:?}");
}

#[tokio::test]
async fn notes_are_read_behind_what_they_stand_at() {
    let annotations = [
        "<< /Type /Annot /Subtype /Text /Contents (Is that so?) /Rect [300 676 320 696] >>",
        "<< /Type /Annot /Subtype /Highlight /Contents (Ask her first.) /Rect [72 698 100 710] >>",
        "<< /Type /Annot /Subtype /FreeText /Contents (Written\\rinto the page) /Rect [72 600 200 640] >>",
        "<< /Type /Annot /Subtype /Popup /Contents (A window) /Rect [400 676 500 696] >>",
        "<< /Type /Annot /Subtype /Link /Contents (A link) /Rect [72 650 100 660] >>",
        "<< /Type /Annot /Subtype /Text /F 2 /Contents (Not shown) /Rect [72 650 100 660] >>",
    ];
    assert_eq!(
        texts(FORM, &annotations).await,
        ["Name", "Ask her first.", "Country", "Is that so?", "Thank you.", "Written\ninto the page"]
    );
}

#[tokio::test]
async fn a_form_of_pictures_alone_has_the_text_of_its_fields() {
    let field = "<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Ada) /Rect [150 696 300 712] >>";
    let picture = "q 100 0 0 100 72 600 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u{7f} EI Q";
    assert_eq!(texts(picture, &[field]).await, ["name: Ada"]);
}

#[tokio::test]
async fn a_file_without_text_says_what_it_shows() {
    // Letters of a font that maps its codes to nothing: their glyphs have names of its own.
    let unknown = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_vec(),
        pdf_file::stream("", b"BT /F1 10 Tf 10 10 Td <0102> Tj ET"),
        b"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [0.1 0 0 0.1 0 0] /FirstChar 1 /LastChar 2
            /Widths [5 5] /Encoding << /Differences [1 /one1 /two2] >> /CharProcs << /one1 6 0 R /two2 6 0 R >> >>"
            .to_vec(),
        pdf_file::stream("", b"5 0 d0 0 0 4 4 re f"),
    ];
    let page = |drawing: &str| pdf_file::page(drawing, &["x"], &[]);
    for (file, word, is_scan) in [
        (pdf_file::file(&unknown), "fonts", false),
        (page("q 100 0 0 100 72 600 cm BI /W 1 /H 1 /CS /G /BPC 8 ID \u{7f} EI Q"), "pictures", true),
        (page("10 10 100 100 re f"), "drawings", false),
        (page("10 10 m 50 90 l S"), "drawings", false),
        (page(""), "empty", false),
    ] {
        let error = parse(PDF, file).await.unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::NoText);
        assert!(error.message.contains(word), "{word}: {error}");
        assert_eq!(error.message.contains("scan"), is_scan, "{error}");
    }
}
