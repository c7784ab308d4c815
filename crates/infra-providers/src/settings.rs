//! Which providers the operator's environment makes known.

use secrecy::SecretString;
use url::Url;

use crate::{egress::AllowList, openai::Timeouts};

/// Where OpenAI itself is.
const OPENAI_BASE_URL: &str = "https://api.openai.com/v1";
/// Where Ollama listens by default.
const OLLAMA_PORT: u16 = 11434;

/// A provider's address and key.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What stands before `/chat/completions`.
    pub base_url: Url,
    /// The key; some servers want none.
    pub key: Option<SecretString>,
}

/// An embedding model over the wire.
#[derive(Debug, Clone)]
pub struct EmbeddingEndpoint {
    /// The provider's name, for prices and the ledger.
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
    /// Where it is.
    pub endpoint: Endpoint,
}

/// The configured providers.
#[derive(Debug, Clone, Default)]
pub struct ProviderSettings {
    /// `openai`: OpenAI, or whatever speaks its dialect.
    pub openai: Option<Endpoint>,
    /// `ollama`.
    pub ollama: Option<Endpoint>,
    /// How long to wait for them.
    pub timeouts: Timeouts,
}

/// A setting that cannot be used; the message names it and never holds its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}")]
pub struct SettingsError {
    /// The variable.
    pub name: &'static str,
    /// What is wrong, and what to do.
    pub problem: &'static str,
}

impl ProviderSettings {
    /// Reads `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `OLLAMA_HOST`. An empty variable is an unset one.
    ///
    /// # Errors
    /// [`SettingsError`] for an address that is none.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let (key, base_url) = (set("OPENAI_API_KEY"), set("OPENAI_BASE_URL"));
        let openai = if key.is_some() || base_url.is_some() {
            let base_url = parse_base_url("OPENAI_BASE_URL", base_url.as_deref().unwrap_or(OPENAI_BASE_URL))?;
            Some(Endpoint { base_url, key: key.map(SecretString::from) })
        } else {
            None
        };
        let ollama = match set("OLLAMA_HOST") {
            Some(host) => Some(Endpoint { base_url: ollama_base_url(&host)?, key: None }),
            None => None,
        };
        Ok(Self { openai, ollama, timeouts: Timeouts::default() })
    }

    /// Where the embedding model of the setting `BANYAN_EMBEDDINGS__MODEL` is: `openai/…` and
    /// `ollama/…` at that provider, a bare name at the first one that is configured. With
    /// `base_url` (`BANYAN_EMBEDDINGS__BASE_URL`) it is there, whatever its name; the key of OpenAI
    /// goes along only to the host and port that it belongs to.
    ///
    /// # Errors
    /// [`SettingsError`] for an address that is none, and for a provider that is not configured.
    pub fn embedding_endpoint(&self, model: &str, base_url: Option<&str>) -> Result<EmbeddingEndpoint, SettingsError> {
        let found = |provider: &str, model: &str, endpoint: Endpoint| EmbeddingEndpoint {
            provider: provider.to_owned(),
            model: model.to_owned(),
            endpoint,
        };
        let known = [("openai", &self.openai), ("ollama", &self.ollama)];
        let named = known.iter().find_map(|(name, endpoint)| {
            let bare = model.strip_prefix(name)?.strip_prefix('/').filter(|bare| !bare.is_empty())?;
            Some((*name, bare, *endpoint))
        });
        if let Some(base_url) = base_url {
            let base_url = parse_base_url("BANYAN_EMBEDDINGS__BASE_URL", base_url)?;
            let here = AllowList::new([&base_url]);
            let owner = self.openai.as_ref().filter(|openai| here.lists(&openai.base_url));
            let endpoint = Endpoint { base_url, key: owner.and_then(|openai| openai.key.clone()) };
            let (provider, bare) = named.map_or(("openai", model), |(name, bare, _)| (name, bare));
            return Ok(found(provider, bare, endpoint));
        }
        let (provider, bare, endpoint) = match named {
            Some((name, bare, endpoint)) => (name, bare, endpoint.as_ref()),
            None => known
                .iter()
                .find_map(|(name, endpoint)| Some((*name, model, Some(endpoint.as_ref()?))))
                .unwrap_or(("openai", model, None)),
        };
        let endpoint = endpoint.cloned().ok_or(SettingsError {
            name: "BANYAN_EMBEDDINGS__MODEL",
            problem: "names a model of no configured provider; set BANYAN_EMBEDDINGS__BASE_URL, OPENAI_API_KEY or OLLAMA_HOST",
        })?;
        Ok(found(provider, bare, endpoint))
    }

    /// The addresses that are to be reachable wherever they are, as the operator named them.
    #[must_use]
    pub fn allow_list(&self) -> AllowList {
        AllowList::new([&self.openai, &self.ollama].into_iter().flatten().map(|endpoint| &endpoint.base_url))
    }
}

/// Parses the base URL of a provider for the setting `name`.
///
/// # Errors
/// [`SettingsError`] for what is no http or https address, or holds credentials, a query or a fragment.
pub fn parse_base_url(name: &'static str, value: &str) -> Result<Url, SettingsError> {
    let fail = |problem| SettingsError { name, problem };
    let url = Url::parse(value).map_err(|_| fail("is not an address; write it as https://host/v1"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(fail("is not an http or https address; write it as https://host/v1"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fail("must not hold credentials; set the key by itself"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fail("must not have a query or a fragment"));
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
    let fail = |()| SettingsError { name: NAME, problem: "is not an address; write it as host:port" };
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

    #[test]
    fn openai_by_key_or_by_address() {
        assert!(read(&[("OPENAI_API_KEY", " "), ("OPENAI_BASE_URL", "")]).unwrap().openai.is_none());
        let by_key = read(&[("OPENAI_API_KEY", "k")]).unwrap().openai.unwrap();
        assert_eq!(by_key.base_url.as_str(), OPENAI_BASE_URL);
        let by_url = read(&[("OPENAI_BASE_URL", "http://gpu:8000/v1/")]).unwrap().openai.unwrap();
        assert!(by_url.key.is_none());
        for wrong in ["gpu:8000", "ftp://x/", "not one", "http://a:b@x/v1", "http://x/v1?k=v"] {
            let error = read(&[("OPENAI_BASE_URL", wrong)]).unwrap_err().to_string();
            assert!(error.starts_with("OPENAI_BASE_URL ") && !error.contains(wrong), "{error}");
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
            let ollama = read(&[("OLLAMA_HOST", host)]).unwrap().ollama.unwrap();
            assert_eq!(ollama.base_url.as_str(), expected, "{host}");
        }
    }

    #[test]
    fn embeddings_are_where_their_name_or_their_address_says() {
        let both = read(&[("OPENAI_API_KEY", "k"), ("OLLAMA_HOST", "gpu")]).unwrap();
        let none = read(&[]).unwrap();
        let openai = "https://api.openai.com/v1";
        for (settings, model, base_url, provider, name, address, has_key) in [
            (&both, "text-embedding-3-small", None, "openai", "text-embedding-3-small", openai, true),
            (&both, "openai/m", None, "openai", "m", openai, true),
            (&both, "ollama/m", None, "ollama", "m", "http://gpu:11434/v1", false),
            (&both, "BAAI/bge-m3", Some("http://tei:8080/v1"), "openai", "BAAI/bge-m3", "http://tei:8080/v1", false),
            (&both, "m", Some("https://api.openai.com/v2"), "openai", "m", "https://api.openai.com/v2", true),
            (&none, "m", Some("http://tei/v1"), "openai", "m", "http://tei/v1", false),
        ] {
            let found = settings.embedding_endpoint(model, base_url).unwrap();
            assert_eq!((found.provider.as_str(), found.model.as_str()), (provider, name));
            assert_eq!((found.endpoint.base_url.as_str(), found.endpoint.key.is_some()), (address, has_key));
        }
        for (model, base_url) in [("m", None), ("ollama/m", None), ("m", Some("tei"))] {
            assert!(none.embedding_endpoint(model, base_url).is_err());
        }
    }

    #[test]
    fn configured_addresses_are_listed_with_their_port_alone() {
        let allow = read(&[("OLLAMA_HOST", "10.1.2.3")]).unwrap().allow_list();
        assert!(allow.lists(&Url::parse("http://10.1.2.3:11434/x").unwrap()));
        for other in ["http://10.1.2.3/", "http://10.1.2.4:11434/", "https://api.openai.com/"] {
            assert!(!allow.lists(&Url::parse(other).unwrap()), "{other}");
        }
    }
}
