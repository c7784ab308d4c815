//! Parsing in a process of its own: the child's side.

use std::{
    io::{self, BufWriter, Read as _, Write as _},
    process::ExitCode,
};

use domain::gateways::{ParseError, ParseErrorKind, ParsedDocument};

use super::{limits::ChildLimits, sandbox};
use crate::parse_bytes;

/// Runs this process as a parser: gives up memory, time, files and network, reads a file from
/// standard input and writes the answer to standard output. `arguments` are those that
/// [`ChildParser`](crate::ChildParser) gives after its first ones.
///
/// Call it first thing in `main`, before there are threads, open files or secrets.
pub fn run_child(arguments: impl IntoIterator<Item = String>) -> ExitCode {
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: impl IntoIterator<Item = String>) -> Result<(), String> {
    let (mime_type, limits) = ChildLimits::from_arguments(arguments)?;
    sandbox::enter(&limits).map_err(|error| format!("the parser cannot limit itself, so it reads nothing: {error}"))?;
    let answer: Result<ParsedDocument, ParseError> = read_input(limits.input_bytes)
        .map_err(|error| format!("the file cannot be read: {error}"))?
        .and_then(|bytes| parse_bytes(&mime_type, bytes));
    let mut output = BufWriter::new(io::stdout().lock());
    serde_json::to_writer(&mut output, &answer).map_err(|error| format!("the answer cannot be written: {error}"))?;
    output.flush().map_err(|error| format!("the answer cannot be written: {error}"))
}

fn read_input(most: u64) -> io::Result<Result<Vec<u8>, ParseError>> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let message = format!("the file is larger than {most} bytes: split it and upload the parts");
        return Ok(Err(ParseError::new(ParseErrorKind::TooLarge, message)));
    }
    Ok(Ok(bytes))
}
