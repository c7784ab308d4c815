//! PDF: the text of each page, with headings where the document's outline or its type shows them.

use domain::{
    gateways::{ParseError, ParseErrorKind, ParsedDocument},
    knowledge::BlockKind,
};
use hayro_interpret::{
    InterpreterCache, InterpreterSettings, RenderContent,
    hayro_syntax::{DecryptionError, LoadPdfError, Pdf},
};

use crate::builder::DocumentBuilder;

mod accents;
mod bidi;
mod catalogue;
mod fonts;
mod glyphs;
mod levels;
mod line_numbers;
mod lines;
mod notes;
mod order;
mod other;
mod outline;
mod piece;
mod rows;
mod running;

use fonts::{MAX_HEADING_LINES, TypeSizes};
use lines::Line;
use other::Other;
use outline::Headings;
use running::Running;

/// Most pages of a document.
const MAX_PAGES: usize = 20_000;

/// Reads a PDF. What cannot be read of a page is left out.
pub(crate) fn parse(bytes: Vec<u8>) -> Result<ParsedDocument, ParseError> {
    // Many files are encrypted with the empty password, which is tried: they only ask not to be printed.
    let pdf = Pdf::new(bytes).map_err(refusal)?;
    let pages = pdf.pages();
    if pages.len() > MAX_PAGES {
        let message =
            format!("the PDF has {} pages, more than {MAX_PAGES}: split it and upload the parts", pages.len());
        return Err(ParseError::new(ParseErrorKind::TooLarge, message));
    }
    if pages.is_empty() {
        return Err(broken());
    }
    let mut headings = Headings::of(&pdf);
    // Without an outline the type tells.
    let mut sizes = headings.is_empty().then(TypeSizes::default);
    let mut out = DocumentBuilder::default();
    out.set_page_count(u32::try_from(pages.len()).unwrap_or(u32::MAX));
    if let Some(title) = &pdf.metadata().title {
        out.set_title(&catalogue::text_string(title));
    }
    let cache = InterpreterCache::new();
    let settings = InterpreterSettings { render_content: RenderContent::PAGE, ..InterpreterSettings::default() };
    let mut running = Running::default();
    let mut other = Other::default();
    let mut write = |(at, lines): (usize, Vec<Line>)| {
        let lines = lines::with_paragraphs(lines);
        if let Some(sizes) = &mut sizes {
            headings.add(at, sizes.headings(&lines));
        }
        write_page(&mut out, &lines, at, &mut headings);
    };
    for page in pages.iter() {
        let drawn = glyphs::draw(page, &cache, &settings);
        other.add(drawn.other);
        let mut lines = lines::lines(line_numbers::without_line_numbers(drawn.pieces));
        notes::insert(page, &mut lines);
        running.push(lines, f64::from(page.render_dimensions().1)).map(&mut write);
    }
    while let Some(page) = running.next() {
        write(page);
    }
    let document = out.finish()?;
    if document.blocks.is_empty() {
        return Err(ParseError::new(ParseErrorKind::NoText, other.without_text()));
    }
    Ok(document)
}

/// Blocks are parted where paragraphs begin and by the lines of headings.
fn write_page(out: &mut DocumentBuilder, lines: &[Line], page: usize, headings: &mut Headings) {
    let mut at = 0;
    out.page = u32::try_from(page + 1).ok();
    out.close();
    while at < lines.len() {
        // A page's number stands alone before its first heading; it is no part of it.
        let is_worded = lines[at].text.contains(char::is_alphabetic);
        let most = if is_worded { MAX_HEADING_LINES.min(lines.len() - at) } else { 1 };
        let heading = (1..=most).find_map(|length| {
            let title = lines[at..at + length].iter().map(|line| &*line.text).collect::<Vec<_>>().join(" ");
            headings.take(page, &title).map(|level| (level, title, length))
        });
        if let Some((level, title, length)) = heading {
            out.begin(BlockKind::Heading { level });
            out.push(&title.split_whitespace().collect::<Vec<_>>().join(" "));
            out.close();
            at += length;
            continue;
        }
        if lines[at].starts || out.open_kind().is_none() {
            out.begin(BlockKind::Paragraph);
        } else {
            out.push("\n");
        }
        out.push(&lines[at].text);
        at += 1;
    }
    out.close();
}

fn refusal(error: LoadPdfError) -> ParseError {
    match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => {
            let message = "the PDF is encrypted and needs a password: remove the password and upload it again";
            ParseError::new(ParseErrorKind::Encrypted, message)
        }
        error => {
            eprintln!("the PDF cannot be opened: {error:?}");
            broken()
        }
    }
}

fn broken() -> ParseError {
    ParseError::new(ParseErrorKind::Broken, "the PDF is damaged: save or print it to a new file and upload that")
}
