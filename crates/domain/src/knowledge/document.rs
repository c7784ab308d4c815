//! The structure of a parsed document.

use serde::{Deserialize, Serialize};

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BlockKind {
    /// A heading; level 1 is the outermost.
    Heading {
        /// 1 to 6.
        level: u8,
    },
    /// Running text.
    Paragraph,
    /// A list item or a whole list.
    List,
    /// A table, one row a line.
    Table,
    /// Code, kept as it is.
    Code,
}

/// A piece of a document's text that belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    #[serde(flatten)]
    pub kind: BlockKind,
    /// First Unicode scalar value of the block in the text.
    pub start: u32,
    /// One past its last.
    pub end: u32,
    /// Page of its start, from 1, where the format has pages.
    pub page: Option<u32>,
}
