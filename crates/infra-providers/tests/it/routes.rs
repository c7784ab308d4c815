//! The way to a listed host: a company's authority, and a proxy.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::gateways::{ChatModels, GatewayErrorKind as Kind};
use hyper::Method;
use infra_providers::{
    AllowList, Egress, OpenAiChat, OpenAiConnection, Provider, ProviderRegistry, ProviderSettings,
    egress::{EgressError, Limits, Proxy, Request, Route, SystemLookup, authorities},
    scripted::ScriptedServer,
};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};
use url::Url;

use crate::{KEY, TestClock, answer, ask, check, timeouts};

fn authority(names: Vec<String>) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An authority that nobody knows, and a server of its that leads to `to`.
async fn company_server(to: SocketAddr) -> (String, SocketAddr) {
    let authority = authority(Vec::new());
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    (authority.pem(), tls_server(to, &signed, &key).await)
}

/// A server that shows a certificate and leads to `to`.
async fn tls_server(to: SocketAddr, certificate: &Certificate, key: &KeyPair) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut inner = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut inner).await;
            });
        }
    });
    address
}

/// A proxy that tunnels and forwards, keeps the heads of requests, and lets in who says the right words.
struct ProxyServer {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ProxyServer {
    async fn start(authorization: Option<&'static str>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, heads) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve_proxy(stream, authorization, Arc::clone(&kept)));
            }
        });
        Self { address, heads }
    }

    fn url(&self, credentials: &str) -> String {
        format!("http://{credentials}{}", self.address)
    }
}

async fn serve_proxy(stream: TcpStream, authorization: Option<&str>, heads: Arc<Mutex<Vec<String>>>) {
    let mut client = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if client.read_line(&mut head).await.unwrap() == 0 {
            return;
        }
    }
    heads.lock().unwrap().push(head.clone());
    let says =
        |wanted: &str| head.lines().any(|line| line.eq_ignore_ascii_case(&format!("proxy-authorization: {wanted}")));
    if authorization.is_some_and(|wanted| !says(wanted)) {
        let _ = client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
        return;
    }
    let target = head.split(' ').nth(1).unwrap();
    if head.starts_with("CONNECT ") {
        let port: u16 = target.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut inner = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut inner).await;
    } else {
        let url = Url::parse(target).unwrap();
        let mut inner = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
        inner.write_all(head.replacen(target, url.path(), 1).as_bytes()).await.unwrap();
        let _ = copy_bidirectional(&mut client, &mut inner).await;
    }
}

fn model(base_url: &str, route: Route) -> OpenAiChat {
    let base_url = Url::parse(base_url).unwrap();
    let provider =
        Provider { key: Some(KEY.into()), timeouts: timeouts(), route, ..Provider::new("company", base_url) };
    OpenAiChat::new(Arc::new(OpenAiConnection::open(&provider, TestClock::new()).unwrap()))
}

#[tokio::test]
async fn a_companys_authority_is_trusted_where_the_operator_says_so() {
    let server = ScriptedServer::start().await.unwrap();
    let (pem, address) = company_server(server.address()).await;
    let base_url = format!("https://localhost:{}/v1", address.port());
    let error = answer(&model(&base_url, Route::default()), ask("hello")).await.error.unwrap();
    check(&error, Kind::Unreachable);
    assert!(error.message.contains("ca_file"), "{}", error.message);
    assert_eq!(server.requests().len(), 0);
    let trusting = || Route { authorities: authorities(pem.as_bytes()).unwrap(), ..Route::default() };
    assert_eq!(answer(&model(&base_url, trusting()), ask("hello")).await.text, "The scripted model answers.");
    // It is trusted for its names alone.
    let by_address = format!("https://127.0.0.1:{}/v1", address.port());
    check(answer(&model(&by_address, trusting()), ask("hello")).await.error.as_ref().unwrap(), Kind::Unreachable);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_server_may_show_the_very_certificate_that_the_operator_added() {
    let server = ScriptedServer::start().await.unwrap();
    // As `openssl req -x509` makes it: it signs itself and says that it is an authority's.
    let names = || vec!["localhost".to_owned()];
    let (own, other) = (authority(names()), authority(names()));
    let address = tls_server(server.address(), own.as_ref(), own.key()).await;
    let trusting = |pem: String| Route { authorities: authorities(pem.as_bytes()).unwrap(), ..Route::default() };
    let at = |host: &str| format!("https://{host}:{}/v1", address.port());
    assert_eq!(
        answer(&model(&at("localhost"), trusting(own.pem())), ask("hello")).await.text,
        "The scripted model answers."
    );
    for (host, pem) in [("127.0.0.1", own.pem()), ("localhost", other.pem())] {
        check(answer(&model(&at(host), trusting(pem)), ask("hello")).await.error.as_ref().unwrap(), Kind::Unreachable);
    }
    let mut params = CertificateParams::new(names()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let address = tls_server(server.address(), old.as_ref(), old.key()).await;
    let expired = model(&format!("https://localhost:{}/v1", address.port()), trusting(old.pem()));
    check(answer(&expired, ask("hello")).await.error.as_ref().unwrap(), Kind::Unreachable);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_file_in_ssl_cert_file_is_trusted_by_all_providers() {
    let server = ScriptedServer::start().await.unwrap();
    let (pem, address) = company_server(server.address()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("company.pem");
    std::fs::write(&file, pem).unwrap();
    let base_url = format!("https://localhost:{}/v1", address.port());
    let variables = [
        ("OPENAI_BASE_URL", base_url.as_str()),
        ("OLLAMA_HOST", base_url.as_str()),
        ("SSL_CERT_FILE", file.to_str().unwrap()),
    ];
    for trusted in [true, false] {
        let known = &variables[..if trusted { 3 } else { 2 }];
        let variable =
            |name: &str| known.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let settings = ProviderSettings::read(variable).unwrap();
        let registry = ProviderRegistry::new(&settings, &(TestClock::new() as _)).unwrap();
        let names: Vec<String> = registry.list().await.iter().map(|model| model.name.to_string()).collect();
        let expected: &[&str] = if trusted { &["openai/scripted", "ollama/scripted"] } else { &[] };
        assert_eq!(names[1..], *expected);
        let embedding = settings.embedding_provider("m", Some(&base_url)).unwrap().0;
        assert_eq!(embedding.route.authorities.len(), usize::from(trusted));
    }
}

#[tokio::test]
async fn a_proxy_forwards_what_is_plain_and_tunnels_what_is_not() {
    let server = ScriptedServer::start().await.unwrap();
    let (pem, tls) = company_server(server.address()).await;
    let proxy = ProxyServer::start(Some("Basic bWU6czNjcjN0")).await;
    let by = |credentials: &str| Route {
        proxy: Some(Proxy::parse(&proxy.url(credentials)).unwrap()),
        authorities: authorities(pem.as_bytes()).unwrap(),
        ..Route::default()
    };
    // Names that only the proxy can resolve.
    let (plain, tunnelled) = (
        format!("http://models.corp.invalid:{}/v1", server.address().port()),
        format!("https://localhost:{}/v1", tls.port()),
    );
    for base_url in [&plain, &tunnelled] {
        assert_eq!(answer(&model(base_url, by("me:s3cr3t@")), ask("hello")).await.text, "The scripted model answers.");
        assert!(answer(&model(base_url, by("")), ask("hello")).await.error.is_some(), "{base_url}");
    }
    assert_eq!(server.requests().len(), 2);
    for request in server.requests() {
        assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    }
    let heads = proxy.heads.lock().unwrap().clone();
    assert!(heads[0].starts_with(&format!("POST {plain}/chat/completions HTTP/1.1\r\n")), "{}", heads[0]);
    assert!(heads[2].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", tls.port())), "{}", heads[2]);
    assert!(!heads[2].contains(KEY), "the key goes through the tunnel");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_as_such() {
    let gone = ScriptedServer::refused_url().await.unwrap();
    let route = || Route {
        proxy: Some(Proxy::parse(&format!("http://127.0.0.1:{}", gone.port().unwrap())).unwrap()),
        ..Route::default()
    };
    for base_url in ["http://models.corp.invalid/v1", "https://models.corp.invalid/v1"] {
        let error = answer(&model(base_url, route()), ask("hello")).await.error.unwrap();
        check(&error, Kind::Unreachable);
        assert!(error.message.contains("through its proxy"), "{}", error.message);
    }
}

#[tokio::test]
async fn what_is_not_listed_never_goes_through_the_proxy() {
    let proxy = ProxyServer::start(None).await;
    let listed = Url::parse("http://models.corp.invalid/v1").unwrap();
    let route = Route {
        proxy: Some(Proxy::parse(&proxy.url("")).unwrap()),
        connect: Duration::from_millis(300),
        ..Route::default()
    };
    let egress = Egress::with(AllowList::new([&listed]), route, Arc::new(SystemLookup)).unwrap();
    let second = Duration::from_secs(1);
    let limits = Limits { headers: second, idle: second, total: second, max_bytes: 1000 };
    let proxy_itself = proxy.url("");
    for (url, is_forbidden) in [
        ("http://localhost/", true),
        ("http://127.0.0.1/", true),
        (proxy_itself.as_str(), true),
        ("http://other.invalid/", false),
    ] {
        let error = egress.send(Request::new(Method::GET, Url::parse(url).unwrap()), limits).await.unwrap_err();
        assert_eq!(matches!(error, EgressError::Forbidden(_)), is_forbidden, "{url}: {error:?}");
    }
    assert_eq!(proxy.heads.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn the_time_to_connect_is_the_operators() {
    // A listener whose queue is full answers no more; a handshake that nobody answers does as well.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = silent.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
            kept.push(stream);
        }
    });
    let route = Route { connect: Duration::from_millis(100), ..Route::default() };
    let mut slow = timeouts();
    slow.first_token = Duration::from_secs(30);
    let base_url = Url::parse(&format!("https://127.0.0.1:{port}/v1")).unwrap();
    let provider = Provider { timeouts: slow, route, ..Provider::new("slow", base_url) };
    let model = OpenAiChat::new(Arc::new(OpenAiConnection::open(&provider, TestClock::new()).unwrap()));
    let began = std::time::Instant::now();
    check(answer(&model, ask("hello")).await.error.as_ref().unwrap(), Kind::Unreachable);
    assert!(began.elapsed() < Duration::from_secs(10));
}
