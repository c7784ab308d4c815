//! Why a model folder cannot be used.

use std::{error::Error, path::PathBuf};

/// A failure to load a model folder.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is missing or cannot be read.
    #[error("'{}' cannot be read; give the folder of a sentence-transformers model", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file is there, but is not what its name says.
    #[error("'{}' is damaged: {reason}", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// The cause, where another library found it.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// A model that this encoder cannot run.
    #[error(
        "the model in '{}' is not one that runs in the process ({reason}); \
         serve it behind an OpenAI-style endpoint and set BANYAN_EMBEDDINGS__BASE_URL instead",
        .folder.display()
    )]
    Unsupported {
        /// The model folder.
        folder: PathBuf,
        /// What this encoder does not know.
        reason: String,
    },
    /// The threads that compute cannot be started.
    #[error("the threads of the local encoder cannot be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
}
