//! The parts of a message.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    error::ValueError,
    gateways::{AnswerExtra, Extra},
    text::{self, MAX_TEXT_BYTES},
};

/// Most parts of one message.
pub const MAX_PARTS: usize = 256;

/// A part of a message, as it stands on the wire and in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// Text for the reader.
    Text {
        /// The text, Markdown by custom.
        text: String,
    },
    /// The model's reasoning.
    Reasoning {
        /// The text.
        text: String,
    },
    /// A picture.
    Image {
        /// The uploaded file.
        file_id: Uuid,
    },
    /// A file.
    File {
        /// The uploaded file.
        file_id: Uuid,
    },
    /// A call of a tool.
    ToolCall {
        /// The model's id for the call.
        id: String,
        /// The tool.
        name: String,
        /// Its arguments as JSON text.
        arguments: String,
        /// What else the provider says of it and wants back.
        #[serde(default, skip_serializing_if = "Extra::is_empty")]
        extra: Extra,
    },
    /// The answer of a tool.
    ToolResult {
        /// The call it answers.
        tool_call_id: String,
        /// What the tool said.
        content: String,
    },
    /// What the provider says of its answer beside all this.
    Extra(AnswerExtra),
    /// A place where a citation stands.
    Source {
        /// The citation's number, from 1.
        citation_index: u32,
    },
}

/// All parts of a message. Stored as `{"version": 1, "parts": […]}`, so that old rows stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts(pub Vec<Part>);

#[derive(Serialize, Deserialize)]
struct StoredParts {
    version: u32,
    parts: Vec<Part>,
}

impl Parts {
    /// A single text part.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Part::Text { text: text.into() }])
    }

    /// The text parts, joined by blank lines: what a model reads.
    #[must_use]
    pub fn plain_text(&self) -> String {
        let texts: Vec<&str> = self
            .0
            .iter()
            .filter_map(|part| match part {
                Part::Text { text } => Some(text.as_str()),
                _ => None,
            })
            .collect();
        texts.join("\n\n")
    }

    /// Checks what a user sends: 1 to [`MAX_PARTS`] parts, each text within its bound and without
    /// NUL, and something in it.
    ///
    /// # Errors
    /// `blank`, `too_many`, `too_long`, `nul` or `not_yet_supported`, naming the part.
    pub fn check_from_user(&self) -> Result<(), ValueError> {
        if self.0.is_empty() {
            return Err(ValueError::new("parts", "blank", "must hold at least one part"));
        }
        if self.0.len() > MAX_PARTS {
            return Err(ValueError::new("parts", "too_many", format!("must hold at most {MAX_PARTS} parts")));
        }
        for (index, part) in self.0.iter().enumerate() {
            match part {
                Part::Text { text } => {
                    let field = format!("parts/{index}/text");
                    if text.trim().is_empty() {
                        return Err(ValueError::new(field, "blank", "must not be blank"));
                    }
                    text::free(&field, text, MAX_TEXT_BYTES)?;
                }
                Part::Image { .. } | Part::File { .. } => {
                    let message = "files in messages are not supported yet; put the file into a collection";
                    return Err(ValueError::new(format!("parts/{index}"), "not_yet_supported", message));
                }
                Part::ToolResult { tool_call_id, content } => {
                    text::free(&format!("parts/{index}/tool_call_id"), tool_call_id, MAX_TEXT_BYTES)?;
                    text::free(&format!("parts/{index}/content"), content, MAX_TEXT_BYTES)?;
                }
                Part::Reasoning { .. } | Part::ToolCall { .. } | Part::Extra(_) | Part::Source { .. } => {
                    let message = "only a model writes parts of this type";
                    return Err(ValueError::new(format!("parts/{index}"), "not_from_user", message));
                }
            }
        }
        Ok(())
    }

    /// The stored form.
    #[must_use]
    pub fn to_stored(&self) -> serde_json::Value {
        serde_json::json!({ "version": 1, "parts": self.0 })
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// `unreadable` when it is no version that this program knows.
    pub fn from_stored(value: serde_json::Value) -> Result<Self, ValueError> {
        let stored: StoredParts =
            serde_json::from_value(value).map_err(|error| ValueError::new("parts", "unreadable", error.to_string()))?;
        if stored.version == 1 {
            Ok(Self(stored.parts))
        } else {
            Err(ValueError::new("parts", "unreadable", format!("unknown version {}", stored.version)))
        }
    }
}
