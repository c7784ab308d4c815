//! `cargo xtask openapi`: the committed description of the HTTP API.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// How long building the server and asking it may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// Writes `docs/openapi.json`, or with `--check` compares it with what the server says.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    let check = match arguments {
        [] => false,
        ["--check"] => true,
        _ => bail!("usage: cargo xtask openapi [--check]"),
    };
    let path = paths::workspace().join("docs/openapi.json");
    let mut server = process::cargo(["run", "--quiet", "--package", "server", "--", "openapi"]);
    let current = process::run(&mut server, LIMIT)?;
    if !check {
        std::fs::write(&path, current).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
        return Ok(ExitCode::SUCCESS);
    }
    let committed = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if committed != current {
        bail!("docs/openapi.json is not what the server says; run cargo xtask openapi and commit it");
    }
    println!("docs/openapi.json is what the server says");
    Ok(ExitCode::SUCCESS)
}
