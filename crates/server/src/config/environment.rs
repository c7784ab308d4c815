//! Settings from the environment: `BANYAN_…`, with `__` between levels.

use std::{error::Error, ffi::OsString, path::Path};

use figment::{Figment, providers::Serialized, value::Value};

use super::{Config, file::read_bounded, near::nearest, words::refusal};
use crate::error::StartError;

const PREFIX: &str = "BANYAN_";
/// Variables that are no settings of the program: those of its tests.
const NOT_SETTINGS: &str = "BANYAN_TEST_";
/// Settings that may hold a secret: the variable with `_FILE` behind it reads it from a file.
pub(super) const FROM_FILE: &[&str] =
    &["secret_key", "database_url", "database.jobs_url", "database.owner_url", "database.listen_url"];
/// Variables of providers, which have their own names.
const OF_PROVIDERS: &[&str] =
    &["OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OLLAMA_HOST"];

/// The variable of a setting.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

/// What the environment sets.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Key, name of the variable, value. Those that read a file come last.
    pub(super) values: Vec<(String, String, Value)>,
    /// A sentence about each variable that looks like a setting and is none.
    pub(super) hints: Vec<String>,
    /// What is wrong with the others.
    pub(super) faults: Vec<StartError>,
}

impl Environment {
    /// Reads the variables. An empty one is an unset one.
    pub(super) fn read(variables: impl IntoIterator<Item = (OsString, OsString)>, known: &[String]) -> Self {
        let (mut read, mut from_files) = (Self::default(), Vec::new());
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.to_uppercase().starts_with(PREFIX)) else { continue };
            if name.starts_with(NOT_SETTINGS) {
                continue;
            }
            let Some(text) = value.to_str().map(str::trim) else {
                read.faults.push(StartError::setting(name, "is not text in UTF-8; write it anew"));
                continue;
            };
            if text.is_empty() {
                continue;
            }
            let key = name[PREFIX.len()..].to_lowercase().replace("__", ".");
            let file_of = key.strip_suffix("_file").filter(|key| FROM_FILE.contains(key));
            if known.contains(&key) {
                match typed(&key, text) {
                    Ok(value) => read.values.push((key, name.to_owned(), value)),
                    Err(error) => read.faults.push(refusal(&key, name.to_owned(), &error.kind, known)),
                }
            } else if let Some(key) = file_of {
                match secret_in(name, Path::new(text)) {
                    Ok(secret) => from_files.push((key.to_owned(), name.to_owned(), Value::from(secret))),
                    Err(fault) => read.faults.push(fault),
                }
            } else {
                read.hints.push(hint(name, known));
            }
        }
        read.values.append(&mut from_files);
        read
    }
}

/// A variable is text; what it means its setting says. So it is taken as text where that fits, and else as a number or
/// as true or false: a tenant may be called 42.
fn typed(key: &str, text: &str) -> Result<Value, figment::Error> {
    let fitting = |value: Value| {
        let alone = Serialized::defaults(Config::default());
        Figment::from(alone).merge(Serialized::default(key, &value)).extract::<Config>().map(|_| value)
    };
    fitting(Value::from(text)).or_else(|as_text| {
        let number = text.parse::<u64>().map(Value::from).ok();
        let value = number.or_else(|| text.to_lowercase().parse::<bool>().map(Value::from).ok());
        value.map_or(Err(as_text), fitting)
    })
}

/// The secret that a file holds.
fn secret_in(name: &str, path: &Path) -> Result<String, StartError> {
    let text = secret_text(name, path)?;
    match text.trim() {
        "" => Err(StartError::setting(name, format!("names '{}', which is empty", path.display()))),
        secret => Ok(secret.to_owned()),
    }
}

/// The text of the file that the setting `name` names.
///
/// # Errors
/// [`StartError::Setting`].
pub(crate) fn secret_text(name: &str, path: &Path) -> Result<String, StartError> {
    read_bounded("the file", path).map_err(|error| {
        let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        StartError::setting(name, format!("names '{}', which cannot be read: {why}", path.display()))
    })
}

/// What is said of a variable that is no setting.
fn hint(name: &str, known: &[String]) -> String {
    let own = &name[PREFIX.len()..];
    let key = own.to_lowercase().replace("__", ".");
    if known.contains(&format!("{key}_file")) {
        let file = variable(&format!("{key}_file"));
        return format!(
            "there is no setting {name}, so it has no effect; write what it holds into a file, and set {file} to the \
             path of that"
        );
    }
    let of_provider = OF_PROVIDERS.iter().find(|known| own.eq_ignore_ascii_case(known)).map(|name| (*name).to_owned());
    let near = of_provider.or_else(|| nearest(own, known.iter().map(String::as_str)).map(variable));
    let tail = near.map_or_else(
        || "; 'banyan config' prints the settings that there are".to_owned(),
        |near| format!("; did you mean {near}?"),
    );
    format!("there is no setting {name}, so it has no effect{tail}")
}
