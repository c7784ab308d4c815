//! Writes small PDF files by hand.

use std::fmt::Write as _;

/// A file of these objects, numbered from 1; the first is the catalogue.
pub(crate) fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.4\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (number, object) in (1..).zip(objects) {
        writeln!(table, "{:010} 00000 n ", out.len()).unwrap();
        out.extend(format!("{number} 0 obj\n").bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let start = out.len();
    out.extend(table.bytes());
    let end = format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1);
    out.extend(end.bytes());
    out
}

/// A stream object with these entries besides its length.
pub(crate) fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< /Length {} {entries} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// A page's drawing: lines of text from the top, 14 points apart; an empty line is a gap.
pub(crate) fn drawing(lines: &[&str]) -> Vec<u8> {
    let mut drawing = "BT /F1 11 Tf 14 TL 72 720 Td\n".to_owned();
    for line in lines {
        if !line.is_empty() {
            write!(drawing, "({line}) Tj ").unwrap();
        }
        drawing.push_str("T*\n");
    }
    drawing.push_str("ET");
    drawing.into_bytes()
}

/// A document of pages with these drawings and an outline of titles with their pages, from 0.
pub(crate) fn document(drawings: &[Vec<u8>], outline: &[(&str, usize)]) -> Vec<u8> {
    const FIRST_PAGE: usize = 4;
    let page = |at: usize| FIRST_PAGE + 2 * at;
    let first_item = page(drawings.len()) + 1;
    let kids: String = (0..drawings.len()).map(|at| format!("{} 0 R ", page(at))).collect();
    let mut objects = vec![
        format!("<< /Type /Catalog /Pages 2 0 R /Outlines {} 0 R >>", first_item - 1).into_bytes(),
        format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", drawings.len()).into_bytes(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
    ];
    for (at, drawing) in drawings.iter().enumerate() {
        let resources = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 612 792]";
        let contents = page(at) + 1;
        objects.push(format!("<< /Type /Page /Parent 2 0 R {resources} /Contents {contents} 0 R >>").into_bytes());
        objects.push(stream("", drawing));
    }
    let last = first_item + outline.len().saturating_sub(1);
    objects.push(format!("<< /First {first_item} 0 R /Last {last} 0 R /Count {} >>", outline.len()).into_bytes());
    for (at, (title, on)) in outline.iter().enumerate() {
        let next = if at + 1 < outline.len() { format!("/Next {} 0 R", first_item + at + 1) } else { String::new() };
        let parent = first_item - 1;
        let item = format!("<< /Title ({title}) /Parent {parent} 0 R {next} /Dest [{} 0 R /Fit] >>", page(*on));
        objects.push(item.into_bytes());
    }
    file(&objects)
}

/// A document of one page. Its fonts are Helvetica (`/F1`), Courier (`/F2`), and one whose codes from `!` on read
/// `letters` and are half an em wide each (`/F3`). Annotations are objects numbered from 9.
pub(crate) fn page(drawing: &str, letters: &[&str], annotations: &[&str]) -> Vec<u8> {
    let mut map = format!("1 begincodespacerange <00> <FF> endcodespacerange {} beginbfchar\n", letters.len());
    for (code, letter) in (33..).zip(letters) {
        let units: String = letter.encode_utf16().map(|unit| format!("{unit:04X}")).collect();
        writeln!(map, "<{code:02X}> <{units}>").unwrap();
    }
    map.push_str("endbfchar");
    let widths = "500 ".repeat(letters.len());
    let listed: String = (9..).zip(annotations).map(|(number, _)| format!("{number} 0 R ")).collect();
    let mut objects = vec![
        b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] >> >>".to_vec(),
        b"<< /Type /Pages /Kids [7 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>".to_vec(),
        format!(
            "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /FirstChar 33 /LastChar {} /Widths [{widths}] \
             /ToUnicode 6 0 R >>",
            32 + letters.len()
        )
        .into_bytes(),
        stream("", map.as_bytes()),
        format!(
            "<< /Type /Page /Parent 2 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> >> \
             /MediaBox [0 0 612 792] /Contents 8 0 R /Annots [{listed}] >>"
        )
        .into_bytes(),
        stream("", drawing.as_bytes()),
    ];
    objects.extend(annotations.iter().map(|annotation| annotation.as_bytes().to_vec()));
    file(&objects)
}
