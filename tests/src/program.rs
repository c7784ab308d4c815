//! The `banyan` program itself.

use std::{path::PathBuf, process::Output, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;

/// Another program to test than the one built beside these tests.
const GIVEN_PROGRAM: &str = "BANYAN_TEST_PROGRAM";
/// How long a command that is not `serve` may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// The path of the `banyan` program of the same build.
///
/// # Errors
/// When it has not been built.
pub fn path() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(GIVEN_PROGRAM) {
        return Ok(PathBuf::from(path));
    }
    let own = std::env::current_exe()?;
    // Test programs lie in target/<profile>/deps, others in target/<profile>.
    for folder in own.ancestors().skip(1).take(2) {
        let program = folder.join("banyan");
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("there is no banyan program beside {}; run cargo build --package server", own.display())
}

/// Runs `banyan` with these arguments in an environment of only these variables, to its end.
pub async fn output(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Output> {
    let mut command = Command::new(path()?);
    command.args(arguments).env_clear().envs(variables.iter().copied()).kill_on_drop(true);
    let folder = tempfile::tempdir()?;
    command.current_dir(folder.path());
    let ended = tokio::time::timeout(COMMAND_LIMIT, command.output()).await;
    ended.with_context(|| format!("banyan {} took too long", arguments.join(" ")))?.context("cannot run banyan")
}

/// As [`output`], and wants success.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let output = output(arguments, variables).await?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "banyan {} failed ({}):\n{out}{err}", arguments.join(" "), output.status);
    Ok(out.into_owned())
}
