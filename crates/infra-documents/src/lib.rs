//! Documents in, text with its structure out: plain text, Markdown, HTML and PDF.
//!
//! Files come from anybody and parsers have faults, so they run in a process of their own:
//! [`ChildParser`] starts it, and the executable that it starts hands over to [`run_child`], which
//! gives up memory, time, files and network before it reads the first byte. Whatever a file does
//! to its parser, the process that asked goes on.

mod bounds;
mod builder;
mod charset;
mod child;
mod detect;
mod html;
mod parse;
mod pdf;

pub use bounds::{MAX_BLOCKS, MAX_TEXT_BYTES};
pub use child::{ChildLimits, ChildParser, ChildParserSettings, run_child};
pub use detect::{HTML, MARKDOWN, PDF, TEXT, detect};
pub use parse::parse_bytes;
