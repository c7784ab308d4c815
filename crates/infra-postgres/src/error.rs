//! Why a database cannot be served, each as one sentence that says what to do.

use crate::urls::{ADMIN_URL, Target};

/// Why the program refuses to work with a database.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL cannot be read.
    #[error("{setting} cannot be read as a URL; it must look like postgres://user:password@host:5432/database")]
    Url {
        /// What names the URL.
        setting: &'static str,
        /// What is wrong with it.
        #[source]
        source: sqlx::Error,
    },
    /// Nobody answers there.
    #[error("no PostgreSQL answers at {address}; check that it runs and that host and port of {setting} are right")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What names the URL.
        setting: &'static str,
        /// What the network said.
        #[source]
        source: sqlx::Error,
    },
    /// It is elsewhere, and the URL does not say that TLS is to be verified.
    #[error(
        "the connection to the database at '{host}' would not be verified; add sslmode=verify-full to {setting}, and \
         sslrootcert=<file> where an authority of your own has signed its certificate. Where nobody else is on the \
         network in between, set BANYAN_DATABASE__TRUSTED_NETWORK=true"
    )]
    Unverified {
        /// The host of the URL.
        host: String,
        /// What names the URL.
        setting: &'static str,
    },
    /// It offers no TLS, or not that of the host that the URL names.
    #[error(
        "PostgreSQL at {address} cannot be verified by TLS; check that it has TLS, and that sslrootcert in {setting} \
         names the authority that signed its certificate for this host"
    )]
    Tls {
        /// Host and port.
        address: String,
        /// What names the URL.
        setting: &'static str,
        /// What the handshake said.
        #[source]
        source: sqlx::Error,
    },
    /// Only the schema's owner can do this, and its login is not known.
    #[error(
        "the schema is changed by its owner's login; set BANYAN_DATABASE__OWNER_URL, which leads to the server itself"
    )]
    NoOwner,
    /// Name or password are wrong.
    #[error("PostgreSQL refuses the login '{login}'; check name and password in {setting}{}", preparing(.setting, "login"))]
    Login {
        /// The user of the URL.
        login: String,
        /// What names the URL.
        setting: &'static str,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// There is no such database.
    #[error("there is no database '{database}'; check {setting}{}", preparing(.setting, "database"))]
    NoDatabase {
        /// The database of the URL.
        database: String,
        /// What names the URL.
        setting: &'static str,
        /// What the server said.
        #[source]
        source: sqlx::Error,
    },
    /// The administrator's login is none.
    #[error("the login of --admin-url may not do this; name the URL of a superuser there")]
    NoSuperuser(#[source] Box<PostgresError>),
    /// The server is older than what the roles need.
    #[error("PostgreSQL is version {0}; 16 or newer is needed")]
    ServerVersion(String),
    /// The extension is missing or old.
    #[error(
        "pgvector {found} in this database; 0.8 or newer is needed: install it on the server and run `banyan migrate prepare`"
    )]
    Pgvector {
        /// `is missing`, or `is version …`.
        found: String,
    },
    /// The login or its roles are not as they must be.
    #[error("the login '{login}' {problem}; make one that fits with `banyan migrate prepare`")]
    Roles {
        /// The user of the URL.
        login: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Migrations have not been run.
    #[error("the database's schema is {pending} migrations behind; run `banyan migrate up`")]
    NotMigrated {
        /// How many.
        pending: usize,
    },
    /// There is no schema, or an older version has made it, which did not let the login see how far.
    #[error("the database has no schema, or one of an older version; run `banyan migrate up` with the owner's login")]
    Older,
    /// The database was not prepared, or a migration failed.
    #[error(transparent)]
    Migration(#[from] migration::MigrateError),
    /// Anything else.
    #[error("PostgreSQL reported an error while it was being set up")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for PostgresError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// How to make what is missing, unless it is what the administrator's own URL names.
fn preparing(setting: &str, what: &str) -> String {
    if setting == ADMIN_URL { String::new() } else { format!(", or make the {what} with `banyan migrate prepare`") }
}

impl PostgresError {
    /// What a failed attempt to connect means.
    pub(crate) fn connecting(target: &Target, source: sqlx::Error) -> Self {
        let Target { options, setting } = target;
        let (setting, login) = (*setting, options.get_username().to_owned());
        let address = format!("{}:{}", options.get_host(), options.get_port());
        let code = source.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        match code.as_deref() {
            // invalid_password, invalid_authorization_specification
            Some("28P01" | "28000") => Self::Login { login, setting, source },
            // invalid_catalog_name
            Some("3D000") => {
                let database = options.get_database().unwrap_or(&login).to_owned();
                Self::NoDatabase { database, setting, source }
            }
            Some(_) => Self::Database(source),
            None if is_tls(&source) => Self::Tls { address, setting, source },
            None => Self::Unreachable { address, setting, source },
        }
    }

    /// What a failed preparation means.
    pub(crate) fn preparing(self) -> Self {
        let lacks_rights = match &self {
            Self::Migration(error) => error.lacks_rights(),
            Self::Database(error) => {
                error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == "42501")
            }
            _ => false,
        };
        if lacks_rights { Self::NoSuperuser(Box::new(self)) } else { self }
    }
}

/// Whether a connection failed for the certificate, or for the lack of TLS.
fn is_tls(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}
