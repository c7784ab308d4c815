//! At which place the right passage is found.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    library::Library,
    questions::{Half, Question},
};

/// Places that are looked at.
const LIMIT: usize = 50;
/// A place up to this is a good one.
const GOOD: usize = 3;
/// The share of questions whose passage is at a good place.
const GOAL: f64 = 0.85;

/// The places of a question's passage by mode, from 1.
struct Places<'a> {
    question: &'a Question,
    of_mode: Vec<Option<usize>>,
}

/// What one mode has found of some questions.
#[derive(Default, Clone, Copy)]
struct Found {
    good: usize,
    all: usize,
    /// The sum of the reciprocals of the places.
    reciprocal: f64,
}

impl Found {
    fn add(&mut self, place: Option<usize>) {
        self.all += 1;
        self.good += usize::from(place.is_some_and(|place| place <= GOOD));
        self.reciprocal += place.map_or(0.0, |place| 1.0 / place as f64);
    }

    fn share(self) -> f64 {
        self.good as f64 / self.all.max(1) as f64
    }
}

/// Asks every question in every mode and prints where its passage was found. Gives lines of figures: name, value and
/// the least that it should be, parted by tabs.
pub(crate) async fn measure(
    name: &str,
    library: &Library,
    modes: &[&str],
    questions: &[Question],
) -> Result<Vec<String>> {
    let mut places = Vec::new();
    for question in questions {
        let mut of_mode = Vec::new();
        for mode in modes {
            of_mode.push(place(library, question, mode).await?);
        }
        places.push(Places { question, of_mode });
    }
    let seconds = library.took.as_secs();
    println!(
        "\n#### {name}: {} chunks, read in {seconds} s\n\n| place of the passage | {} |",
        library.chunks,
        modes.join(" | ")
    );
    println!("|---|{}", "---:|".repeat(modes.len()));
    for Places { question, of_mode } in &places {
        let told: Vec<String> = of_mode.iter().map(|place| place.map_or("–".to_owned(), |at| at.to_string())).collect();
        let half = if question.half == Half::HeldOut { ", held out" } else { "" };
        println!("| {}{half}: {} | {} |", question.language, question.question, told.join(" | "));
    }
    let mut figures = Vec::new();
    for (half, told) in [(Half::Tuned, "tuned"), (Half::HeldOut, "held out")] {
        let of_half: Vec<&Places<'_>> = places.iter().filter(|places| places.question.half == half).collect();
        if !of_half.is_empty() {
            figures.extend(shares(&format!("{name}, {told}"), modes, &of_half));
        }
    }
    Ok(figures)
}

/// Prints the shares of each language.
fn shares(name: &str, modes: &[&str], places: &[&Places<'_>]) -> Vec<String> {
    let mut languages: BTreeMap<&str, Vec<Found>> = BTreeMap::new();
    let mut whole = vec![Found::default(); modes.len()];
    for Places { question, of_mode } in places {
        let found = languages.entry(question.language).or_insert_with(|| vec![Found::default(); modes.len()]);
        for ((found, whole), place) in found.iter_mut().zip(&mut whole).zip(of_mode) {
            found.add(*place);
            whole.add(*place);
        }
    }
    println!("\n| {name}: among the first {GOOD} | {} | |", modes.join(" | "));
    println!("|---|{}---|", "---:|".repeat(modes.len()));
    let (mut missed, mut below) = (0, 0);
    for (language, found) in &languages {
        let cells: Vec<String> = found.iter().map(|found| format!("{} of {}", found.good, found.all)).collect();
        // Vectors alone have no goal.
        let is_missed = modes.iter().zip(found).any(|(mode, found)| *mode != "vector" && found.share() < GOAL);
        let hybrid = modes.iter().position(|mode| *mode == "hybrid").and_then(|at| found.get(at));
        let is_below = hybrid.is_some_and(|hybrid| found.iter().any(|part| part.good > hybrid.good));
        (missed, below) = (missed + usize::from(is_missed), below + usize::from(is_below));
        let words = [(is_missed, "MISSED"), (is_below, "hybrid below its parts")];
        let words: Vec<&str> = words.iter().filter(|(is_so, _)| *is_so).map(|(_, word)| *word).collect();
        println!("| {language} | {} | {} |", cells.join(" | "), words.join(", "));
    }
    let mut figures = Vec::new();
    for (mode, found) in modes.iter().zip(&whole) {
        let goal = if *mode == "vector" { String::new() } else { format!("\t{GOAL}") };
        figures.push(format!("{name}: {mode}\t{}{goal}", found.share()));
        figures.push(format!("{name}: {mode}, mean reciprocal rank\t{}", found.reciprocal / found.all.max(1) as f64));
    }
    figures.push(format!("{name}: languages below {GOAL}\t{missed}"));
    figures.push(format!("{name}: languages whose hybrid is below the better of its parts\t{below}"));
    figures
}

async fn place(library: &Library, question: &Question, mode: &str) -> Result<Option<usize>> {
    let collections = [library.collection(question.language)?];
    let asked = json!({ "query": question.question, "collection_ids": collections, "mode": mode, "limit": LIMIT });
    let found = library.client.post("/api/v1/search", &asked).await?.expect(200)?;
    let items = found["items"].as_array().context("a search gives items")?;
    let place = items.iter().position(|item| {
        let [filename, content] = ["filename", "content"].map(|key| item[key].as_str().unwrap_or_default());
        question.is_answered_by(filename, content)
    });
    Ok(place.map(|at| at + 1))
}
