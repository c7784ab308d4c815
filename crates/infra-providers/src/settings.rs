//! Which providers the operator's environment makes known, and what one of them is.

use std::{fs, sync::Arc};

use secrecy::SecretString;
use url::Url;

use crate::{
    egress::{AllowList, Egress, EgressError, Route, SystemLookup, authorities},
    openai::Timeouts,
};

/// The name of OpenAI, or of whatever `OPENAI_BASE_URL` leads to.
pub const OPENAI: &str = "openai";
/// The name of what `OLLAMA_HOST` leads to.
pub const OLLAMA: &str = "ollama";
/// Where OpenAI itself is.
pub const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// Where Ollama listens by default.
const OLLAMA_PORT: u16 = 11434;
/// Longest name of a provider, in bytes.
const MAX_NAME_BYTES: usize = 50;

/// A provider over the wire.
#[derive(Debug, Clone)]
pub struct Provider {
    /// What stands before the slash in the names of its models.
    pub name: String,
    /// What stands before `/chat/completions`.
    pub base_url: Url,
    /// The key; some servers want none.
    pub key: Option<SecretString>,
    /// The models that may be asked; `None`: whatever it has.
    pub models: Option<Vec<String>>,
    /// How long to wait for it.
    pub timeouts: Timeouts,
    /// How it is reached.
    pub route: Route,
}

impl Provider {
    /// A provider without a key, reached directly.
    pub fn new(name: impl Into<String>, base_url: Url) -> Self {
        let (timeouts, route) = (Timeouts::default(), Route::default());
        Self { name: name.into(), base_url, key: None, models: None, timeouts, route }
    }

    /// The way to it, and to nothing else that is not public.
    ///
    /// # Errors
    /// [`EgressError::Setup`] when TLS cannot be set up.
    pub fn egress(&self) -> Result<Egress, EgressError> {
        Egress::with(AllowList::new([&self.base_url]), self.route.clone(), Arc::new(SystemLookup))
    }
}

/// The configured providers.
#[derive(Debug, Clone, Default)]
pub struct ProviderSettings {
    /// In the order in which their models are listed.
    pub providers: Vec<Provider>,
    /// How those are reached that no provider of the settings is: with the authorities of `SSL_CERT_FILE`.
    pub route: Route,
}

/// A setting that cannot be used; the message names it and never holds its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingsError {
    /// The variable, or the key of the settings file.
    pub name: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl SettingsError {
    /// An error about the setting `name`.
    pub fn new(name: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { name: name.into(), problem: problem.into() }
    }
}

impl ProviderSettings {
    /// Reads `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OLLAMA_HOST` and `SSL_CERT_FILE`. An empty variable is an unset one.
    ///
    /// # Errors
    /// [`SettingsError`] for an address that is none, and for a file that holds no certificate.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut route = Route::default();
        if let Some(file) = set("SSL_CERT_FILE") {
            let fail = |problem: &str| SettingsError::new("SSL_CERT_FILE", problem);
            let pem = fs::read(file).map_err(|_| fail("names a file that cannot be read; correct it, or unset it"))?;
            route.authorities = authorities(&pem).map_err(fail)?;
        }
        let (key, base_url) = (set("OPENAI_API_KEY"), set("OPENAI_BASE_URL"));
        let mut providers = Vec::new();
        if key.is_some() || base_url.is_some() {
            let base_url = parse_base_url("OPENAI_BASE_URL", base_url.as_deref().unwrap_or(OPENAI_BASE_URL))?;
            let key = key.map(SecretString::from);
            providers.push(Provider { key, route: route.clone(), ..Provider::new(OPENAI, base_url) });
        }
        if let Some(host) = set("OLLAMA_HOST") {
            providers.push(Provider { route: route.clone(), ..Provider::new(OLLAMA, ollama_base_url(&host)?) });
        }
        Ok(Self { providers, route })
    }

    /// The embedding model of the setting `BANYAN_EMBEDDINGS__MODEL`: who serves it, and its name there. A name that
    /// begins with that of a provider is at that provider, a bare one at the first provider that is configured. With
    /// `base_url` (`BANYAN_EMBEDDINGS__BASE_URL`) it is there, whatever its name; the key of a provider goes along only to
    /// the host and port that it belongs to.
    ///
    /// # Errors
    /// [`SettingsError`] for an address that is none, and for a provider that is not configured.
    pub fn embedding_provider(&self, model: &str, base_url: Option<&str>) -> Result<(Provider, String), SettingsError> {
        let names = self.providers.iter().map(|provider| provider.name.as_str()).chain([OPENAI, OLLAMA]);
        let mut named = names.filter_map(|name| {
            let bare = model.strip_prefix(name)?.strip_prefix('/').filter(|bare| !bare.is_empty())?;
            Some((name, bare))
        });
        let named = named.next();
        if let Some(base_url) = base_url {
            let base_url = parse_base_url("BANYAN_EMBEDDINGS__BASE_URL", base_url)?;
            let (name, bare) = named.unwrap_or((OPENAI, model));
            let here = AllowList::new([&base_url]);
            let mut owners = self.providers.iter().filter(|provider| here.lists(&provider.base_url));
            let provider = match owners.next() {
                Some(owner) => Provider { name: name.to_owned(), base_url, ..owner.clone() },
                None => Provider { route: self.route.clone(), ..Provider::new(name, base_url) },
            };
            return Ok((provider, bare.to_owned()));
        }
        let found = match named {
            Some((name, bare)) => {
                self.providers.iter().find(|provider| provider.name == name).map(|found| (found, bare))
            }
            None => self.providers.first().map(|first| (first, model)),
        };
        let (provider, bare) = found.ok_or_else(|| {
            let problem = "names a model of no configured provider; configure one in [[providers]], or set \
                           BANYAN_EMBEDDINGS__BASE_URL, OPENAI_API_KEY or OLLAMA_HOST";
            SettingsError::new("BANYAN_EMBEDDINGS__MODEL", problem)
        })?;
        Ok((provider.clone(), bare.to_owned()))
    }
}

/// Checks the name of a provider for the setting `setting`.
///
/// # Errors
/// [`SettingsError`] for a name that models could not be named by.
pub fn check_name(setting: &str, name: &str) -> Result<(), SettingsError> {
    let fail = |problem: &str| Err(SettingsError::new(setting, problem));
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    match name {
        "" => fail("is missing; give the provider a name, such as 'openrouter'"),
        _ if !is_plain => fail("may hold letters, digits, '-', '_' and '.' only; choose such a name"),
        _ if name.len() > MAX_NAME_BYTES => fail("is too long; choose a name of at most 50 characters"),
        _ if name.eq_ignore_ascii_case("banyan") => fail("is that of the built-in provider; choose another name"),
        _ => Ok(()),
    }
}

/// Providers whose address is known to end in something: the host or its domain, the end of the path, and what to write.
const KNOWN_HOSTS: &[(&str, &str, &str)] = &[
    ("openai.azure.com", "/openai/v1", AZURE),
    ("cognitiveservices.azure.com", "/openai/v1", AZURE),
    ("services.ai.azure.com", "/openai/v1", AZURE),
    (
        "generativelanguage.googleapis.com",
        "/openai",
        "must be 'https://generativelanguage.googleapis.com/v1beta/openai' at Gemini, which speaks OpenAI's dialect there",
    ),
    ("openrouter.ai", "/v1", "must be 'https://openrouter.ai/api/v1' at OpenRouter"),
    ("api.groq.com", "/v1", "must be 'https://api.groq.com/openai/v1' at Groq"),
];
const AZURE: &str = "must be 'https://<resource>.openai.azure.com/openai/v1' at Azure: leave out the deployment, whose \
                     name is that of the model, and 'api-version', which this way does without";

fn known_host(url: &Url) -> Option<&'static (&'static str, &'static str, &'static str)> {
    let host = url.host_str()?;
    let is_of = |known: &str| host.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    KNOWN_HOSTS.iter().find(|(known, ..)| is_of(known))
}

/// Parses the base URL of a provider for the setting `setting`.
///
/// # Errors
/// [`SettingsError`] for what is no http or https address, or holds credentials, a query or a fragment.
pub fn parse_base_url(setting: &str, value: &str) -> Result<Url, SettingsError> {
    let fail = |problem: &str| SettingsError::new(setting, problem);
    let url = Url::parse(value).map_err(|_| fail("is not an address; write it as https://host/v1"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(fail("is not an http or https address; write it as https://host/v1"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail("must not hold credentials; set the key by itself"));
    }
    if let Some((_, _, form)) = known_host(&url).filter(|(_, end, _)| !url.path().trim_end_matches('/').ends_with(end))
    {
        return Err(fail(form));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("must not have a query or a fragment"));
    }
    if url.path().trim_end_matches('/').ends_with("/chat/completions") {
        return Err(fail("is what stands before /chat/completions; leave that off"));
    }
    Ok(url)
}

/// `OLLAMA_HOST` in the forms that Ollama takes: `host`, `host:port`, `:port`, or an address. The
/// unspecified address, on which a server listens, is called at the loopback one.
fn ollama_base_url(host: &str) -> Result<Url, SettingsError> {
    const NAME: &str = "OLLAMA_HOST";
    let with_scheme = match host {
        _ if host.contains("://") => host.to_owned(),
        _ if host.starts_with(':') => format!("http://127.0.0.1{host}"),
        _ => format!("http://{host}"),
    };
    let mut url = parse_base_url(NAME, &with_scheme)?;
    let fail = |()| SettingsError::new(NAME, "is not an address; write it as host:port");
    if url.host_str() == Some("0.0.0.0") || url.host_str() == Some("[::]") {
        url.set_host(Some("127.0.0.1")).map_err(|_| fail(()))?;
    }
    if !host.contains("://") && url.port().is_none() && !host.ends_with(":80") {
        url.set_port(Some(OLLAMA_PORT)).map_err(fail)?;
    }
    if url.path() == "/" {
        url.set_path("/v1");
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<ProviderSettings, SettingsError> {
        ProviderSettings::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn only(variables: &[(&str, &str)]) -> Provider {
        read(variables).unwrap().providers.pop().unwrap()
    }

    #[test]
    fn openai_by_key_or_by_address() {
        assert!(read(&[("OPENAI_API_KEY", " "), ("OPENAI_BASE_URL", "")]).unwrap().providers.is_empty());
        let by_key = only(&[("OPENAI_API_KEY", "k")]);
        assert_eq!((by_key.name.as_str(), by_key.base_url.as_str()), ("openai", OPENAI_BASE_URL));
        let by_url = only(&[("OPENAI_BASE_URL", "http://gpu:8000/v1/")]);
        assert!(by_url.key.is_none());
        for wrong in
            ["gpu:8000", "ftp://x/", "not one", "http://a:b@x/v1", "http://x/v1?k=v", "http://x/v1/chat/completions/"]
        {
            let error = read(&[("OPENAI_BASE_URL", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("OPENAI_BASE_URL ") && !error.contains(wrong), "{error}");
        }
    }

    #[test]
    fn addresses_of_known_providers_are_told_in_their_right_form() {
        for (wrong, right) in [
            ("https://x.openai.azure.com", "<resource>.openai.azure.com/openai/v1'"),
            ("https://x.openai.azure.com/openai", "/openai/v1'"),
            ("https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21", "/openai/v1'"),
            ("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21", "/openai/v1'"),
            ("https://x.openai.azure.com/openai/v1?api-version=preview", "query"),
            ("https://x.cognitiveservices.azure.com/", "/openai/v1'"),
            ("https://x.services.ai.azure.com/models", "/openai/v1'"),
            ("https://generativelanguage.googleapis.com/v1beta", "/v1beta/openai'"),
            ("https://openrouter.ai", "/api/v1'"),
            ("https://api.groq.com", "/openai/v1'"),
        ] {
            let error = read(&[("OPENAI_BASE_URL", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("OPENAI_BASE_URL ") && error.contains(right), "{wrong}: {error}");
        }
        for right in [
            "https://x.openai.azure.com/openai/v1/",
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            "https://openrouter.ai/api/v1",
            "https://api.groq.com/openai/v1",
            "https://notazure.example/openai",
            "https://notopenrouter.ai",
        ] {
            assert!(read(&[("OPENAI_BASE_URL", right)]).is_ok(), "{right}");
        }
    }

    #[test]
    fn ollama_in_all_forms() {
        for (host, expected) in [
            ("gpu", "http://gpu:11434/v1"),
            ("gpu:80", "http://gpu/v1"),
            (":1234", "http://127.0.0.1:1234/v1"),
            ("0.0.0.0", "http://127.0.0.1:11434/v1"),
            ("0.0.0.0:99", "http://127.0.0.1:99/v1"),
            ("[::]:99", "http://127.0.0.1:99/v1"),
            ("https://o.example", "https://o.example/v1"),
            ("http://o.example:8/x", "http://o.example:8/x"),
        ] {
            assert_eq!(only(&[("OLLAMA_HOST", host)]).base_url.as_str(), expected, "{host}");
        }
    }

    #[test]
    fn embeddings_are_where_their_name_or_their_address_says() {
        let mut both = read(&[("OPENAI_API_KEY", "k"), ("OLLAMA_HOST", "gpu")]).unwrap();
        both.providers.push(Provider::new("tei", Url::parse("http://tei:8080/v1").unwrap()));
        let none = read(&[]).unwrap();
        let (openai, tei) = ("https://api.openai.com/v1", "http://tei:8080/v1");
        for (settings, model, base_url, name, bare, address, has_key) in [
            (&both, "text-embedding-3-small", None, "openai", "text-embedding-3-small", openai, true),
            (&both, "openai/m", None, "openai", "m", openai, true),
            (&both, "ollama/m", None, "ollama", "m", "http://gpu:11434/v1", false),
            (&both, "tei/BAAI/bge-m3", None, "tei", "BAAI/bge-m3", tei, false),
            (&both, "BAAI/bge-m3", Some(tei), "openai", "BAAI/bge-m3", tei, false),
            (&both, "m", Some("https://api.openai.com/v2"), "openai", "m", "https://api.openai.com/v2", true),
            (&both, "ollama/m", Some("https://api.openai.com/v2"), "ollama", "m", "https://api.openai.com/v2", true),
            (&none, "m", Some("http://tei/v1"), "openai", "m", "http://tei/v1", false),
        ] {
            let (found, own_name) = settings.embedding_provider(model, base_url).unwrap();
            assert_eq!((found.name.as_str(), own_name.as_str()), (name, bare), "{model}");
            assert_eq!((found.base_url.as_str(), found.key.is_some()), (address, has_key), "{model}");
        }
        for (model, base_url) in [("m", None), ("ollama/m", None), ("m", Some("tei"))] {
            assert!(none.embedding_provider(model, base_url).is_err());
        }
    }

    #[test]
    fn a_name_is_one_that_models_can_be_named_by() {
        for name in ["openrouter", "vLLM-2", "a.b_c", "7"] {
            assert_eq!(check_name("providers[0].name", name), Ok(()), "{name}");
        }
        for name in ["", "a/b", "a b", "ä", "banyan", "Banyan", &"x".repeat(51)] {
            let error = check_name("providers[0].name", name).unwrap_err().to_string();
            assert!(error.starts_with("providers[0].name "), "{error}");
        }
    }

    #[test]
    fn a_file_of_certificates_that_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.pem");
        fs::write(&empty, "").unwrap();
        for file in [empty, folder.path().join("none.pem")] {
            let error = read(&[("SSL_CERT_FILE", file.to_str().unwrap())]).unwrap_err().to_string();
            assert!(error.starts_with("SSL_CERT_FILE "), "{error}");
        }
    }
}
