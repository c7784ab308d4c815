//! The questions: what is asked, and where the answer stands.

use anyhow::{Context, Result, bail, ensure};

const QUESTIONS: &str = include_str!("questions.tsv");

/// On which half of the questions the rules were chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    /// Rules and numbers were chosen on these.
    Tuned,
    /// Written afterwards, and asked as they are.
    HeldOut,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) half: Half,
    pub(crate) language: &'static str,
    /// The document's name without its ending.
    document: &'static str,
    /// What stands in the right passage, but for marks and white space.
    text: &'static str,
    pub(crate) question: &'static str,
}

impl Question {
    /// Whether a passage of a file is the right one.
    pub(crate) fn is_answered_by(&self, filename: &str, content: &str) -> bool {
        filename.strip_suffix(".html") == Some(self.document) && letters(content).contains(&letters(self.text))
    }
}

/// Letters and digits, without case.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// All questions.
pub(crate) fn all() -> Result<Vec<Question>> {
    QUESTIONS.lines().filter(|line| !line.starts_with('#')).map(parse).collect()
}

fn parse(line: &'static str) -> Result<Question> {
    let mut parts = line.split('\t');
    let mut next = || parts.next().with_context(|| format!("a question has five parts: {line}"));
    let half = match next()? {
        "tuned" => Half::Tuned,
        "held out" => Half::HeldOut,
        other => bail!("{other} is no half of the questions"),
    };
    let question = Question { half, language: next()?, document: next()?, text: next()?, question: next()? };
    ensure!(!letters(question.text).is_empty(), "nothing tells the right passage: {line}");
    Ok(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_has_five_questions_and_more() -> Result<()> {
        let questions = all()?;
        for language in ["ar", "de", "en", "es", "fr", "ja", "ko", "ru", "zh"] {
            let count = questions.iter().filter(|question| question.language == language).count();
            assert!(count >= 5, "{language}: {count}");
        }
        Ok(())
    }

    #[test]
    fn a_passage_is_known_by_its_letters() -> Result<()> {
        let question = parse("tuned\ten\tbells\tthe “second”  bell\tWhich bell?")?;
        assert!(question.is_answered_by("bells.html", "At the\nsecond *bell*, go."));
        assert!(!question.is_answered_by("other.html", "At the second bell, go."));
        assert!(!question.is_answered_by("bells.html", "At the first bell, go."));
        Ok(())
    }
}
