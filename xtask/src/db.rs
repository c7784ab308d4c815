//! `cargo xtask db`: a development database that lasts, with the roles that the server wants.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    postgres::{Cluster, Durability, Installation, free_port, random_hex, write_secret},
    process::{self, cargo},
    test::succeed,
};

/// The database and the login of the server.
const NAME: &str = "banyan";
/// How long starting or stopping may take.
const LIMIT: Duration = Duration::from_secs(120);

struct Development {
    cluster: Cluster,
    port: u16,
    login_password: String,
    log: PathBuf,
}

/// Runs one of the commands `up`, `down`, `url` and `psql`.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    let database = Development::open()?;
    match arguments.split_first() {
        Some((&"up", [])) => database.up(),
        Some((&"down", [])) => database.down(),
        Some((&"url", [])) => {
            println!("{}", database.login_url());
            Ok(ExitCode::SUCCESS)
        }
        Some((&"url", ["--admin"])) => {
            println!("{}", database.cluster.superuser_url(database.port, NAME));
            Ok(ExitCode::SUCCESS)
        }
        Some((&"psql", rest)) => {
            let status = database.cluster.psql(database.port, NAME).args(rest).status()?;
            Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        _ => bail!("usage: cargo xtask db up|down|url [--admin]|psql [arguments of psql]"),
    }
}

impl Development {
    /// The cluster, its port and the login's password, all made once and kept.
    fn open() -> Result<Self> {
        let installation = Installation::ready()?;
        let folder = installation.base().join("development");
        let cluster = Cluster::open(&installation, &folder, Durability::Durable)?;
        let port = kept(&folder.join("port"), || Ok(free_port()?.to_string()))?;
        let port = port.parse().with_context(|| format!("{} holds no port", folder.join("port").display()))?;
        let login_password = kept(&folder.join("login-password"), random_hex)?;
        let log = cluster.data.join("server.log");
        Ok(Self { cluster, port, login_password, log })
    }

    fn login_url(&self) -> String {
        format!("postgres://{NAME}:{}@127.0.0.1:{}/{NAME}", self.login_password, self.port)
    }

    fn up(&self) -> Result<ExitCode> {
        if !self.runs() {
            let mut start = self.pg_ctl();
            start.arg("-l").arg(&self.log).args(["-w", "-o", &format!("-p {}", self.port), "start"]);
            process::run(&mut start, LIMIT)
                .with_context(|| format!("PostgreSQL did not start; {} says why", self.log.display()))?;
        }
        let exists = format!("SELECT 1 FROM pg_database WHERE datname = '{NAME}'");
        let found = process::run(self.cluster.psql(self.port, "postgres").args(["-At", "-c", &exists]), LIMIT)?;
        if found.trim().is_empty() {
            let create = format!("CREATE DATABASE {NAME}");
            process::run(self.cluster.psql(self.port, "postgres").args(["-c", &create]), LIMIT)?;
        }
        let admin_url = self.cluster.superuser_url(self.port, NAME);
        succeed(&mut self.banyan(&["migrate", "prepare", "--admin-url", &admin_url]))?;
        succeed(&mut self.banyan(&["migrate", "up"]))?;
        println!("the development database is up; to use it:\nexport BANYAN_DATABASE_URL={}", self.login_url());
        Ok(ExitCode::SUCCESS)
    }

    fn down(&self) -> Result<ExitCode> {
        if self.runs() {
            process::run(self.pg_ctl().args(["-m", "fast", "-w", "stop"]), LIMIT)?;
        }
        println!("the development database is down");
        Ok(ExitCode::SUCCESS)
    }

    fn runs(&self) -> bool {
        process::run(self.pg_ctl().arg("status"), LIMIT).is_ok()
    }

    fn pg_ctl(&self) -> Command {
        let mut command = self.cluster.command("pg_ctl");
        command.arg("-D").arg(&self.cluster.data);
        command
    }

    fn banyan(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(["run", "--quiet", "--package", "server", "--"]);
        command.args(arguments).env("BANYAN_DATABASE_URL", self.login_url());
        command
    }
}

/// What a file holds, written on first use, readable by this user alone.
fn kept(path: &Path, make: impl FnOnce() -> Result<String>) -> Result<String> {
    if !path.exists() {
        write_secret(path, &make()?)?;
    }
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
