//! A PostgreSQL database for one test, with its own login, migrated by the `banyan` program.

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use url::Url;

use crate::{fixtures, program};

/// A database that is removed, with its login, when dropped.
pub struct Database {
    name: String,
    superuser: Url,
    login: Url,
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
        Ok(Self { name, superuser, login })
    }

    /// Its name on the server.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URL for `BANYAN_DATABASE_URL`.
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
        program::run(arguments, &[("BANYAN_DATABASE_URL", self.url())]).await.map(drop)
    }
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
                run(&server, &format!("DROP ROLE IF EXISTS {name}")).await
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
