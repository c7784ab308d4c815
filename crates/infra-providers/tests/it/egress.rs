//! S91 to S96: what the guarded client connects to, and what it takes.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use hyper::Method;
use infra_providers::{
    AllowList, Egress,
    egress::{EgressError, Limits, Lookup, Request, Route, is_public},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::Url;

const LIMITS: Limits = Limits {
    headers: Duration::from_secs(2),
    idle: Duration::from_millis(300),
    total: Duration::from_secs(2),
    max_bytes: 1000,
};

/// A name server of an attacker: gives the answers in turn.
struct Turns {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Turns {
    async fn lookup(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[turn % self.answers.len()].clone())
    }
}

fn egress(answers: &[&[&str]]) -> (Egress, Arc<Turns>) {
    let answers = answers.iter().map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
    let turns = Arc::new(Turns { answers, asked: AtomicUsize::new(0) });
    let route = Route { connect: Duration::from_millis(200), ..Route::default() };
    let egress = Egress::with(AllowList::default(), route, Arc::clone(&turns) as _).unwrap();
    (egress, turns)
}

async fn get(egress: &Egress, url: &str) -> Result<Vec<u8>, EgressError> {
    let request = Request::new(Method::GET, Url::parse(url).unwrap());
    Ok(egress.send(request, LIMITS).await?.bytes().await?.to_vec())
}

/// A server that sends the same bytes to everyone, then waits or closes.
async fn raw_server(answer: impl Into<Vec<u8>>, closes: bool) -> Url {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let answer = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                if !closes {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
            });
        }
    });
    url
}

async fn fetch(url: &Url) -> Result<Vec<u8>, EgressError> {
    get(&Egress::new(AllowList::new([url])).unwrap(), url.as_str()).await
}

#[tokio::test]
async fn s91_literal_addresses_in_odd_forms() {
    let (egress, turns) = egress(&[&["127.0.0.1"]]);
    for url in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://127.0.0.1:80/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://10.255.255.255/",
        "http://100.64.0.1/",
        "http://100.100.100.200/",
        "http://100.127.255.255/",
        "http://168.63.129.16/",
        "http://169.254.169.254/latest/meta-data",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://172.16.0.1/",
        "http://172.31.255.255/",
        "http://192.0.0.192/",
        "http://192.0.2.1/",
        "http://192.88.99.1/",
        "http://192.168.1.1/",
        "http://198.18.0.1/",
        "http://198.19.255.255/",
        "http://198.51.100.1/",
        "http://203.0.113.1/",
        "http://224.0.0.1/",
        "http://240.0.0.1/",
        "http://255.255.255.255/",
        "http://[::]/",
        "http://[::1]/",
        "http://[0:0:0:0:0:0:0:1]/",
        "http://[::127.0.0.1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[100::1]/",
        "http://[2001::1]/",
        "http://[2001:20::1]/",
        "http://[2001:db8::1]/",
        "http://[2002:7f00:1::]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://[3fff::1]/",
        "http://[5f00::1]/",
        "http://[fc00::1]/",
        "http://[fd00:ec2::254]/",
        "http://[fe80::1]/",
        "http://[fec0::1]/",
        "http://[ff02::1]/",
        "https://127.0.0.1/",
        "http:\\\\127.0.0.1\\",
        "http://ok\\@127.0.0.1/",
        "ht\ttp://127.\n0.0.1/",
        "http://localhost/",
        "http://localhost./",
        "http://LOCALHOST/",
        "http://metadata.google.internal/",
    ] {
        let Ok(parsed) = Url::parse(url) else { continue };
        let error = egress.send(Request::new(Method::GET, parsed), LIMITS).await.unwrap_err();
        // `ok\@…` is a name with a path: it is resolved, like the names at the end.
        assert!(matches!(error, EgressError::Forbidden(_)), "{url}: {error:?}");
    }
    assert_eq!(turns.asked.load(Ordering::SeqCst), 5, "only names are resolved");
    // A zone has no place in a URL.
    assert!(Url::parse("http://[fe80::1%251]/").is_err() && Url::parse("http://[fe80::1%1]/").is_err());
}

#[test]
fn s91_ordinary_addresses_are_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "168.63.129.17",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "3ffe::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[tokio::test]
async fn s93_names_are_judged_by_the_address_that_is_connected_to() {
    for answer in ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "169.254.169.254", "0.0.0.0"] {
        let (egress, _) = egress(&[&[answer]]);
        let error = get(&egress, "http://attacker.example/").await.unwrap_err();
        assert!(matches!(error, EgressError::Forbidden(_)), "{answer}: {error:?}");
    }
    // Public first, private at the second look: there is one look for each connection, and no
    // private address gets through any. 192.0.2.0/24 would be refused, so a public one that
    // does not answer stands for the outside.
    let (egress, turns) = egress(&[&["240.0.0.1", "127.0.0.1"], &["127.0.0.1"]]);
    for looks in 1..=2 {
        let error = get(&egress, "http://rebinding.example/").await.unwrap_err();
        assert!(matches!(error, EgressError::Forbidden(_)), "{error:?}");
        assert_eq!(turns.asked.load(Ordering::SeqCst), looks);
    }
}

#[tokio::test]
async fn s93_a_listed_host_is_reached_wherever_it_is_but_only_at_its_port() {
    let url = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", true).await;
    assert_eq!(fetch(&url).await.unwrap(), b"hi");
    let other = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno", true).await;
    let egress = Egress::new(AllowList::new([&url])).unwrap();
    assert!(matches!(get(&egress, other.as_str()).await, Err(EgressError::Forbidden(_))));
}

#[tokio::test]
async fn s94_s95_schemes_ports_and_credentials() {
    let (egress, turns) = egress(&[&["1.1.1.1"]]);
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:text/plain,x",
        "unix:/run/x.sock",
        "http://example.com:22/",
        "http://example.com:5432/",
        "https://example.com:6379/",
        "http://example.com:8080/",
        "http://a@example.com/",
        "http://a:b@example.com/",
        "http://a@127.0.0.1/",
    ] {
        assert!(matches!(get(&egress, url).await, Err(EgressError::Forbidden(_))), "{url}");
    }
    assert_eq!(turns.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn s92_redirects_are_not_followed() {
    let target = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret", true).await;
    let url = raw_server(format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n"), true).await;
    let egress = Egress::new(AllowList::new([&url, &target])).unwrap();
    let response = egress.send(Request::new(Method::GET, url), LIMITS).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn s96_answers_are_bounded_in_size_and_time() {
    let long = raw_server([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 2000]].concat(), true).await;
    assert!(matches!(fetch(&long).await, Err(EgressError::TooLarge { max_bytes: 1000 })));
    let exact = raw_server([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1000]].concat(), true).await;
    assert_eq!(fetch(&exact).await.unwrap().len(), 1000);
    let slow = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", false).await;
    assert!(matches!(fetch(&slow).await, Err(EgressError::Timeout)));
    let silent = raw_server("", false).await;
    assert!(matches!(fetch(&silent).await, Err(EgressError::Timeout)));
    let cut = raw_server("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", true).await;
    assert!(matches!(fetch(&cut).await, Err(EgressError::Broken(_))));
    let headers = raw_server(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(10_000)), true).await;
    assert!(matches!(fetch(&headers).await, Err(EgressError::Protocol(_))));
    let other = raw_server("SSH-2.0-OpenSSH_9.2\r\n", true).await;
    assert!(matches!(fetch(&other).await, Err(EgressError::Protocol(_))));
}

#[tokio::test]
async fn s96_a_compressed_answer_stays_compressed() {
    let bomb =
        [b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n".as_slice(), b"\x1f\x8b\x08\x00"];
    assert_eq!(fetch(&raw_server(bomb.concat(), true).await).await.unwrap(), b"\x1f\x8b\x08\x00");
}

#[tokio::test]
async fn s83_a_peer_without_tls_is_not_spoken_to() {
    let mut url = raw_server("HTTP/1.1 200 OK\r\n\r\n", true).await;
    url.set_scheme("https").unwrap();
    assert!(matches!(fetch(&url).await, Err(EgressError::Unreachable(_))));
}
