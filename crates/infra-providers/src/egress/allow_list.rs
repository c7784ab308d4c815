//! Hosts that the operator's own settings name.

use std::collections::BTreeSet;

use url::Url;

/// Hosts and ports that may be called wherever they are. Only the operator's own settings and
/// environment may fill it: never a request, never the database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList {
    hosts: BTreeSet<(String, u16)>,
}

impl AllowList {
    /// Lists the host and port of each address; one without a host lists nothing.
    pub fn new<'a>(urls: impl IntoIterator<Item = &'a Url>) -> Self {
        Self { hosts: urls.into_iter().filter_map(host_and_port).collect() }
    }

    /// Whether exactly this host and port are listed.
    #[must_use]
    pub fn lists(&self, url: &Url) -> bool {
        host_and_port(url).is_some_and(|wanted| self.hosts.contains(&wanted))
    }
}

fn host_and_port(url: &Url) -> Option<(String, u16)> {
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}
