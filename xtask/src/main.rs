//! Commands of the project, as `cargo xtask <command>`. Runs cargo, Python and PostgreSQL as child
//! processes and depends on no crate of ours, so that it starts in seconds on a fresh clone.

mod bench;
mod db;
mod eval;
mod fixtures;
mod openapi;
mod paths;
mod postgres;
mod process;
mod report;
mod test;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>

  test                      format, lints, dependencies and every test, on all storage backends
  test --behind-pgbouncer   the storage contract and the black box behind PgBouncer, by three logins
  db up|down|url|psql       a development database that lasts (url --admin: the superuser's)
  bench [--with-reference]  the benchmarks, on a PostgreSQL with fsync
  bench scale               how calls grow in filled databases: 20 GB of disk, and half an hour
  chaos [--seed N]          the long fault tests, on a PostgreSQL with fsync
  eval documents [PART ...] how well real documents are read and found, see docs/documents.md
  openapi [--check]         write docs/openapi.json, or validate it and compare it with the server";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.split_first() {
        Some((&"test", [])) => test::run(),
        Some((&"test", ["--behind-pgbouncer"])) => test::behind_pgbouncer(),
        Some((&"db", rest)) => db::run(rest),
        Some((&"bench", rest)) => bench::bench(rest),
        Some((&"chaos", rest)) => bench::chaos(rest),
        Some((&"eval", rest)) => eval::run(rest),
        Some((&"openapi", rest)) => openapi::run(rest),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
