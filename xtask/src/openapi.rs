//! `cargo xtask openapi`: the committed description of the HTTP API.
//!
//! `--check` holds it against what the server says, lets the tests look at what generators of clients need of it, and asks
//! the validator of the OpenAPI Initiative's own schema, where that can be had.

use std::{process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};

use crate::{fixtures, paths, process};

/// The tests that need nothing but the document.
const TESTS: [&str; 7] = ["test", "--quiet", "--package", "e2e", "--test", "it", "openapi::document"];

/// How long building the server and asking it may take.
const LIMIT: Duration = Duration::from_secs(1800);

/// Writes `docs/openapi.json`, or with `--check` validates it.
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
    process::run(&mut process::cargo(TESTS), LIMIT).context("docs/openapi.json lacks what clients need")?;
    println!("its references, names, errors and examples are right");
    match fixtures::validator() {
        Ok(python) => {
            let mut validator = process::command(&python.to_string_lossy(), ["-m", "openapi_spec_validator"]);
            process::run(validator.arg(&path), LIMIT).context("docs/openapi.json is no OpenAPI 3.1")?;
            println!("it is OpenAPI 3.1");
        }
        Err(error) => println!("the validator of OpenAPI is out of reach, so that was not asked: {error:#}"),
    }
    Ok(ExitCode::SUCCESS)
}
