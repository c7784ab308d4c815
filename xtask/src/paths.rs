//! Where things are kept: the workspace, its target folder, and what the commands download.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// The folder, made when missing, in which these commands keep downloads and databases.
pub(crate) fn cache() -> Result<PathBuf> {
    let folder = target().join("xtask");
    make(&folder)?;
    Ok(folder)
}

/// Makes a folder and its parents.
pub(crate) fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))
}

/// Removes a folder and all in it; a missing one is fine.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the folder {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Fills a folder in one step: `fill` writes into a folder beside it, which takes its name when all
/// is there. A folder that exists already is kept, so a cut download is never taken for a whole one.
pub(crate) fn once(folder: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    if folder.exists() {
        return Ok(());
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.with_file_name(format!("{name}.partial-{}", std::process::id()));
    remove(&partial)?;
    make(&partial)?;
    fill(&partial).inspect_err(|_| {
        remove(&partial).unwrap_or_else(|error| eprintln!("{error:#}"));
    })?;
    std::fs::rename(&partial, folder).with_context(|| format!("cannot rename {}", partial.display()))
}
