//! A PostgreSQL database for one test, with its own login, migrated by the `banyan` program.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::{fixtures, program};

/// A pooler before the test server, as a URL without a user; unset: there is none.
const POOLER_VARIABLE: &str = "BANYAN_TEST_POOLER_URL";

/// A database that is removed, with its logins, when dropped.
pub struct Database {
    name: String,
    superuser: Url,
    login: Url,
    /// Behind a pooler: the settings of a login for each role.
    split: Option<[(&'static str, String); 4]>,
}

impl Database {
    /// Makes an empty database and a login, prepares the roles and migrates, by the same commands
    /// that an operator runs.
    pub async fn create() -> Result<Self> {
        let database = Self::create_empty().await?;
        database.banyan(&["migrate", "prepare", "--admin-url", database.superuser_url()]).await?;
        database.banyan(&["migrate", "up"]).await?;
        Ok(database)
    }

    /// Makes an empty database, to which nothing has been done; its login does not exist yet.
    pub async fn create_empty() -> Result<Self> {
        let name = format!("e2e_{:016x}", rand::random::<u64>());
        let server = Url::parse(&fixtures::postgres_url()?).context("BANYAN_TEST_POSTGRES_URL is not a URL")?;
        run(&server, &format!("CREATE DATABASE {name}")).await?;
        let mut superuser = server.clone();
        superuser.set_path(&name);
        let mut login = superuser.clone();
        let password = format!("{:032x}", rand::random::<u128>());
        let named = login.set_username(&name).and_then(|()| login.set_password(Some(&password)));
        named.ok().context("BANYAN_TEST_POSTGRES_URL takes no user name")?;
        let split = std::env::var(POOLER_VARIABLE).ok().map(|pooler| split(&pooler, &login)).transpose()?;
        Ok(Self { name, superuser, login, split })
    }

    /// The settings of a server on it.
    pub fn variables(&self) -> Vec<(&'static str, &str)> {
        match &self.split {
            Some(split) => split.iter().map(|(name, url)| (*name, url.as_str())).collect(),
            None => vec![("BANYAN_DATABASE_URL", self.url())],
        }
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL of a login that does everything.
    pub fn url(&self) -> &str {
        self.login.as_str()
    }

    /// The superuser's URL of this database, which sees every row.
    pub fn superuser_url(&self) -> &str {
        self.superuser.as_str()
    }

    /// A connection as superuser, to look at what the server left.
    pub async fn superuser(&self) -> Result<PgConnection> {
        PgConnection::connect(self.superuser.as_str()).await.context("cannot connect to PostgreSQL as superuser")
    }

    async fn banyan(&self, arguments: &[&str]) -> Result<()> {
        program::run(arguments, &self.variables()).await.map(drop)
    }
}

/// Three logins named after one: who serves and works in the background behind the pooler, the owner and whoever
/// listens around it.
fn split(pooler: &str, login: &Url) -> Result<[(&'static str, String); 4]> {
    let url = |base: &Url, suffix: &str| {
        let mut url = base.clone();
        url.set_path(login.path());
        let named = url.set_username(&format!("{}{suffix}", login.username()));
        named.and_then(|()| url.set_password(login.password())).ok().context("a URL takes no user name")?;
        anyhow::Ok(String::from(url))
    };
    let pooler = Url::parse(pooler).context("BANYAN_TEST_POOLER_URL is not a URL")?;
    Ok([
        ("BANYAN_DATABASE_URL", url(&pooler, "")?),
        ("BANYAN_DATABASE__JOBS_URL", url(&pooler, "_jobs")?),
        ("BANYAN_DATABASE__OWNER_URL", url(login, "_owner")?),
        ("BANYAN_DATABASE__LISTEN_URL", url(login, "_jobs")?),
    ])
}

impl Drop for Database {
    fn drop(&mut self) {
        let mut server = self.superuser.clone();
        server.set_path("postgres");
        let name = std::mem::take(&mut self.name);
        // Dropping happens inside the test's runtime, which cannot be waited for: use another.
        let removal = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                run(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await?;
                run(&server, &format!("DROP ROLE IF EXISTS {name}, {name}_jobs, {name}_owner")).await
            })
        });
        match removal.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("cannot remove a test's database: {error:#}"),
            Err(_) => eprintln!("cannot remove a test's database: the removal panicked"),
        }
    }
}

/// Runs a statement as superuser. Names in it are made here, of letters and hexadecimal digits.
async fn run(server: &Url, statement: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server.as_str()).await.context("cannot connect to PostgreSQL")?;
    connection.execute(AssertSqlSafe(statement)).await.with_context(|| format!("{statement} failed"))?;
    connection.close().await?;
    Ok(())
}
