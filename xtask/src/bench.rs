//! `cargo xtask bench` and `cargo xtask chaos`: programs of the `e2e` package against the server as it
//! is published, with a PostgreSQL that keeps what is committed.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use crate::{
    fixtures,
    postgres::{Durability, GIVEN_URL, Server},
    process::cargo,
    test::succeed,
};

/// The interpreter of the original encoder, for `--with-reference`.
const REFERENCE_PYTHON: &str = "BANYAN_BENCH_REFERENCE_PYTHON";

/// The profile of what is published.
const PROFILE: &str = "dist";

/// Runs the benchmarks.
pub(crate) fn bench(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        [] => run("bench", &[], None),
        // Minutes of filling, so only when it is asked for.
        ["scale"] => run("bench", &["scale", "scale-sqlite"], None),
        ["--with-reference"] => {
            println!("installing sentence-transformers on PyTorch: gigabytes");
            run("bench", arguments, Some((REFERENCE_PYTHON, fixtures::reference()?)))
        }
        _ => bail!("usage: cargo xtask bench [scale | --with-reference]"),
    }
}

/// Runs the long fault tests.
pub(crate) fn chaos(arguments: &[&str]) -> Result<ExitCode> {
    match arguments {
        [] => {}
        ["--seed", seed] => ensure!(seed.parse::<u64>().is_ok(), "the seed is a whole number"),
        _ => bail!("usage: cargo xtask chaos [--seed N]"),
    }
    run("chaos", arguments, None)
}

fn run(program: &str, arguments: &[&str], extra: Option<(&str, std::path::PathBuf)>) -> Result<ExitCode> {
    succeed(&mut cargo(["build", "--profile", PROFILE, "--package", "server"]))?;
    let postgres = Server::start(Durability::Durable)?;
    let mut command = cargo(["run", "--profile", PROFILE, "--package", "e2e", "--bin", program, "--"]);
    command.args(arguments).env(GIVEN_URL, postgres.url()).envs(extra);
    for fixture in fixtures::ALL {
        command.env(fixture.variable, fixture.path()?);
    }
    let status = command.status()?;
    drop(postgres);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
