//! A cluster: the data folder, its settings and its superuser.

use std::{
    fmt::Write,
    fs::{OpenOptions, Permissions},
    io::{Read, Write as _},
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::Installation;
use crate::{paths, process};

/// How long making a cluster may take.
const INITDB_LIMIT: Duration = Duration::from_secs(120);
/// Bytes of a generated password.
const PASSWORD_BYTES: usize = 24;

/// Settings of every cluster. The schema has some hundred partitions, and each connection of a
/// test may lock all of them.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
max_locks_per_transaction = 512
shared_buffers = 512MB
maintenance_work_mem = 512MB
max_wal_size = 4GB
jit = off
";

/// Settings of a cluster that is thrown away.
const FORGETFUL: &str = "
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
";

/// Whether what is committed survives a crash of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It does: for development, benchmarks and fault tests.
    Durable,
    /// It does not, and tests are quicker.
    Forgetful,
}

/// A data folder with its superuser.
pub(crate) struct Cluster {
    /// What runs it.
    pub(crate) installation: Installation,
    /// PostgreSQL's data folder, which belongs to the unprivileged user.
    pub(crate) data: PathBuf,
    password: String,
}

impl Cluster {
    /// The cluster in this folder, made when there is none. The superuser's password lies in
    /// `password` beside the data, readable by this user alone.
    pub(crate) fn open(installation: &Installation, folder: &Path, durability: Durability) -> Result<Self> {
        let data = folder.join("data");
        let password_file = folder.join("password");
        if !data.join("PG_VERSION").exists() {
            paths::remove(folder)?;
            paths::make(folder)?;
            std::fs::set_permissions(folder, Permissions::from_mode(0o755))?;
            let password = random_hex()?;
            write_secret(&password_file, &password)?;
            initialise(installation, &data, &password_file, durability)?;
        }
        let password = std::fs::read_to_string(&password_file)
            .with_context(|| format!("cannot read {}", password_file.display()))?;
        Ok(Self { installation: installation.clone(), data, password })
    }

    /// One of PostgreSQL's programs, as the unprivileged user.
    pub(crate) fn command(&self, program: &str) -> Command {
        self.installation.user.command(&self.installation.program(program))
    }

    /// The superuser's URL of a database.
    pub(crate) fn superuser_url(&self, port: u16, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{port}/{database}", self.password)
    }

    /// psql on a database as superuser, as this program's own user.
    pub(crate) fn psql(&self, port: u16, database: &str) -> Command {
        let mut psql = Command::new(self.installation.program("psql"));
        psql.args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p"]).arg(port.to_string());
        psql.env("PGPASSWORD", &self.password);
        psql
    }
}

fn initialise(installation: &Installation, data: &Path, password: &Path, durability: Durability) -> Result<()> {
    installation.user.own_folder(data)?;
    // initdb runs as the unprivileged user, who may not read the file: it gets a copy of its own.
    let copy = data.with_file_name("initdb");
    installation.user.own_folder(&copy)?;
    let copied = copy.join("password");
    std::fs::copy(password, &copied)?;
    installation.user.own_file(&copied)?;
    let mut initdb = installation.user.command(&installation.program("initdb"));
    initdb.args(["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-instructions"]);
    initdb.args(["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]);
    initdb.arg("-D").arg(data).arg("--pwfile").arg(&copied);
    if durability == Durability::Forgetful {
        initdb.arg("--no-sync");
    }
    process::run(&mut initdb, INITDB_LIMIT)?;
    paths::remove(&copy)?;
    let mut settings = OpenOptions::new().append(true).open(data.join("postgresql.conf"))?;
    settings.write_all(SETTINGS.as_bytes())?;
    if durability == Durability::Forgetful {
        settings.write_all(FORGETFUL.as_bytes())?;
    }
    Ok(())
}

/// A file that only this user may read.
pub(crate) fn write_secret(path: &Path, secret: &str) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret.as_bytes())?;
    Ok(())
}

/// Random bytes of the system in hexadecimal, for passwords.
pub(crate) fn random_hex() -> Result<String> {
    let mut bytes = [0_u8; PASSWORD_BYTES];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let mut text = String::with_capacity(2 * PASSWORD_BYTES);
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// A port that nothing listens on now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
