//! What a fault did, and whether that is allowed.

use std::{fmt::Display, time::Duration};

/// Counts, and those of them that should have been other.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    counts: Vec<String>,
    faults: Vec<String>,
}

impl Verdict {
    /// A fault that could not be run to its end.
    pub(crate) fn broken(error: String) -> Self {
        Self { counts: Vec::new(), faults: vec![error] }
    }

    /// A count for its own sake.
    pub(crate) fn count(mut self, name: &str, value: impl Display) -> Self {
        self.counts.push(format!("{name} {value}"));
        self
    }

    /// A count that must be as `wanted`.
    pub(crate) fn must_be<T: PartialEq + Display>(self, name: &str, value: T, wanted: T) -> Self {
        let is_right = value == wanted;
        self.must(name, value, is_right, &format!("{wanted}"))
    }

    /// A count that must be at most `most`.
    pub(crate) fn at_most<T: PartialOrd + Display>(self, name: &str, value: T, most: T) -> Self {
        let is_right = value <= most;
        self.must(name, value, is_right, &format!("at most {most}"))
    }

    /// A count that must be at least `least`, or the fault was too calm to prove anything.
    pub(crate) fn at_least<T: PartialOrd + Display>(self, name: &str, value: T, least: T) -> Self {
        let is_right = value >= least;
        self.must(name, value, is_right, &format!("at least {least}"))
    }

    fn must(mut self, name: &str, value: impl Display, is_right: bool, wanted: &str) -> Self {
        self.counts.push(format!("{name} {value}"));
        if !is_right {
            self.faults.push(format!("{name} is {value}, must be {wanted}"));
        }
        self
    }

    pub(crate) fn passed(&self) -> bool {
        self.faults.is_empty()
    }

    /// The one line.
    pub(crate) fn line(&self, fault: &str, took: Duration) -> String {
        let (word, tail) =
            if self.passed() { ("PASS", String::new()) } else { ("FAIL", format!(" | {}", self.faults.join("; "))) };
        format!("{} {word} in {:.0} s: {}{tail}", fault.to_uppercase(), took.as_secs_f64(), self.counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_count_fails_the_fault_and_is_named() {
        let good = Verdict::default().must_be("lost", 0, 0).at_least("done", 9, 5).at_most("late", 1, 1).count("n", 3);
        assert!(good.passed());
        assert_eq!(good.line("f01", Duration::from_secs(2)), "F01 PASS in 2 s: lost 0, done 9, late 1, n 3");
        let bad = Verdict::default().must_be("lost", 1, 0);
        assert_eq!(bad.line("f01", Duration::from_secs(2)), "F01 FAIL in 2 s: lost 1 | lost is 1, must be 0");
        assert!(!Verdict::default().at_least("done", 4, 5).passed());
        assert!(!Verdict::default().at_most("late", 2, 1).passed());
    }
}
