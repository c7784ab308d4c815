//! Fixtures that `cargo xtask test` and `cargo xtask bench` download, told by variables.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// A real page has at least this many bytes; shorter ones only redirect.
const SHORTEST_PAGE: u64 = 4096;

/// A folder with `config.json` and `model.safetensors` of a sentence encoder.
pub fn embedding_model() -> Result<PathBuf> {
    path("BANYAN_TEST_EMBEDDING_MODEL")
}

/// A PDF of some dozens of pages: the manual of bzip2 1.0.8.
pub fn pdf() -> Result<PathBuf> {
    path("BANYAN_TEST_PDF")
}

/// A Python interpreter that has the official `openai` package.
pub fn python() -> Result<PathBuf> {
    path("BANYAN_TEST_PYTHON")
}

/// The superuser's URL of a PostgreSQL with pgvector.
pub fn postgres_url() -> Result<String> {
    std::env::var("BANYAN_TEST_POSTGRES_URL").context("BANYAN_TEST_POSTGRES_URL is not set; run cargo xtask test")
}

/// The first `count` real pages that people wrote (HTML of the Python documentation, or Markdown
/// where that is not to be had), in the order of their paths.
pub fn documents(count: usize) -> Result<Vec<PathBuf>> {
    let folder = path("BANYAN_TEST_DOCUMENTS")?;
    let mut pages = Vec::new();
    collect(&folder, &mut pages)?;
    pages.sort();
    ensure!(pages.len() >= count, "{} holds {} pages, {count} are wanted", folder.display(), pages.len());
    pages.truncate(count);
    Ok(pages)
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            collect(&path, pages)?;
        } else if kind.is_file()
            && path.extension().is_some_and(|extension| extension == "html" || extension == "md")
            && entry.metadata()?.len() >= SHORTEST_PAGE
        {
            pages.push(path);
        }
    }
    Ok(())
}

fn path(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable).with_context(|| format!("{variable} is not set; run cargo xtask test"))?;
    let path = PathBuf::from(path);
    ensure!(path.exists(), "{variable} names {}, which does not exist", path.display());
    Ok(path)
}
