//! The server, started as its own process on a folder of its own, killed and started again at will.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{
    client::Client,
    database::Database,
    logs::{self, Logs},
    program,
};

/// How long the server may take to listen and to be ready.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to shut down by itself.
const STOP_LIMIT: Duration = Duration::from_secs(60);
/// How often the process is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Settings of a server that is yet to start.
pub struct Builder {
    variables: BTreeMap<String, String>,
    arguments: Vec<String>,
}

/// A server and its folder. Both are gone when dropped.
pub struct Server {
    folder: TempDir,
    settings: Builder,
    process: Option<Process>,
}

struct Process {
    child: Child,
    logs: Logs,
    address: String,
}

impl Builder {
    /// Sets a variable of the server's environment, which holds nothing of the tests' own.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Adds arguments after `serve`.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Uses a PostgreSQL database instead of SQLite in the server's folder.
    pub fn database(self, database: &Database) -> Self {
        database.variables().into_iter().fold(self, |builder, (name, url)| builder.variable(name, url))
    }

    /// Starts the server and waits until it is ready.
    pub async fn start(self) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let mut server = Server { folder, settings: self, process: None };
        server.restart().await?;
        Ok(server)
    }

    /// Starts a server that must refuse to: gives its exit status and what it said.
    pub async fn refusal(self) -> Result<(ExitStatus, String)> {
        let folder = tempfile::tempdir()?;
        let (mut child, logs) = self.spawn(folder.path())?;
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > START_LIMIT {
                child.kill()?;
                child.wait()?;
                bail!("the server did not refuse to start; it said:\n{}", logs.snapshot().join("\n"));
            }
            tokio::time::sleep(POLL).await;
        };
        // The threads that read the output may be a moment behind.
        tokio::time::sleep(POLL).await;
        Ok((status, logs.snapshot().join("\n")))
    }

    fn spawn(&self, folder: &Path) -> Result<(Child, Logs)> {
        let mut command = Command::new(program::path()?);
        command.arg("serve").args(&self.arguments).current_dir(folder).env_clear();
        command.env("BANYAN_DATA_DIR", folder.join("data"));
        command.env("BANYAN_LISTEN", "127.0.0.1:0").env("BANYAN_METRICS_LISTEN", "127.0.0.1:0");
        command.envs(&self.variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run banyan")?;
        let logs = Logs::default();
        logs.follow(child.stdout.take());
        logs.follow(child.stderr.take());
        Ok((child, logs))
    }
}

impl Server {
    /// Default settings: SQLite in a new folder, ports that the system picks.
    pub fn builder() -> Builder {
        Builder { variables: BTreeMap::new(), arguments: Vec::new() }
    }

    /// Starts the server, again if it ran before, on the same folder, and waits until it is ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let (child, logs) = self.settings.spawn(self.folder.path())?;
        let process = self.process.insert(Process { child, logs: logs.clone(), address: String::new() });
        let ended = || process.child.try_wait().is_ok_and(|status| status.is_some());
        let listening = |line: &str| logs::address(line, "listening");
        process.address = logs.wait_for("where it listens", START_LIMIT, ended, listening).await?;
        let client = self.client()?;
        let started = Instant::now();
        loop {
            if client.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            ensure!(started.elapsed() < START_LIMIT, "the server is not ready:\n{}", self.logs().join("\n"));
            tokio::time::sleep(POLL).await;
        }
    }

    /// The server's own folder; its data lies in `data` there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Changes a variable for the next [`Server::restart`].
    pub fn set_variable(&mut self, name: &str, value: impl Into<String>) {
        self.settings.variables.insert(name.to_owned(), value.into());
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> Result<String> {
        Ok(format!("http://{}", self.process()?.address))
    }

    /// The base URL of the listener for metrics.
    pub async fn metrics_url(&self) -> Result<String> {
        let find = |line: &str| logs::address(line, "metrics listening");
        let address = self.process()?.logs.wait_for("where metrics are", START_LIMIT, || false, find).await?;
        Ok(format!("http://{address}"))
    }

    /// A client without credentials.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.url()?)
    }

    /// The id of the process.
    pub fn process_id(&self) -> Result<u32> {
        Ok(self.process()?.child.id())
    }

    /// All lines that the running server wrote so far.
    pub fn logs(&self) -> Vec<String> {
        self.process.as_ref().map(|process| process.logs.snapshot()).unwrap_or_default()
    }

    /// Waits for a line that holds this text.
    pub async fn wait_for_log(&self, text: &str, limit: Duration) -> Result<String> {
        let find = |line: &str| line.contains(text).then(|| line.to_owned());
        self.process()?.logs.wait_for(text, limit, || false, find).await
    }

    /// The one-time token of the setup URL that an empty installation prints.
    pub async fn setup_token(&self) -> Result<String> {
        self.process()?.logs.wait_for("the setup URL", START_LIMIT, || false, logs::setup_token).await
    }

    /// Ends the server with SIGKILL, as a crash does. Nothing happens if it does not run.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.child.kill()?;
            process.child.wait()?;
        }
        Ok(())
    }

    /// Asks the server with SIGTERM to shut down, and waits for it. Gives how it ended and what it
    /// had written.
    pub async fn terminate(&mut self) -> Result<(ExitStatus, Vec<String>)> {
        let id = self.process_id()?.to_string();
        let sent = tokio::process::Command::new("kill").args(["-TERM", &id]).status().await?;
        ensure!(sent.success(), "cannot send SIGTERM to the server");
        let mut process = self.process.take().context("the server does not run")?;
        let started = Instant::now();
        loop {
            if let Some(status) = process.child.try_wait()? {
                tokio::time::sleep(POLL).await;
                return Ok((status, process.logs.snapshot()));
            }
            if started.elapsed() > STOP_LIMIT {
                process.child.kill()?;
                process.child.wait()?;
                bail!("the server did not shut down; it said:\n{}", process.logs.snapshot().join("\n"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("the server does not run")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.logs().join("\n"));
        }
        if let Err(error) = self.kill() {
            eprintln!("cannot end the server: {error:#}");
        }
    }
}
