//! Child processes: bounded in time, their output read or passed on line by line.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::paths;

/// How long a download or an unpacking may take before it is ended and tried again.
pub(crate) const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
/// How often a child that is waited for is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Cargo in the workspace, without the variables that `cargo run` set for this program: build
/// scripts watch some of them, and would build everything anew.
pub(crate) fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(paths::workspace());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// A command with arguments.
pub(crate) fn command<I: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// Runs a command within a time limit.
///
/// # Errors
/// When it cannot be started, fails, or takes longer; the message ends in the last of its output.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let name = Path::new(command.get_program()).display().to_string();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {name}; is it installed?"))?;
    let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("{name} took longer than {} s and was ended", limit.as_secs());
        }
        std::thread::sleep(POLL);
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if !status.success() {
        let output = if err.trim().is_empty() { &out } else { &err };
        let lines: Vec<&str> = output.trim().lines().collect();
        bail!("{name} failed ({status}): {}", lines[lines.len().saturating_sub(8)..].join("\n"));
    }
    Ok(out)
}

/// As [`run`], tried a second time when the first fails: registries have short outages.
pub(crate) fn run_twice(mut command: impl FnMut() -> Command, limit: Duration) -> Result<String> {
    run(&mut command(), limit).or_else(|first| {
        eprintln!("{first:#}\ntrying once more");
        run(&mut command(), limit)
    })
}

/// Which output of a child carries what is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Runs a command with its output shown; `read` sees each line of one stream as well.
pub(crate) fn watch(command: &mut Command, stream: Stream, mut read: impl FnMut(&str)) -> Result<ExitStatus> {
    command.stdin(Stdio::null());
    match stream {
        Stream::Out => command.stdout(Stdio::piped()),
        Stream::Err => command.stderr(Stdio::piped()),
    };
    let mut child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let lines: Box<dyn Read> = match (child.stdout.take(), child.stderr.take()) {
        (Some(out), _) => Box::new(out),
        (_, Some(err)) => Box::new(err),
        _ => bail!("the output of {:?} cannot be read", command.get_program()),
    };
    for line in BufReader::new(lines).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        match stream {
            Stream::Out => println!("{line}"),
            Stream::Err => eprintln!("{line}"),
        }
        read(&line);
    }
    Ok(child.wait()?)
}

/// Whether a program runs at all with these arguments; shows nothing.
pub(crate) fn works(program: &str, arguments: &[&str]) -> bool {
    command(program, arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn drain(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream
            && let Err(error) = stream.read_to_end(&mut bytes)
        {
            eprintln!("cannot read a child's output: {error}");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
