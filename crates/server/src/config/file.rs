//! The settings file.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use figment::{Figment, providers::Serialized};
use toml::{Table, Value};

use super::{Config, words::refusal};
use crate::error::StartError;

/// Most faults that are told at once.
const MAX_FAULTS: usize = 20;
/// Most bytes of a file with settings.
const MAX_BYTES: u64 = 64 * 1024;

/// A settings file.
pub(super) struct SettingsFile {
    path: PathBuf,
    text: String,
    /// What it sets.
    pub(super) values: Table,
}

impl SettingsFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`StartError::File`] when it cannot be read, [`StartError::Setting`] where it is no TOML.
    pub(super) fn read(path: PathBuf) -> Result<Self, StartError> {
        let text = read_bounded("the settings file", &path)?;
        let values = toml::from_str(&text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            // The parser's own words name what it looked for, and none of the values.
            let said = error.message().trim().replace('\n', ", ");
            let said = if said.is_empty() { "something is missing".to_owned() } else { said };
            let problem = format!("is not TOML: {said}");
            StartError::setting(format!("line {line} of '{}'", path.display()), problem)
        })?;
        Ok(Self { path, text, values })
    }

    /// Whether it sets a key, written with dots.
    pub(super) fn sets(&self, key: &str) -> bool {
        is_in(&self.values, key)
    }

    /// Takes out what cannot be used, and says what is wrong with it.
    pub(super) fn take_faults(&mut self, known: &[String]) -> Vec<StartError> {
        let mut faults = Vec::new();
        while faults.len() < MAX_FAULTS {
            let defaults = Figment::from(Serialized::defaults(Config::default()));
            let Err(error) = defaults.merge(Serialized::defaults(&self.values)).extract::<Config>() else { break };
            let key = error.path.join(".");
            faults.push(refusal(&key, self.name_of(&key), &error.kind, known));
            if !take(&mut self.values, &error.path) {
                break;
            }
        }
        faults
    }

    /// The key with its place, as an error names it.
    pub(super) fn name_of(&self, key: &str) -> String {
        format!("'{key}' ({})", self.place_of(key))
    }

    /// Where a key stands, in words.
    pub(super) fn place_of(&self, key: &str) -> String {
        let line = self.line_of(key).map(|line| format!(", line {line}")).unwrap_or_default();
        format!("in '{}'{line}", self.path.display())
    }

    /// The line that sets a key. The parser keeps no places of values, so the file is read line by line until what was
    /// read is TOML and holds the key: its last line is the one.
    fn line_of(&self, key: &str) -> Option<usize> {
        let mut end = 0;
        self.text.split_inclusive('\n').enumerate().find_map(|(index, line)| {
            end += line.len();
            let head: Table = toml::from_str(&self.text[..end]).ok()?;
            is_in(&head, key).then_some(index + 1)
        })
    }
}

/// Takes a key out of a table; `false`: it is not there.
fn take(values: &mut Table, path: &[String]) -> bool {
    match path {
        [] => false,
        [key] => values.remove(key).is_some(),
        [key, rest @ ..] => values.get_mut(key).and_then(Value::as_table_mut).is_some_and(|inner| take(inner, rest)),
    }
}

fn is_in(values: &Table, key: &str) -> bool {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|part| values.get(part));
    let found = parts.try_fold(first, |value, part| match value? {
        Value::Table(table) => Some(table.get(part)),
        Value::Array(items) => Some(part.parse::<usize>().ok().and_then(|index| items.get(index))),
        _ => None,
    });
    found.flatten().is_some()
}

/// The text of a small file.
///
/// # Errors
/// [`StartError::File`] when it cannot be read, [`StartError::Setting`] when it is too long.
pub(super) fn read_bounded(what: &'static str, path: &Path) -> Result<String, StartError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_string(&mut text));
    let length = read.map_err(|source| StartError::File { what, path: path.to_owned(), source })?;
    if length as u64 > MAX_BYTES {
        let problem = format!("has more than {MAX_BYTES} bytes; it is probably another file");
        return Err(StartError::setting(format!("{what} '{}'", path.display()), problem));
    }
    Ok(text)
}
