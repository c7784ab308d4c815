//! `[[providers]]`: the providers of models by name, beside those of the environment's short forms.

mod form;

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use infra_providers::{
    Provider, ProviderSettings, Timeouts,
    egress::{self, Proxy, Route},
    settings::{OPENAI, OPENAI_BASE_URL, SettingsError, check_name, parse_base_url},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The dialect that is spoken.
const DIALECT: &str = "openai";
/// Most bytes of a file that holds a key, or certificates.
const MAX_FILE_BYTES: u64 = 1024 * 1024;
/// Longest deadline, in seconds: a day.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// One provider of the settings file: as it was read, or why it cannot be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    /// It has the keys that there are.
    Read(Box<ProviderConfig>),
    /// One of its keys cannot be used.
    Wrong {
        /// The key; empty: the entry itself.
        key: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Value::deserialize(deserializer)?;
        let wrong = form::fault(&entry).map(|(key, problem)| Self::Wrong { key, problem });
        let read = || match serde_json::from_value(entry) {
            Ok(read) => Self::Read(Box::new(read)),
            Err(error) => Self::Wrong { key: String::new(), problem: format!("cannot be read: {error}") },
        };
        Ok(wrong.unwrap_or_else(read))
    }
}

impl Entry {
    /// As it is shown: without the credentials of its proxy.
    pub(super) fn shown(&self) -> Self {
        match self {
            Self::Read(read) => {
                let proxy = read.proxy.as_deref().map(super::without_password);
                Self::Read(Box::new(ProviderConfig { proxy, ..(**read).clone() }))
            }
            wrong @ Self::Wrong { .. } => wrong.clone(),
        }
    }
}

/// A provider as the settings file describes it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProviderConfig {
    /// What stands before the slash in the names of its models.
    name: String,
    /// How it is spoken to; absent: as OpenAI is.
    dialect: Option<String>,
    /// What stands before `/chat/completions`; absent: what the environment says of `openai` or `ollama`, or OpenAI itself.
    base_url: Option<String>,
    /// A file that holds the key.
    api_key_file: Option<PathBuf>,
    /// A variable that holds the key.
    api_key_env: Option<String>,
    /// The models that may be asked; absent: whatever it lists.
    models: Option<Vec<String>>,
    /// How long to wait for it.
    deadlines: Deadlines,
    /// Certificates of authorities that are trusted for it, beside the built-in ones, as PEM.
    ca_file: Option<PathBuf>,
    /// The proxy to it.
    proxy: Option<String>,
}

/// How long to wait for a provider, in seconds; what is absent has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Deadlines {
    /// To resolve its name, connect and shake hands.
    connect_seconds: Option<u64>,
    /// Longest silence before the first word of an answer; comments and blank lines are no silence.
    first_token_seconds: Option<u64>,
    /// Longest silence within an answer.
    idle_seconds: Option<u64>,
    /// A whole answer.
    whole_seconds: Option<u64>,
}

/// The providers of the environment and of the settings file.
///
/// # Errors
/// [`SettingsError`] that names the variable, or the key as `providers[2].base_url`.
pub(crate) fn settings(entries: &[Entry]) -> Result<ProviderSettings, SettingsError> {
    combine(entries, |name| env::var(name).ok())
}

/// What is wrong with entries that do not have the keys that there are.
pub(super) fn faults(entries: &[Entry]) -> Vec<SettingsError> {
    entries.iter().enumerate().filter_map(|(index, entry)| read_entry(index, entry).err()).collect()
}

fn read_entry(index: usize, entry: &Entry) -> Result<&ProviderConfig, SettingsError> {
    match entry {
        Entry::Read(read) => Ok(read),
        Entry::Wrong { key, problem } => Err(SettingsError::new(place(index, key), problem)),
    }
}

/// What a key of an entry is called, such as `providers[2].base_url`.
fn place(index: usize, key: &str) -> String {
    let dot = if key.is_empty() { "" } else { "." };
    format!("providers[{index}]{dot}{key}")
}

fn combine(entries: &[Entry], variable: impl Fn(&str) -> Option<String>) -> Result<ProviderSettings, SettingsError> {
    let mut settings = ProviderSettings::read(&variable)?;
    let mut names: Vec<String> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let entry = read_entry(index, entry)?;
        let at = |key: &str| place(index, key);
        check_name(&at("name"), &entry.name)?;
        let lower = entry.name.to_lowercase();
        if names.contains(&lower) {
            return Err(SettingsError::new(
                at("name"),
                "is that of another entry; give each provider a name of its own",
            ));
        }
        names.push(lower);
        let known = settings.providers.iter().position(|provider| provider.name.eq_ignore_ascii_case(&entry.name));
        let at_openai = (entry.name == OPENAI).then_some(OPENAI_BASE_URL);
        let provider = match (entry.base_url.as_deref(), known) {
            // The environment says where it is, and the entry says more of it.
            (None, Some(known)) => settings.providers[known].clone(),
            (Some(_), Some(_)) => {
                let problem = "is set in the environment as well (OPENAI_API_KEY and OPENAI_BASE_URL, or OLLAMA_HOST); \
                               leave base_url out, unset those, or choose another name";
                return Err(SettingsError::new(at("base_url"), problem));
            }
            (url, None) => {
                let problem = "is missing; set it to the address that stands before /chat/completions, such as \
                               https://host/v1";
                let url = url.or(at_openai).ok_or_else(|| SettingsError::new(at("base_url"), problem))?;
                let url = parse_base_url(&at("base_url"), url)?;
                Provider { route: settings.route.clone(), ..Provider::new(&entry.name, url) }
            }
        };
        let provider = entry.complete(provider, at, &variable)?;
        match known {
            Some(known) => settings.providers[known] = provider,
            None => settings.providers.push(provider),
        }
    }
    Ok(settings)
}

impl ProviderConfig {
    /// The provider with all that this entry says; `at` names a key of it.
    fn complete(
        &self,
        provider: Provider,
        at: impl Fn(&str) -> String,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Provider, SettingsError> {
        if self.dialect.as_deref().is_some_and(|dialect| dialect != DIALECT) {
            return Err(SettingsError::new(at("dialect"), "must be 'openai', the only one that is spoken yet"));
        }
        let Provider { name, base_url, key, timeouts, route, .. } = provider;
        let Route { connect, mut authorities, proxy } = route;
        if let Some(file) = &self.ca_file {
            let fail = |problem: &str| SettingsError::new(at("ca_file"), problem);
            let pem = read(file).map_err(|_| fail("names a file that cannot be read; correct it"))?;
            authorities.extend(egress::authorities(&pem).map_err(fail)?);
        }
        let given = self.proxy.as_deref().map(Proxy::parse).transpose();
        let given = given.map_err(|problem| SettingsError::new(at("proxy"), problem))?;
        let seconds = |field: &str, given: Option<u64>, default: Duration| match given {
            None => Ok(default),
            Some(seconds @ 1..=MAX_SECONDS) => Ok(Duration::from_secs(seconds)),
            Some(_) => {
                let problem = format!("must be from 1 to {MAX_SECONDS}; leave it out for the default");
                Err(SettingsError::new(at(&format!("deadlines.{field}")), problem))
            }
        };
        let deadlines = &self.deadlines;
        let timeouts = Timeouts {
            first_token: seconds("first_token_seconds", deadlines.first_token_seconds, timeouts.first_token)?,
            idle: seconds("idle_seconds", deadlines.idle_seconds, timeouts.idle)?,
            whole: seconds("whole_seconds", deadlines.whole_seconds, timeouts.whole)?,
            ..timeouts
        };
        if deadlines.first_token_seconds.is_some() && timeouts.first_token > timeouts.whole {
            let problem = format!(
                "must be at most whole_seconds ({}), as no answer ends before it begins; lower it, or raise whole_seconds",
                timeouts.whole.as_secs()
            );
            return Err(SettingsError::new(at("deadlines.first_token_seconds"), problem));
        }
        let connect = seconds("connect_seconds", deadlines.connect_seconds, connect)?;
        if self.models.as_ref().is_some_and(|models| models.is_empty() || models.iter().any(String::is_empty)) {
            let problem = "must name at least one model, each by the provider's own name; leave it out to offer all that it lists";
            return Err(SettingsError::new(at("models"), problem));
        }
        Ok(Provider {
            name,
            base_url,
            key: self.key(&at, variable)?.map(Into::into).or(key),
            models: self.models.clone(),
            timeouts,
            route: Route { connect, authorities, proxy: given.or(proxy) },
        })
    }

    fn key(
        &self,
        at: impl Fn(&str) -> String,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, SettingsError> {
        let key = match (&self.api_key_file, &self.api_key_env) {
            (Some(_), Some(_)) => {
                return Err(SettingsError::new(
                    at("api_key_env"),
                    "cannot be set together with api_key_file; choose one",
                ));
            }
            (Some(file), None) => {
                let fail = |problem: &str| SettingsError::new(at("api_key_file"), problem);
                let bytes = read(file).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => fail("names a file that is not there; make it, or correct the name"),
                    _ => fail("names a file that cannot be read; let this program read it, or name another"),
                })?;
                let text = String::from_utf8(bytes).ok().filter(|text| !text.trim().is_empty());
                text.ok_or_else(|| fail("names a file that holds no key; write the key into it as text"))?
            }
            (None, Some(name)) => {
                let problem = || match looks_like_a_variable(name) {
                    true => format!("names the variable '{name}', which is not set; set it to the key"),
                    false => "must be the name of a variable that holds the key; set that variable".to_owned(),
                };
                variable(name)
                    .filter(|key| !key.trim().is_empty())
                    .ok_or_else(|| SettingsError::new(at("api_key_env"), problem()))?
            }
            (None, None) => return Ok(None),
        };
        Ok(Some(key.trim().to_owned()))
    }
}

/// Whether a text is the name of a variable as people choose them, and not a key that was put in its place.
fn looks_like_a_variable(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_';
    name.contains('_') && name.chars().all(is_letter)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use figment::{
        Figment,
        providers::{Format, Toml},
    };
    use secrecy::ExposeSecret;

    use super::*;

    #[derive(Deserialize)]
    struct Entries {
        providers: Vec<Entry>,
    }

    fn entries(toml: &str) -> Vec<Entry> {
        Figment::from(Toml::string(toml)).extract::<Entries>().unwrap().providers
    }

    fn read(toml: &str, variables: &[(&str, &str)]) -> Result<ProviderSettings, String> {
        let variable =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        combine(&entries(toml), variable).map_err(|error| error.to_string())
    }

    #[test]
    fn providers_have_all_that_their_entry_says() {
        let folder = tempfile::tempdir().unwrap();
        let key_file = folder.path().join("key");
        std::fs::write(&key_file, "from-a-file\n").unwrap();
        let toml = format!(
            "[[providers]]\nname = 'openrouter'\nbase_url = 'https://openrouter.ai/api/v1'\napi_key_file = '{}'\n\
             models = ['openai/gpt-4o']\nproxy = 'http://proxy:3128'\n\
             [providers.deadlines]\nconnect_seconds = 2\nfirst_token_seconds = 600\nidle_seconds = 30\nwhole_seconds = 7200\n\
             [[providers]]\nname = 'vllm'\ndialect = 'openai'\nbase_url = 'http://gpu:8000/v1'\napi_key_env = 'VLLM_KEY'\n",
            key_file.display()
        );
        let settings = read(&toml, &[("OLLAMA_HOST", "gpu"), ("VLLM_KEY", "from-the-environment")]).unwrap();
        let names: Vec<&str> = settings.providers.iter().map(|provider| provider.name.as_str()).collect();
        assert_eq!(names, ["ollama", "openrouter", "vllm"]);
        let [_, openrouter, vllm] = settings.providers.as_slice() else { panic!("three providers") };
        let key = |provider: &Provider| provider.key.as_ref().map(|key| key.expose_secret().to_owned());
        assert_eq!(key(openrouter).as_deref(), Some("from-a-file"));
        assert_eq!(key(vllm).as_deref(), Some("from-the-environment"));
        assert_eq!(openrouter.models.as_deref(), Some(&["openai/gpt-4o".to_owned()][..]));
        assert!(openrouter.route.proxy.is_some() && vllm.route.proxy.is_none() && vllm.models.is_none());
        let seconds = |duration: Duration| duration.as_secs();
        let Timeouts { first_token, idle, whole, .. } = openrouter.timeouts;
        assert_eq!([openrouter.route.connect, first_token, idle, whole].map(seconds), [2, 600, 30, 7200]);
        assert_eq!([vllm.route.connect, vllm.timeouts.first_token, vllm.timeouts.whole].map(seconds), [5, 60, 3600]);
    }

    #[test]
    fn an_entry_says_more_of_what_the_environment_knows() {
        let entry = "[[providers]]\nname = 'openai'\ndeadlines = { first_token_seconds = 300 }";
        let settings = read(entry, &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://gpu/v1")]).unwrap();
        let [openai] = settings.providers.as_slice() else { panic!("one provider") };
        assert_eq!((openai.base_url.as_str(), openai.timeouts.first_token.as_secs()), ("http://gpu/v1", 300));
        assert!(openai.key.is_some());
        let settings = read("[[providers]]\nname = 'openai'\napi_key_env = 'KEY'", &[("KEY", "k")]).unwrap();
        assert_eq!(settings.providers[0].base_url.as_str(), "https://api.openai.com/v1");
    }

    #[test]
    fn what_cannot_be_used_is_told_by_its_place_and_never_by_its_value() {
        let url = "base_url = 'https://host/v1'";
        for (entry, place) in [
            (url.to_owned(), "name"),
            (format!("name = 'a/b'\n{url}"), "name"),
            (format!("name = 'banyan'\n{url}"), "name"),
            (format!("name = 'First'\n{url}"), "name"),
            ("name = 'x'".to_owned(), "base_url"),
            ("name = 'ollama'".to_owned(), "base_url"),
            ("name = 'x'\nbase_url = 'host/v1'".to_owned(), "base_url"),
            ("name = 'x'\nbase_url = 'https://me:s3cr3t@host/v1'".to_owned(), "base_url"),
            ("name = 'openai'\nbase_url = 'https://host/v1'".to_owned(), "base_url"),
            (format!("name = 'x'\n{url}\napi_key = 's3cr3t'"), "api_key"),
            (format!("name = 'x'\n{url}\napi_key_file = '/no/s3cr3t'"), "api_key_file"),
            (format!("name = 'x'\n{url}\napi_key_env = 's3cr3t'"), "api_key_env"),
            (format!("name = 'x'\n{url}\napi_key_file = 'a'\napi_key_env = 'B'"), "api_key_env"),
            (format!("name = 'x'\n{url}\nmodels = []"), "models"),
            (format!("name = 'x'\n{url}\nca_file = '/no/s3cr3t'"), "ca_file"),
            (format!("name = 'x'\n{url}\nca_file = '/dev/null'"), "ca_file"),
            (format!("name = 'x'\n{url}\nproxy = 'socks5://s3cr3t'"), "proxy"),
            (format!("name = 'x'\n{url}\nkey_file = 's3cr3t'"), "key_file"),
            (format!("name = 'x'\n{url}\ndialect = 'anthropic'"), "dialect"),
            (format!("name = 'x'\n{url}\nmodels = 's3cr3t'"), "models"),
            (format!("name = 'x'\n{url}\nmodels = [7]"), "models"),
            (format!("name = 'x'\n{url}\ndeadlines = 7"), "deadlines"),
            (format!("name = 'x'\n{url}\ndeadlines = {{ idle = 7 }}"), "deadlines.idle"),
            (format!("name = 'x'\n{url}\ndeadlines = {{ idle_seconds = 's3cr3t' }}"), "deadlines.idle_seconds"),
            ("name = 7".to_owned(), "name"),
            (format!("name = 'x'\n{url}\ndeadlines = {{ idle_seconds = 0 }}"), "deadlines.idle_seconds"),
            (format!("name = 'x'\n{url}\ndeadlines = {{ whole_seconds = 86401 }}"), "deadlines.whole_seconds"),
        ] {
            let toml = format!("[[providers]]\nname = 'first'\n{url}\n[[providers]]\n{entry}");
            let error = read(&toml, &[("OPENAI_API_KEY", "k")]).unwrap_err();
            assert!(error.starts_with(&format!("providers[1].{place} ")), "{entry}: {error}");
            assert!(!error.contains("s3cr3t"), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        let path = |path: &Path| format!("api_key_file = '{}'", path.display());
        for (key, said) in [
            (path(&empty), "names a file that holds no key"),
            (path(&folder.path().join("missing")), "names a file that is not there"),
            (path(folder.path()), "names a file that cannot be read"),
            ("api_key_env = 'VLLM_KEY'".to_owned(), "names the variable 'VLLM_KEY', which is not set"),
            ("api_key_env = 'sk-a_B1'".to_owned(), "must be the name of a variable"),
        ] {
            let toml = format!("[[providers]]\nname = 'x'\nbase_url = 'https://host/v1'\n{key}");
            let error = read(&toml, &[]).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn an_answer_may_take_as_long_as_its_first_word() {
        let of = |deadlines: &str| {
            let entry =
                format!("[[providers]]\nname = 'x'\nbase_url = 'https://host/v1'\ndeadlines = {{ {deadlines} }}");
            read(&entry, &[]).map(drop)
        };
        for wrong in ["first_token_seconds = 100, whole_seconds = 10", "first_token_seconds = 7200"] {
            let error = of(wrong).unwrap_err();
            assert!(error.starts_with("providers[0].deadlines.first_token_seconds must be at most whole_"), "{error}");
        }
        for right in ["first_token_seconds = 10, whole_seconds = 10", "whole_seconds = 10", "first_token_seconds = 100"]
        {
            assert!(of(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_credentials() {
        let entry = &entries("[[providers]]\nname = 'x'\nproxy = 'http://me:s3cr3t@proxy:1'")[0];
        let shown = serde_json::to_string(&entry.shown()).unwrap();
        assert!(shown.contains("me:(set)@proxy") || shown.contains("me:%28set%29@proxy"), "{shown}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("\"api_key\""), "{shown}");
    }
}
