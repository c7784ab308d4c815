//! Figures: what was measured, what it should be, and how it is printed.

use std::{borrow::Cow, time::Duration};

/// How a figure stands to its goal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// A floor, or a figure for its own sake.
    None,
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

/// Something measured.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: Cow<'static, str>,
    goal: Goal,
}

impl Figure {
    /// A figure with a goal.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: impl Into<Cow<'static, str>>, goal: Goal) -> Self {
        Self { name: name.into(), value, unit: unit.into(), goal }
    }

    /// A floor, or a figure for its own sake.
    pub(crate) fn plain(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self::new(name, value, unit, Goal::None)
    }

    fn missed(&self) -> bool {
        match self.goal {
            Goal::None => false,
            Goal::AtMost(most) => self.value > most,
            Goal::AtLeast(least) => self.value < least,
        }
    }
}

/// Prints the figures of a part as a table in Markdown, and counts those that missed their goal.
pub(crate) fn print(part: &str, figures: &[Figure]) -> usize {
    println!("\n### {part}\n\n| figure | value | unit | goal | |\n|---|---:|---|---:|---|");
    for figure in figures {
        let goal = match figure.goal {
            Goal::None => String::new(),
            Goal::AtMost(most) => format!("≤ {}", short(most, &figure.unit)),
            Goal::AtLeast(least) => format!("≥ {}", short(least, &figure.unit)),
        };
        let word = match (figure.goal, figure.missed()) {
            (Goal::None, _) => "",
            (_, true) => "MISSED",
            (_, false) => "met",
        };
        println!("| {} | {} | {} | {goal} | {word} |", figure.name, short(figure.value, &figure.unit), figure.unit);
    }
    figures.iter().filter(|figure| figure.missed()).count()
}

/// Three significant digits are more than a busy machine repeats. What is near 1 of shares and cosines
/// is in the digits behind.
fn short(value: f64, unit: &str) -> String {
    match (unit, value.abs()) {
        ("cosine", _) => format!("{value:.7}"),
        ("share", _) => format!("{value:.3}"),
        (_, size) if size >= 100.0 => format!("{value:.0}"),
        (_, size) if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Times of one kind, of which the middle counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time.as_secs_f64() * 1e3);
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Takes in others.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The median, in milliseconds.
    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which this share of all lies, in milliseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_quantiles_are_values_that_were_seen() {
        let mut times = Times::default();
        for milliseconds in [9, 1, 5, 3, 7] {
            times.add(Duration::from_millis(milliseconds));
        }
        assert_eq!((times.median(), times.quantile(1.0), times.quantile(0.0)), (5.0, 9.0, 1.0));
        assert!(Times::default().median().is_nan());
    }

    #[test]
    fn goals_are_met_or_missed() {
        assert!(Figure::new("a", 2.0, "ms", Goal::AtMost(1.0)).missed());
        assert!(Figure::new("a", 2.0, "ms", Goal::AtLeast(3.0)).missed());
        assert!(!Figure::new("a", 2.0, "ms", Goal::AtMost(2.0)).missed());
        assert!(!Figure::plain("a", 2.0, "ms").missed());
    }
}
