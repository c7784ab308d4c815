//! Why the program does not start: one sentence that says what to do.

use std::{error::Error, io, path::PathBuf};

/// A refusal to start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// A setting cannot be used.
    #[error("{name} {problem}")]
    Setting {
        /// The setting, as its variable.
        name: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Several settings cannot be used.
    #[error("{}", .0.iter().map(|error| sentence(error)).collect::<Vec<_>>().join("\nbanyan: "))]
    All(Vec<StartError>),
    /// A file or folder cannot be used.
    #[error("{what} '{}' cannot be used", .path.display())]
    File {
        /// What it is for.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// An address cannot be listened on.
    #[error("{problem}, or choose another with {name}")]
    Listen {
        /// What stands in the way.
        problem: String,
        /// The setting.
        name: String,
        /// The cause.
        source: io::Error,
    },
    /// What a command says cannot be written.
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
    /// The runtime does not start.
    #[error("the runtime does not start")]
    Runtime(#[source] io::Error),
    /// The log does not start.
    #[error("the log does not start")]
    Log(#[source] Box<dyn Error + Send + Sync>),
    /// A part of the application refuses to.
    #[error("{0}")]
    Part(#[source] Box<dyn Error + Send + Sync>),
    /// A use case failed.
    #[error("{0}")]
    App(#[from] app::Error),
}

impl StartError {
    /// A part's refusal; its own words are the sentence.
    pub(crate) fn part(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Part(error.into())
    }

    /// These together, each on a line of its own.
    pub(crate) fn all(mut errors: Vec<Self>) -> Self {
        match errors.len() {
            1 => errors.remove(0),
            _ => Self::All(errors),
        }
    }

    /// A setting that cannot be used.
    pub(crate) fn setting(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Setting { name: name.into(), problem: problem.into() }
    }
}

/// The error with its causes, each said once.
pub(crate) fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}
