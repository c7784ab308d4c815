//! The Rust files of this repository.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders of the workspace that hold Rust files.
const FOLDERS: &[&str] = &["crates", "migration", "tests", "xtask"];

/// A file and its text.
pub(super) struct Source {
    /// The path from the root of the workspace, with slashes.
    pub(super) path: String,
    /// The text.
    pub(super) text: String,
}

impl Source {
    /// Whether this is part of a program or library that is shipped, and not of its tests.
    pub(super) fn is_shipped(&self) -> bool {
        let shipped = self.path.starts_with("crates/") || self.path.starts_with("migration/");
        let only_tests =
            ["/tests/", "/tests.rs", "crates/storage-testkit/"].iter().any(|part| self.path.contains(part));
        shipped && self.path.contains("/src/") && !only_tests
    }

    /// The text up to the unit tests, which stand at the end of a file.
    pub(super) fn without_tests(&self) -> &str {
        self.text.split("#[cfg(test)]\nmod ").next().unwrap_or_default()
    }
}

/// The root of the workspace.
pub(super) fn root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("the package of these tests has no parent folder")
}

/// All Rust files, sorted by path.
pub(super) fn sources() -> Result<Vec<Source>> {
    let root = root()?;
    let mut sources = Vec::new();
    for folder in FOLDERS {
        collect(&root, &root.join(folder), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(root, &path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            let relative = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
            sources.push(Source { path: relative, text });
        }
    }
    Ok(())
}
