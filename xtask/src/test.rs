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
    postgres::{Durability, GIVEN_URL, Pooler, Server},
    process::{self, Stream, cargo},
    report::{Counts, Report},
};

/// A pooler before the test server, as a URL without a user.
const POOLER_URL: &str = "BANYAN_TEST_POOLER_URL";
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

/// Tests of the PostgreSQL backend that look at its own connections, or at a server without a pooler.
const DIRECT: &[&str] =
    &["boot::", "isolation::", "kept_sums::", "logins::", "recall::", "stored_json::", "storm::", "wakeups::"];

/// The contract of storage backends and the program's main job, each once behind a PgBouncer that hands out a
/// connection for a transaction and ends TLS, by a login for each role.
pub(crate) fn behind_pgbouncer() -> Result<ExitCode> {
    let mut report = Report::new();
    let mut variables: Vec<(&str, OsString)> = Vec::new();
    for fixture in fixtures::ALL {
        if let Some(path) = report.prepare(fixture.variable, || fixture.path()) {
            variables.push((fixture.variable, path.into_os_string()));
        }
    }
    let postgres = report.prepare("PostgreSQL", || Server::start(Durability::Forgetful));
    let pooler = postgres.as_ref().and_then(|server| report.prepare("PgBouncer", || Pooler::start(server.url())));
    if let (Some(postgres), Some(pooler)) = (&postgres, &pooler)
        && report.step("build", || succeed(&mut cargo(["build", "--package", "server"])))
    {
        variables.extend([(GIVEN_URL, postgres.url().into()), (POOLER_URL, pooler.url().into())]);
        let skipped: Vec<&str> = DIRECT.iter().flat_map(|name| ["--skip", name]).collect();
        let contract = ["test", "--package", "infra-postgres", "--test", "it", "--"];
        let black_box = ["test", "--package", "e2e", "--test", "it", "--", "main_job", "--skip", "sqlite"];
        for (name, command) in [("contract", [&contract[..], &skipped].concat()), ("black box", black_box.to_vec())] {
            report.tests(name, |counts| counted(cargo(command).envs(variables.iter().cloned()), Stream::Out, counts));
        }
    }
    drop((pooler, postgres));
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
