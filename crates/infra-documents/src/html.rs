//! HTML: readable text with its structure, without what is around it on every page of a site.
//!
//! The page is read as a stream of tags, with a stack of the elements that are open and no tree.
//! Each tag costs the same however deep it stands: browsers' rules for building the tree look
//! through all open elements at each tag, which nesting makes quadratic. Libraries that find the main
//! text of a page build that tree, and drop a tenth of the text; a passage that was dropped is never found.

use html5gum::{DefaultEmitter, Token, Tokenizer, naive_next_state};

use crate::builder::DocumentBuilder;

mod attributes;
mod choice;
mod elements;
mod page;

use page::Page;

/// Reads a page. One that its own markup ends (a `<title>` or a `<style>` without an end tag) is read
/// once more as if no element held anything but tags and text.
pub(crate) fn parse(source: &str) -> DocumentBuilder {
    let page = read(source, true);
    if page.is_empty() { read(source, false) } else { page }
}

fn read(source: &str, has_raw_text: bool) -> DocumentBuilder {
    let mut page = Page::default();
    let mut tokens = Tokenizer::new_with_emitter(source, DefaultEmitter::default());
    while let Some(token) = tokens.next() {
        match token {
            Ok(Token::StartTag(tag)) => {
                page.start_tag(&tag);
                let next = naive_next_state(&tag.name).filter(|_| has_raw_text && !page.is_drawing());
                // `<noscript>` holds markup for who runs no script.
                if let Some(next) = next.filter(|_| tag.name.as_slice() != b"noscript") {
                    tokens.set_state(next);
                }
            }
            Ok(Token::EndTag(tag)) => page.end_tag(&tag),
            Ok(Token::String(text)) => page.text(&String::from_utf8_lossy(&text.value)),
            Ok(Token::Comment(_) | Token::Doctype(_) | Token::Error(_)) => {}
            Err(never) => match never {},
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests;
