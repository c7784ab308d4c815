//! A PostgreSQL in the foreground: it lives as long as this value, and no longer than this program.

use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{Cluster, Durability, GIVEN_URL, Installation, cluster::free_port};
use crate::{paths, process};

/// How long PostgreSQL may take to accept connections.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to shut down before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked whether it is ready, or gone.
const POLL: Duration = Duration::from_millis(100);
/// How often starting is tried, as another program may take the free port first.
const TRIES: u32 = 3;

/// A PostgreSQL for one run: our own, or the one that the environment names.
pub(crate) enum Server {
    /// Named by [`GIVEN_URL`].
    Given(String),
    /// Started here; stopped, then removed, on drop.
    Own {
        /// The process.
        running: Running,
        /// Its cluster.
        _folder: Folder,
    },
}

/// A running PostgreSQL of our own.
pub(crate) struct Running {
    postgres: Child,
    url: String,
}

/// A folder that is removed on drop.
pub(crate) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Makes it.
    pub(super) fn new(path: PathBuf) -> Result<Self> {
        paths::make(&path)?;
        Ok(Self(path))
    }
}

impl Server {
    /// The given PostgreSQL, or a new cluster on a free port.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        if let Ok(url) = std::env::var(GIVEN_URL) {
            println!("using the PostgreSQL of {GIVEN_URL}");
            return Ok(Self::Given(url));
        }
        let installation = Installation::ready()?;
        remove_left_behind(installation.base())?;
        let folder = Folder(installation.base().join(format!("run-{}", std::process::id())));
        let cluster = Cluster::open(&installation, &folder.0, durability)?;
        let mut tries = 1;
        loop {
            match Running::start(&cluster, &folder.0) {
                Ok(running) => return Ok(Self::Own { running, _folder: folder }),
                Err(error) if tries < TRIES => eprintln!("{error:#}\ntrying another port"),
                Err(error) => return Err(error),
            }
            tries += 1;
        }
    }

    /// The superuser's URL.
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Given(url) => url,
            Self::Own { running, .. } => &running.url,
        }
    }
}

impl Running {
    fn start(cluster: &Cluster, folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let log_path = folder.join("log");
        let log = std::fs::File::create(&log_path)?;
        let installation = &cluster.installation;
        let mut command = installation.user.bound_command(&installation.program("postgres"));
        command.arg("-D").arg(&cluster.data).arg("-p").arg(port.to_string());
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let postgres = command.spawn().context("cannot run setpriv, of util-linux; is it installed?")?;
        let url = cluster.superuser_url(port, "postgres");
        let mut running = Self { postgres, url };
        let started = Instant::now();
        let mut ready = cluster.command("pg_isready");
        ready.args(["-q", "-h", "127.0.0.1", "-p"]).arg(port.to_string());
        while !ready.status()?.success() {
            if running.postgres.try_wait()?.is_some() || started.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(&log_path).unwrap_or_default();
                bail!("PostgreSQL did not start; it said:\n{log}");
            }
            std::thread::sleep(POLL);
        }
        println!("PostgreSQL runs on port {port}, in {}", folder.display());
        Ok(running)
    }

    /// Shuts PostgreSQL down, connections or not ("fast" is what SIGINT means to it).
    fn stop(&mut self) -> Result<()> {
        if self.postgres.try_wait()?.is_none() {
            process::run(&mut process::command("kill", ["-INT", &self.postgres.id().to_string()]), STOP_LIMIT)?;
        }
        let started = Instant::now();
        while self.postgres.try_wait()?.is_none() {
            if started.elapsed() > STOP_LIMIT {
                self.postgres.kill()?;
                self.postgres.wait()?;
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop PostgreSQL: {error:#}");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = paths::remove(&self.0) {
            eprintln!("{error:#}");
        }
    }
}

/// Removes the clusters of runs that were killed: their process is no more.
fn remove_left_behind(base: &Path) -> Result<()> {
    for entry in std::fs::read_dir(base)? {
        let entry = entry?;
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("run-"));
        let process = process.and_then(|name| name.trim_end_matches("-pooler").parse::<u32>().ok());
        if process.is_some_and(|id| !Path::new("/proc").join(id.to_string()).exists()) {
            paths::remove(&entry.path())?;
        }
    }
    Ok(())
}
