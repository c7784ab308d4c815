//! How a listed host is reached: whom to trust for it, and through which proxy.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{Uri, header::HeaderValue};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use url::Url;

/// Time to resolve, connect and shake hands, unless the settings say another.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The way to a listed host.
#[derive(Debug, Clone)]
pub struct Route {
    /// Time to resolve, connect and shake hands, with the proxy as well.
    pub connect: Duration,
    /// Certificates of authorities that are trusted beside Mozilla's list.
    pub authorities: Vec<CertificateDer<'static>>,
    /// The operator's own proxy, which is reached wherever it is.
    pub proxy: Option<Proxy>,
}

impl Default for Route {
    fn default() -> Self {
        Self { connect: CONNECT_TIMEOUT, authorities: Vec::new(), proxy: None }
    }
}

/// An HTTP proxy.
#[derive(Debug, Clone)]
pub struct Proxy {
    pub(super) uri: Uri,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

impl Proxy {
    /// Reads `http://host:port` or `https://user:password@host:port`.
    ///
    /// # Errors
    /// A sentence without its subject that says what to do, for anything else.
    pub fn parse(value: &str) -> Result<Self, &'static str> {
        const FORM: &str = "is not the address of a proxy; write it as http://host:port";
        let mut url = Url::parse(value).map_err(|_| FORM)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() || !is_bare {
            return Err(FORM);
        }
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
        let (user, password) = (decoded(url.username()), decoded(url.password().unwrap_or_default()));
        let has_credentials = !user.is_empty() || !password.is_empty();
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| FORM)?;
        let authorization = has_credentials.then(|| {
            let basic = STANDARD.encode([user.as_slice(), b":", password.as_slice()].concat());
            HeaderValue::try_from(format!("Basic {basic}")).map(|mut value| {
                value.set_sensitive(true);
                value
            })
        });
        let uri = url.as_str().parse().map_err(|_| FORM)?;
        Ok(Self { uri, authorization: authorization.transpose().map_err(|_| FORM)? })
    }
}

/// The certificates of a PEM file.
///
/// # Errors
/// A sentence without its subject that says what to do, where none of them can be used.
pub fn authorities(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| "is no PEM file; export it as PEM")?;
    match RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned()) {
        (0, _) => Err("holds no certificate that can be used; name a PEM file with that of the authority"),
        _ => Ok(certificates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_may_ask_who_comes() {
        let proxy = Proxy::parse("http://me:p%40ss@proxy.corp:3128/").unwrap();
        assert_eq!(proxy.uri, "http://proxy.corp:3128/");
        assert_eq!(proxy.authorization.unwrap().to_str().unwrap(), "Basic bWU6cEBzcw==");
        assert!(Proxy::parse("https://proxy.corp").unwrap().authorization.is_none());
        for wrong in ["proxy.corp:3128", "socks5://proxy:1080", "http://proxy/path", "http://proxy?x=1", "3128", ""] {
            assert!(Proxy::parse(wrong).is_err(), "{wrong}");
        }
        assert!(!format!("{:?}", Proxy::parse("http://me:pass@x:1").unwrap()).contains("bWU6"));
    }

    #[test]
    fn a_file_without_a_certificate_is_told() {
        for wrong in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(authorities(wrong.as_bytes()).unwrap_err().contains("certificate"), "{wrong}");
        }
        assert!(authorities(b"-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n").is_err());
    }
}
