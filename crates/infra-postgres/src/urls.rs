//! Where the database is, and which logins work there.

use std::{net::IpAddr, str::FromStr};

use migration::postgres::{APP, JOBS, OWNER};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::error::PostgresError;

/// What names a URL in messages: the settings, and the flag of the preparation.
const SERVING: &str = "BANYAN_DATABASE_URL";
const BACKGROUND: &str = "BANYAN_DATABASE__JOBS_URL";
const OWNER_URL: &str = "BANYAN_DATABASE__OWNER_URL";
const LISTEN: &str = "BANYAN_DATABASE__LISTEN_URL";
pub(crate) const ADMIN_URL: &str = "--admin-url";

/// A URL that was read, with what names it.
pub(crate) struct Target {
    pub(crate) options: PgConnectOptions,
    pub(crate) setting: &'static str,
}

/// The database's URLs, each with its login. What is not set is done by the login that serves.
#[derive(Clone, Default)]
pub struct PostgresUrls {
    /// Serves tenants.
    pub serving: String,
    /// Works across tenants, in the background.
    pub background: Option<String>,
    /// Owns the schema, and changes it. It leads to the server itself, around any pooler.
    pub owner: Option<String>,
    /// Leads to the server itself, for LISTEN, where the first two lead to a pooler that hands out a
    /// connection for a transaction (PgBouncer). Any login does.
    pub listen: Option<String>,
    /// Everything between here and the database's host is trusted: a connection need not be verified.
    pub trusted_network: bool,
}

impl From<&str> for PostgresUrls {
    /// One login for everything.
    fn from(url: &str) -> Self {
        Self { serving: url.to_owned(), ..Self::default() }
    }
}

impl PostgresUrls {
    /// Whether a connection may be another one with each transaction.
    pub(crate) const fn are_pooled(&self) -> bool {
        self.listen.is_some()
    }

    /// Whether each login has a role of its own.
    pub(crate) const fn are_split(&self) -> bool {
        self.background.is_some()
    }

    /// The login that serves.
    pub(crate) fn serving(&self) -> Result<Target, PostgresError> {
        self.maybe_pooled(&self.serving, SERVING)
    }

    /// The login that works across tenants.
    pub(crate) fn background(&self) -> Result<Target, PostgresError> {
        self.background.as_ref().map_or_else(|| self.serving(), |url| self.maybe_pooled(url, BACKGROUND))
    }

    /// The login that changes the schema.
    pub(crate) fn owner(&self) -> Result<Target, PostgresError> {
        match &self.owner {
            Some(url) => self.direct(url, OWNER_URL),
            None if self.are_split() || self.are_pooled() => Err(PostgresError::NoOwner),
            None => self.direct(&self.serving, SERVING),
        }
    }

    /// Where wake-ups are heard, if that is not where background work is done.
    pub(crate) fn listen(&self) -> Result<Option<Target>, PostgresError> {
        self.listen.as_ref().map(|url| self.direct(url, LISTEN)).transpose()
    }

    /// The administrator's login, for the preparation.
    pub(crate) fn admin(&self, url: &str) -> Result<Target, PostgresError> {
        self.direct(url, ADMIN_URL)
    }

    /// The logins by their URLs, each with the roles that it takes.
    pub(crate) fn logins(&self) -> Vec<(&str, Vec<&'static str>)> {
        let mut serving = vec![APP];
        let mut logins = Vec::new();
        for (url, role) in [(&self.background, JOBS), (&self.owner, OWNER)] {
            match url {
                Some(url) => logins.push((url.as_str(), vec![role])),
                None if role == OWNER && self.are_split() => {}
                None => serving.push(role),
            }
        }
        logins.insert(0, (&self.serving, serving));
        logins
    }

    /// How to connect with one of [`PostgresUrls::logins`].
    pub(crate) fn options_of(&self, url: &str) -> Result<Target, PostgresError> {
        if self.owner.as_deref() == Some(url) {
            self.direct(url, OWNER_URL)
        } else if self.background.as_deref() == Some(url) {
            self.background()
        } else {
            self.maybe_pooled(url, SERVING)
        }
    }

    fn maybe_pooled(&self, url: &str, setting: &'static str) -> Result<Target, PostgresError> {
        if !self.are_pooled() {
            return self.direct(url, setting);
        }
        // A pooler refuses a start with settings that it does not keep, and a statement that is kept on one
        // connection is not there on the next.
        let options = self.parse(url, setting)?.extra_float_digits(None).statement_cache_capacity(0);
        Ok(Target { options, setting })
    }

    /// A URL of the server itself.
    fn direct(&self, url: &str, setting: &'static str) -> Result<Target, PostgresError> {
        // The driver writes notices ("already exists, skipping") to the log as they come; warnings matter.
        let options = self.parse(url, setting)?.options([("client_min_messages", "warning")]);
        Ok(Target { options, setting })
    }

    fn parse(&self, url: &str, setting: &'static str) -> Result<PgConnectOptions, PostgresError> {
        let read = PgConnectOptions::from_str(url).map_err(|source| PostgresError::Url { setting, source })?;
        let options = read.application_name("banyan");
        if self.trusted_network || is_local(&options) || matches!(options.get_ssl_mode(), PgSslMode::VerifyFull) {
            Ok(options)
        } else {
            Err(PostgresError::Unverified { host: options.get_host().to_owned(), setting })
        }
    }
}

/// Whether a connection stays on this machine.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(urls: &PostgresUrls) -> bool {
        matches!(urls.serving(), Err(PostgresError::Unverified { .. }))
    }

    #[test]
    fn what_leaves_this_machine_is_verified_or_refused() {
        for local in ["127.0.0.1", "127.1.2.3:5433", "[::1]", "localhost", "%2Fvar%2Frun%2Fpostgresql"] {
            assert!(!refused(&PostgresUrls::from(format!("postgres://u:p@{local}/d").as_str())), "{local}");
        }
        assert!(!refused(&PostgresUrls::from("postgres:///d?host=/var/run/postgresql")));
        for host in ["db.example", "10.0.0.5", "[2001:db8::1]", "localhost.example", "0.0.0.0"] {
            for mode in ["", "?sslmode=disable", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca"] {
                let urls = PostgresUrls::from(format!("postgres://u:p@{host}/d{mode}").as_str());
                assert!(refused(&urls), "{host}{mode}");
                assert!(!refused(&PostgresUrls { trusted_network: true, ..urls }), "{host}{mode}");
            }
            assert!(!refused(&PostgresUrls::from(format!("postgres://u:p@{host}/d?sslmode=verify-full").as_str())));
        }
        assert!(refused(&PostgresUrls::from("postgres://u@localhost/d?hostaddr=192.0.2.1")));
        let of_another = |url: &str| Some(format!("postgres://u@{url}/d"));
        let urls = PostgresUrls { background: of_another("db.example"), ..PostgresUrls::from("postgres://u@[::1]/d") };
        assert!(
            matches!(urls.background(), Err(PostgresError::Unverified { host, setting: BACKGROUND }) if host == "db.example")
        );
        let urls = PostgresUrls { owner: of_another("db.example"), listen: of_another("db.example"), ..urls };
        assert!(urls.owner().is_err() && urls.listen().is_err());
    }

    #[test]
    fn each_login_has_the_roles_that_no_other_has() {
        let url = |name: &str| Some(name.to_owned());
        let one = PostgresUrls::from("s");
        assert_eq!(one.logins(), [("s", vec![APP, JOBS, OWNER])]);
        let two = PostgresUrls { owner: url("o"), ..one.clone() };
        assert_eq!(two.logins(), [("s", vec![APP, JOBS]), ("o", vec![OWNER])]);
        let serving = PostgresUrls { background: url("b"), ..one };
        assert_eq!(serving.logins(), [("s", vec![APP]), ("b", vec![JOBS])]);
        assert!(matches!(serving.owner(), Err(PostgresError::NoOwner)));
        let three = PostgresUrls { owner: url("o"), ..serving };
        assert_eq!(three.logins(), [("s", vec![APP]), ("b", vec![JOBS]), ("o", vec![OWNER])]);
    }
}
