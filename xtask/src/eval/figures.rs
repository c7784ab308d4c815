//! What was measured, what it should be, and how it is printed.

/// How a figure stands to its goal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// A figure for its own sake.
    None,
    /// At least this.
    AtLeast(f64),
}

/// Something measured.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    goal: Goal,
}

impl Figure {
    /// A figure with its goal; shares are between 0 and 1.
    pub(crate) fn new(name: impl Into<String>, value: f64, goal: Goal) -> Self {
        Self { name: name.into(), value, goal }
    }

    fn line(&self) -> String {
        let (goal, word) = match self.goal {
            Goal::None => (String::new(), ""),
            Goal::AtLeast(least) => (format!("≥ {least:.3}"), if self.value < least { "MISSED" } else { "met" }),
        };
        format!("| {} | {goal} | {:.3} | {word} |", self.name, self.value)
    }
}

/// Prints the figures of a part as a table in Markdown.
pub(crate) fn print(part: &str, figures: &[Figure]) {
    println!("\n### {part}\n\n| measure | goal | value | |\n|---|---:|---:|---|");
    for figure in figures {
        println!("{}", figure.line());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missed_goal_is_told() {
        assert_eq!(Figure::new("a", 0.7996, Goal::AtLeast(0.8)).line(), "| a | ≥ 0.800 | 0.800 | MISSED |");
        assert_eq!(Figure::new("b", 0.8, Goal::AtLeast(0.8)).line(), "| b | ≥ 0.800 | 0.800 | met |");
        assert_eq!(Figure::new("c", 12.0, Goal::None).line(), "| c |  | 12.000 |  |");
    }
}
