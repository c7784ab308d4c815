//! PDF: the text of each page, with headings where the document's outline or its type tells them.

use domain::{
    gateways::{ParseError, ParseErrorKind, ParsedDocument},
    knowledge::BlockKind,
};
use pdf_oxide::{PdfDocument, error::Error as PdfError, optional_content::decode_pdf_text_string};

use crate::builder::DocumentBuilder;

mod fonts;
mod outline;

use fonts::{MAX_HEADING_LINES, TypeSizes};
use outline::Headings;

/// Most pages of a document.
const MAX_PAGES: usize = 20_000;
/// How many unreadable pages are told one by one.
const MAX_REMARKS: usize = 10;

/// Reads a PDF. A page that cannot be read is left out, as long as there are others.
pub(crate) fn parse(bytes: Vec<u8>) -> Result<ParsedDocument, ParseError> {
    let pdf = PdfDocument::from_bytes(bytes).map_err(refusal)?;
    // Many files are encrypted with the empty password: they only ask not to be printed.
    if pdf.is_encrypted() && !pdf.is_authenticated() && !pdf.authenticate(b"").map_err(refusal)? {
        return Err(refusal(PdfError::EncryptedPdf));
    }
    let pages = pdf.page_count().map_err(refusal)?;
    if pages > MAX_PAGES {
        let message = format!("the PDF has {pages} pages, more than {MAX_PAGES}: split it and upload the parts");
        return Err(ParseError::new(ParseErrorKind::TooLarge, message));
    }
    let mut headings = Headings::of(&pdf);
    // Without an outline the type tells.
    let mut sizes = headings.is_empty().then(TypeSizes::default);
    let mut out = DocumentBuilder::default();
    out.set_page_count(u32::try_from(pages).unwrap_or(u32::MAX));
    if let Some(title) = title(&pdf) {
        out.set_title(&title);
    }
    let mut unreadable = 0;
    for page in 0..pages {
        out.page = u32::try_from(page + 1).ok();
        match pdf.extract_text(page) {
            Ok(text) => {
                if let (Some(sizes), Ok(spans)) = (&mut sizes, pdf.extract_spans(page)) {
                    headings.add(page, sizes.headings(&spans));
                }
                write_page(&mut out, &text, page, &mut headings);
            }
            Err(error) => {
                unreadable += 1;
                if unreadable <= MAX_REMARKS {
                    eprintln!("page {} cannot be read: {error}", page + 1);
                }
            }
        }
    }
    if pages == 0 || unreadable == pages {
        return Err(broken());
    }
    let document = out.finish()?;
    if document.blocks.is_empty() {
        let message = "the PDF holds no text, only pictures of it (a scan), and text recognition (OCR) is not \
                       included: run it through an OCR program and upload the result";
        return Err(ParseError::new(ParseErrorKind::NoText, message));
    }
    Ok(document)
}

/// Blocks are parted by blank lines and by the lines of headings.
fn write_page(out: &mut DocumentBuilder, text: &str, page: usize, headings: &mut Headings) {
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    out.close();
    while at < lines.len() {
        if lines[at].trim().is_empty() {
            out.close();
            at += 1;
            continue;
        }
        // A page's number stands alone before its first heading; it is no part of it.
        let most = if lines[at].contains(char::is_alphabetic) { MAX_HEADING_LINES.min(lines.len() - at) } else { 1 };
        let heading = (1..=most).find_map(|length| {
            let title = lines[at..at + length].join(" ");
            headings.take(page, &title).map(|level| (level, title, length))
        });
        if let Some((level, title, length)) = heading {
            out.begin(BlockKind::Heading { level });
            out.push(&title.split_whitespace().collect::<Vec<_>>().join(" "));
            out.close();
            at += length;
            continue;
        }
        if out.open_kind().is_none() {
            out.begin(BlockKind::Paragraph);
        } else {
            out.push("\n");
        }
        out.push(lines[at].trim_end());
        at += 1;
    }
    out.close();
}

/// The title that the file gives itself.
fn title(pdf: &PdfDocument) -> Option<String> {
    let info = pdf.trailer().as_dict()?.get("Info")?.as_reference()?;
    let info = pdf.load_object(info).ok()?;
    let title = pdf.resolve_object(info.as_dict()?.get("Title")?).ok()?;
    title.as_string().map(decode_pdf_text_string)
}

fn refusal(error: PdfError) -> ParseError {
    if matches!(error, PdfError::EncryptedPdf) {
        let message = "the PDF is encrypted and needs a password: remove the password and upload it again";
        return ParseError::new(ParseErrorKind::Encrypted, message);
    }
    eprintln!("the PDF cannot be opened: {error}");
    broken()
}

fn broken() -> ParseError {
    ParseError::new(ParseErrorKind::Broken, "the PDF is damaged: save or print it to a new file and upload that")
}
