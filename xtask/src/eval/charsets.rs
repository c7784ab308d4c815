//! Files in the charsets of before Unicode, beside what `iconv` makes of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

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

/// The files of the tests of a detector of charsets, in a folder for each charset and language.
const CORPUS: &str = "chardet==5.2.0";
/// Of the letters beyond ASCII that we read, so many must be those of the file.
const RIGHT: f64 = 0.98;
/// Charsets that are not read: they are to be refused, not guessed.
const NOT_READ: &[&str] = &["EUC-TW", "IBM855", "Johab", "iso-2022-kr"];

/// The share of files that are read right, and of those in charsets that are not read the share that says so.
pub(crate) fn measure() -> Result<Vec<Figure>> {
    let parser = Parser::build()?;
    let (mut read, mut right, mut not_read, mut said) = (0, 0, 0, 0);
    for folder in paths_in(&corpus()?)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for file in paths_in(&folder)?.iter().filter(|_| folder.is_dir()) {
            let kind = if file.extension().is_some_and(|ending| ending == "html") { "text/html" } else { "text/plain" };
            let ours = parser.parse(kind, file);
            if NOT_READ.contains(&name.as_str()) {
                not_read += 1;
                said += u32::from(ours.is_err());
                continue;
            }
            let theirs = process::run(
                process::command("iconv", ["-c", "-t", "UTF-8", "-f", charset(&name)]).arg(file),
                DOWNLOAD_LIMIT,
            )?;
            let is_right = ours.is_ok_and(|ours| is_right(ours.text(), &theirs));
            read += 1;
            right += u32::from(is_right);
            if !is_right {
                println!("not read right: {}", file.display());
            }
        }
    }
    let share = |part: u32, all: u32| f64::from(part) / f64::from(all.max(1));
    Ok(vec![
        Figure::new("files read right", share(right, read), Goal::AtLeast(0.95)),
        Figure::new("files", f64::from(read), Goal::None),
        Figure::new("files in other charsets that are refused", share(said, not_read), Goal::AtLeast(0.95)),
        Figure::new("files in other charsets", f64::from(not_read), Goal::None),
    ])
}

/// The folder of the corpus, fetched when missing.
fn corpus() -> Result<PathBuf> {
    let folder = cache()?.join("charsets");
    let tests = folder.join("chardet-5.2.0/tests");
    if !tests.is_dir() {
        paths::make(&folder)?;
        let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", CORPUS, "--dest"];
        process::run(process::command("python3", pip).arg(&folder), DOWNLOAD_LIMIT)
            .context("cannot fetch the files")?;
        let archive = folder.join("chardet-5.2.0.tar.gz");
        process::run(process::command("tar", ["xzf"]).arg(archive).arg("-C").arg(&folder), DOWNLOAD_LIMIT)?;
    }
    Ok(tests)
}

/// What is in a folder, in order; nothing in a file.
fn paths_in(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What `iconv` calls the charset of a folder: `windows-1250-polish` has the language behind it.
fn charset(folder: &str) -> &str {
    match folder {
        "MacCyrillic" => "MAC-CYRILLIC",
        "MacRoman" => "MACINTOSH",
        "SHIFT_JIS" => "CP932",
        "EUC-KR" | "CP949" => "UHC",
        "GB2312" => "GB18030",
        "utf-8-sig" => "UTF-8",
        _ if folder.starts_with("iso-8859") => {
            folder.match_indices('-').nth(2).map_or(folder, |(language, _)| &folder[..language])
        }
        _ if folder.starts_with("windows-") => &folder[..12],
        other => other,
    }
}

/// Whether almost all letters beyond ASCII that we read are in the file. A page may have lost some of its own.
fn is_right(ours: &str, theirs: &str) -> bool {
    let letters = |text: &str| {
        let mut counts: BTreeMap<char, usize> = BTreeMap::new();
        for letter in text.chars().filter(|letter| !letter.is_ascii() && letter.is_alphanumeric()) {
            *counts.entry(letter).or_default() += 1;
        }
        counts
    };
    let (ours, theirs) = (letters(ours), letters(theirs));
    let all: usize = ours.values().sum();
    let shared: usize = ours.iter().map(|(letter, count)| count.min(theirs.get(letter).unwrap_or(&0))).sum();
    shared as f64 >= RIGHT * all as f64 && (all > 0 || theirs.is_empty())
}
