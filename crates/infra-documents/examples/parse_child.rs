//! The least program that a `ChildParser` can start: `parse_child parse --mime-type text/html <
//! page.html` prints the document as JSON.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("parse") => infra_documents::run_child(arguments),
        _ => {
            eprintln!("usage: parse_child parse --mime-type <type> < file");
            ExitCode::FAILURE
        }
    }
}
