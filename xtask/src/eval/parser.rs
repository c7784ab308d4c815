//! Our parsers, run as the server runs them: one child for each file, in its sandbox.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{paths, process::cargo, test::succeed};

/// The memory of a child, in bytes: what a parser may need at most.
const MEMORY_BYTES: &str = "268435456";
/// The seconds of a child: books are longer than a test, and this machine may be slower.
const CPU_SECONDS: &str = "60";

/// The program that parses one file.
pub(crate) struct Parser(PathBuf);

/// A document as it was read.
pub(crate) struct Document(Value);

impl Parser {
    /// Builds it, optimised.
    pub(crate) fn build() -> Result<Self> {
        succeed(&mut cargo(["build", "--release", "--package", "infra-documents", "--example", "parse_child"]))?;
        Ok(Self(paths::target().join("release/examples/parse_child")))
    }

    /// Reads a file of this MIME type.
    ///
    /// # Errors
    /// When the parser refuses it, with its sentence, or falls.
    pub(crate) fn parse(&self, mime_type: &str, file: &Path) -> Result<Document> {
        let mut child = Command::new(&self.0);
        child.args(["parse", "--mime-type", mime_type, "--memory-bytes", MEMORY_BYTES, "--cpu-seconds", CPU_SECONDS]);
        let output = child.stdin(File::open(file)?).output().context("cannot run the parser")?;
        if !output.status.success() {
            bail!("the parser fell over {}: {}", file.display(), output.status);
        }
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        match answer.get("Ok") {
            Some(document) => Ok(Document(document.clone())),
            None => bail!("{}: {}", file.display(), answer["Err"]["message"].as_str().unwrap_or("refused")),
        }
    }
}

impl Document {
    /// The text of each page, from the first one; blocks are parted by an empty line.
    pub(crate) fn pages(&self) -> Vec<String> {
        let scalars: Vec<char> = self.text().chars().collect();
        let mut pages: Vec<String> = Vec::new();
        for block in self.0["blocks"].as_array().into_iter().flatten() {
            let number = |key: &str| block[key].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
            let page = number("page").max(1);
            pages.resize_with(pages.len().max(page), String::new);
            let text = scalars.get(number("start")..number("end")).unwrap_or_default();
            pages[page - 1].extend(text);
            pages[page - 1].push_str("\n\n");
        }
        pages
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }
}
