//! Counts what passed and failed, from our own steps and from the closing lines of test runners.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;

/// What passed and failed so far.
pub(crate) struct Report {
    started: Instant,
    passed: u64,
    failed: u64,
    failures: Vec<String>,
}

/// Tests that one runner ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Passed.
    pub(crate) passed: u64,
    /// Failed, timed out or could not be run.
    pub(crate) failed: u64,
}

impl Report {
    /// Nothing yet; time counts from here.
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), passed: 0, failed: 0, failures: Vec::new() }
    }

    /// Runs a step that counts as one.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Result<()>) -> bool {
        self.timed(name, |report| match run() {
            Ok(()) => {
                report.passed += 1;
                true
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                report.failed += 1;
                false
            }
        })
    }

    /// Runs a step that prepares something and counts only when it fails.
    pub(crate) fn prepare<T>(&mut self, name: &str, run: impl FnOnce() -> Result<T>) -> Option<T> {
        let mut made = None;
        self.timed(name, |report| match run() {
            Ok(value) => {
                made = Some(value);
                true
            }
            Err(error) => {
                eprintln!("{name}: {error:#}");
                report.failed += 1;
                false
            }
        });
        made
    }

    /// Runs a test runner: its tests count one by one, and its own failure (it could not build, or
    /// said nothing) counts as one more where no test failed.
    pub(crate) fn tests(&mut self, name: &str, run: impl FnOnce(&mut Counts) -> Result<bool>) {
        self.timed(name, |report| {
            let mut counts = Counts::default();
            let succeeded = run(&mut counts).unwrap_or_else(|error| {
                eprintln!("{name}: {error:#}");
                false
            });
            if !succeeded && counts.failed == 0 {
                counts.failed = 1;
            }
            report.passed += counts.passed;
            report.failed += counts.failed;
            counts.failed == 0
        });
    }

    fn timed(&mut self, name: &str, run: impl FnOnce(&mut Self) -> bool) -> bool {
        println!("== {name}");
        let before = Instant::now();
        let good = run(self);
        let word = if good { "ok" } else { "FAILED" };
        if !good {
            self.failures.push(name.to_owned());
        }
        let (took, total) = (before.elapsed().as_secs_f64(), self.started.elapsed().as_secs_f64());
        println!("== {name}: {word} in {took:.1} s ({total:.0} s so far)");
        good
    }

    /// Prints the closing line and gives the exit code.
    pub(crate) fn close(self) -> ExitCode {
        if !self.failures.is_empty() {
            println!("failed: {}", self.failures.join(", "));
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 && self.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

impl Counts {
    /// Adds what a line of nextest's or libtest's output says, if it is a closing one:
    /// `Summary [ 1.2s] 9 tests run: 7 passed (1 slow), 1 failed, 1 timed out, 2 skipped` or
    /// `test result: FAILED. 7 passed; 2 failed; 0 ignored; …`. What nextest shows, indented, of a
    /// failed test's own output is none: it counts that test itself.
    pub(crate) fn read(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ").or_else(|| {
            let rest = line.trim_start().strip_prefix("Summary [")?;
            rest.split_once("run: ").map(|(_, after)| after)
        }) else {
            return;
        };
        let rest = rest.trim_start_matches("ok. ").trim_start_matches("FAILED. ");
        for part in rest.split([',', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(number)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" | "timed" | "exec" => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let mut counts = Counts::default();
        counts.read("     Summary [   1.204s] 11 tests run: 7 passed (1 slow, 1 flaky), 2 failed, 1 timed out, 1 exec failed, 3 skipped");
        assert_eq!(counts, Counts { passed: 7, failed: 4 });
        counts
            .read("test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert_eq!(counts, Counts { passed: 12, failed: 6 });
        counts.read("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        assert_eq!(counts, Counts { passed: 13, failed: 6 });
    }

    #[test]
    fn other_lines_are_not() {
        let mut counts = Counts::default();
        counts.read("        PASS [   0.004s] xtask report::tests::other_lines_are_not");
        counts.read("3 passed, 1 failed");
        counts.read("    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 28 filtered out");
        assert_eq!(counts, Counts::default());
    }

    #[test]
    fn a_runner_that_fails_without_a_failed_test_counts_as_one() {
        let mut report = Report::new();
        report.tests("runner", |counts| {
            counts.passed = 3;
            Ok(false)
        });
        assert_eq!((report.passed, report.failed), (3, 1));
    }
}
