//! The text of PDFs beside that of `pdftotext` (poppler), page by page.

mod corpus;
mod words;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    process::Command,
};

use anyhow::Result;

use self::words::{running_lines, sentences, words};
use super::{
    cache,
    figures::{Figure, Goal},
    parser::Parser,
};
use crate::process::{self, DOWNLOAD_LIMIT};

/// What the sentences of one kind of files came to.
#[derive(Default)]
struct Found {
    sentences: usize,
    whole: usize,
    /// Words of all pages, and those of them that stand on our page as well.
    words: usize,
    recalled: usize,
    /// Pages, and those on which fewer words than [`PAGE_RECALL`] stand.
    pages: usize,
    poor: usize,
}

/// Of the words of a page, so many must stand on ours.
const PAGE_RECALL: f64 = 0.99;

/// For each kind of files: sentences of eight words and more that stand whole on our page, and words.
/// The sentences that do not are written to `target/eval/pdf-missed.txt`.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let parser = Parser::build()?;
    let pdftotext = corpus::pdftotext()?;
    let mut missed = BufWriter::new(File::create(cache()?.join("pdf-missed.txt"))?);
    let mut figures = Vec::new();
    for kind in corpus::KINDS {
        let mut found = Found::default();
        let before = processor_seconds()?;
        let mut ours = Vec::new();
        for file in kind.files()? {
            let pages = parser.parse("application/pdf", &file)?.pages();
            ours.push((file, pages));
        }
        let seconds = processor_seconds()? - before;
        for (file, pages) in ours {
            let theirs = process::run(pdftotext().arg(&file).arg("-"), DOWNLOAD_LIMIT)?;
            found.add(&file, &pages, &theirs, &mut missed)?;
        }
        let share = |part: usize, all: usize| part as f64 / (all.max(1)) as f64;
        figures.extend([
            Figure::new(format!("{}: whole sentences", kind.name), share(found.whole, found.sentences), kind.goal),
            Figure::new(
                format!("{}: words", kind.name),
                share(found.recalled, found.words),
                Goal::AtLeast(PAGE_RECALL),
            ),
            Figure::new(format!("{}: pages with fewer words", kind.name), share(found.poor, found.pages), Goal::None),
            Figure::new(format!("{}: sentences", kind.name), found.sentences as f64, Goal::None),
            Figure::new(format!("{}: processor seconds", kind.name), seconds, Goal::None),
        ]);
    }
    missed.flush()?;
    Ok(figures)
}

impl Found {
    fn add(&mut self, file: &Path, ours: &[String], theirs: &str, missed: &mut impl std::io::Write) -> Result<()> {
        let theirs: Vec<&str> = theirs.split('\x0c').collect();
        // Running heads are left out of ours on purpose, so they are left out of theirs.
        let heads = running_lines(&theirs);
        for (at, page) in theirs.iter().enumerate() {
            let page: Vec<&str> = page.lines().filter(|line| !heads.contains(&words::without_digits(line))).collect();
            let page = page.join("\n");
            let our_words = words(ours.get(at).map_or("", String::as_str));
            let text = format!(" {} ", our_words.join(" "));
            for sentence in sentences(&page) {
                self.sentences += 1;
                if text.contains(&format!(" {} ", sentence.join(" "))) {
                    self.whole += 1;
                } else {
                    writeln!(missed, "{} {}: {}", file.display(), at + 1, sentence.join(" "))?;
                }
            }
            let mut left: BTreeMap<&str, usize> = BTreeMap::new();
            for word in &our_words {
                *left.entry(word).or_default() += 1;
            }
            let wanted = words(&page);
            let recalled = wanted.iter().filter(|word| {
                left.get_mut(word.as_str()).filter(|count| **count > 0).map(|count| *count -= 1).is_some()
            });
            let recalled = recalled.count();
            self.words += wanted.len();
            self.recalled += recalled;
            self.pages += usize::from(!wanted.is_empty());
            self.poor += usize::from((recalled as f64) < PAGE_RECALL * wanted.len() as f64);
        }
        Ok(())
    }
}

/// The processor time of the children that have ended, in seconds (fields 16 and 17 of `stat`, in hundredths).
fn processor_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<f64> = fields.skip(13).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

/// A program that is started anew for each file.
type Program = Box<dyn Fn() -> Command>;
