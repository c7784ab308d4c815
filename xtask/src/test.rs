//! `cargo xtask test`: everything that must hold before a change is merged.

use std::{
    ffi::OsString,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{
    fixtures, paths,
    postgres::{Durability, GIVEN_URL, Server},
    process::{self, Stream, cargo},
    report::{Counts, Report},
};

/// How long cargo-deny may take to get the database of advisories.
const ADVISORIES_LIMIT: Duration = Duration::from_secs(60);

/// A backend that knows `domain` and `storage-testkit` only, in a workspace of its own.
const FOREIGN_BACKEND: &str = "tests/foreign_backend/Cargo.toml";

pub(crate) fn run() -> Result<ExitCode> {
    let mut report = Report::new();
    let mut variables: Vec<(&str, OsString)> = Vec::new();

    report.step("format", || {
        succeed(&mut cargo(["fmt", "--all", "--", "--check"]))?;
        succeed(&mut cargo(["fmt", "--manifest-path", FOREIGN_BACKEND, "--", "--check"]))
    });
    for fixture in fixtures::ALL {
        if let Some(path) = report.prepare(fixture.variable, || fixture.path()) {
            variables.push((fixture.variable, path.into_os_string()));
        }
    }
    let postgres = report.prepare("PostgreSQL", || Server::start(Durability::Forgetful));
    if let Some(postgres) = &postgres {
        variables.push((GIVEN_URL, postgres.url().into()));
    }
    deny(&mut report);
    report.step("clippy", || succeed(&mut cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])));
    report.step("rustdoc", || {
        succeed(cargo(["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings"))
    });
    // One build of everything, so that no later step has other features and builds again.
    if report.step("build", || succeed(&mut cargo(["build", "--workspace", "--all-targets"]))) {
        report.tests("tests", |counts| tests(counts, &variables));
        report.tests("documentation tests", |counts| doc_tests(counts, &variables));
        report.tests("a backend outside the workspace", foreign_backend);
    }
    drop(postgres);
    Ok(report.close())
}

fn tests(counts: &mut Counts, variables: &[(&str, OsString)]) -> Result<bool> {
    let nextest = process::works("cargo", &["nextest", "--version"]);
    let (mut command, stream) = if nextest {
        (cargo(["nextest", "run", "--workspace", "--no-fail-fast"]), Stream::Err)
    } else {
        (cargo(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"]), Stream::Out)
    };
    if !nextest {
        println!("cargo-nextest is not installed; using cargo test");
    }
    counted(command.envs(variables.iter().cloned()), stream, counts)
}

fn doc_tests(counts: &mut Counts, variables: &[(&str, OsString)]) -> Result<bool> {
    let mut command = cargo(["test", "--doc", "--workspace", "--no-fail-fast"]);
    counted(command.envs(variables.iter().cloned()), Stream::Out, counts)
}

/// The backend of a stranger. It has our lock, so that it needs no package that we have not.
fn foreign_backend(counts: &mut Counts) -> Result<bool> {
    let manifest = paths::workspace().join(FOREIGN_BACKEND);
    std::fs::copy(paths::workspace().join("Cargo.lock"), manifest.with_file_name("Cargo.lock"))?;
    let mut command = cargo(["test", "--offline", "--no-fail-fast", "--tests", "--manifest-path", FOREIGN_BACKEND]);
    counted(command.env("CARGO_TARGET_DIR", paths::target()), Stream::Out, counts)
}

fn counted(command: &mut Command, stream: Stream, counts: &mut Counts) -> Result<bool> {
    Ok(process::watch(command, stream, |line| counts.read(line))?.success())
}

/// Dependencies: bans, licences and sources need nothing but cargo-deny; advisories need a database.
fn deny(report: &mut Report) {
    if !process::works("cargo", &["deny", "--version"]) {
        println!("cargo-deny is not installed: licences and advisories are not checked");
        return;
    }
    report.step("deny", || succeed(&mut cargo(["deny", "check", "bans", "licenses", "sources"])));
    match process::run(&mut cargo(["deny", "fetch", "db"]), ADVISORIES_LIMIT) {
        Ok(_) => {
            report.step("advisories", || succeed(&mut cargo(["deny", "check", "--disable-fetch", "advisories"])));
        }
        Err(_) => println!("the database of advisories is out of reach: advisories are not checked"),
    }
}

/// Runs a command with its output shown.
///
/// # Errors
/// When it cannot be run or fails.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        let program = Path::new(command.get_program()).display().to_string();
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        bail!("{program} {} failed ({status}), in {}", arguments.join(" "), paths::workspace().display());
    }
    Ok(())
}
