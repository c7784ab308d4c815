//! Documents through a real child process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod child;
mod formats;
mod hostile;
mod pdf;
mod pdf_file;
mod pdf_from_right;
mod pdf_layout;
mod pdf_notes;

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use domain::{
    gateways::{ByteStream, DocumentParser as _, ParseError, ParsedDocument},
    knowledge::BlockKind,
};
use futures::{StreamExt as _, stream};
use infra_documents::{ChildParser, ChildParserSettings};

/// The example of this crate. Cargo builds it with all tests of the crate, but not for `--test it`.
fn child() -> ChildParserSettings {
    let tests = std::env::current_exe().unwrap();
    let built: PathBuf = tests.ancestors().nth(2).unwrap().join("examples/parse_child");
    assert!(built.exists(), "build it first: cargo build -p infra-documents --examples");
    ChildParserSettings::new(built)
}

fn stream_of(bytes: impl Into<Bytes>) -> ByteStream {
    stream::iter([Ok(bytes.into())]).boxed()
}

async fn parse_with(
    settings: ChildParserSettings,
    mime: &str,
    content: ByteStream,
) -> Result<ParsedDocument, ParseError> {
    ChildParser::new(settings).parse(mime, content).await
}

async fn parse(mime: &str, bytes: impl Into<Bytes>) -> Result<ParsedDocument, ParseError> {
    parse_with(child(), mime, stream_of(bytes)).await
}

/// Kind and text of each block.
fn blocks(document: &ParsedDocument) -> Vec<(BlockKind, String)> {
    let scalars: Vec<char> = document.text.chars().collect();
    let text = |start: u32, end: u32| scalars[start as usize..end as usize].iter().collect();
    document.blocks.iter().map(|block| (block.kind, text(block.start, block.end))).collect()
}

/// A parser that several tasks may share.
fn shared(settings: ChildParserSettings) -> Arc<ChildParser> {
    Arc::new(ChildParser::new(settings))
}
