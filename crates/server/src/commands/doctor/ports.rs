//! The ports: free, held by a Banyan that runs, or held by something else. And how people reach them.

use std::{net::Ipv4Addr, time::Duration};

use infra_providers::{
    AllowList, Egress,
    egress::{Limits, Method, Request, Response},
};
use url::Url;

use super::{Report, told};
use crate::{
    config::Config,
    error::{StartError, sentence},
    listeners::listen,
};

/// How long whoever holds a port may take to say who it is, and how much it may say.
const LIMITS: Limits = Limits {
    headers: Duration::from_secs(3),
    idle: Duration::from_secs(3),
    total: Duration::from_secs(5),
    max_bytes: 4 * 1024 * 1024,
};

pub(super) async fn look(report: &mut Report, config: &Config) {
    // The first shows in the figures of the second.
    for (key, address, path, sign) in [
        ("listen", &config.listen, "/api/v1/version", "\"name\":\"banyan\""),
        ("metrics_listen", &config.metrics_listen, "/metrics", "banyan_http_requests_total"),
    ] {
        let found = port(config.name_of(key), address, path, sign).await;
        report.tell(&format!("port of {}", config.name_of(key)), found);
    }
    report.tell(
        "public URL",
        Ok(match &config.public_url {
            Some(url) => url.clone(),
            None => format!("none; links begin with http://{}, see BANYAN_PUBLIC_URL", config.listen),
        }),
    );
}

async fn port(name: String, address: &str, path: &str, sign: &str) -> Result<String, String> {
    match listen(name, address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error @ StartError::Listen { .. }) => match says(address, path).await {
            Some(text) if text.contains(sign) => Ok(format!("{address} is held by a Banyan that runs")),
            _ => Err(sentence(&error)),
        },
        Err(error) => Err(told(error)),
    }
}

/// What whoever listens there answers.
async fn says(address: &str, path: &str) -> Option<String> {
    let mut url = Url::parse(&format!("http://{address}{path}")).ok()?;
    // All addresses of the machine are none to call.
    if matches!(url.host_str(), Some("0.0.0.0" | "[::]")) {
        url.set_ip_host(Ipv4Addr::LOCALHOST.into()).ok()?;
    }
    let egress = Egress::new(AllowList::new([&url])).ok()?;
    let response: Response = egress.send(Request::new(Method::GET, url), LIMITS).await.ok()?;
    let body = response.bytes().await.ok()?;
    Some(String::from_utf8_lossy(&body).into_owned())
}
