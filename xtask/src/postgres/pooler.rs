//! PgBouncer before a PostgreSQL, as operators run it: it hands out a connection for a transaction, and ends TLS
//! that clients verify. Debian's package, unpacked; certificates of an authority that lives as long as this value.

use std::{
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{Installation, free_port, server::Folder, write_secret};
use crate::{fixtures::debian, paths, process};

/// PgBouncer and the libraries that a small system may lack, by the names that releases of Debian give them.
const PACKAGES: &[&[&str]] = &[&["pgbouncer"], &["libevent-2.1-7", "libevent-2.1-7t64"], &["libc-ares2"]];
/// How long it may take to listen, and a certificate to be made.
const LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked whether it listens.
const POLL: Duration = Duration::from_millis(50);

/// A running PgBouncer; it ends with this value, and no later than this program.
pub(crate) struct Pooler {
    process: Child,
    url: String,
    _folder: Folder,
}

/// What a superuser's URL says.
struct Server<'a> {
    user: &'a str,
    password: &'a str,
    host: &'a str,
    port: &'a str,
}

impl Pooler {
    /// Starts one before the server with this superuser's URL.
    pub(crate) fn start(superuser_url: &str) -> Result<Self> {
        let server = Server::parse(superuser_url).context("the superuser's URL is not understood")?;
        let installation = Installation::ready()?;
        let programs = unpacked(installation.base())?;
        let folder = Folder::new(installation.base().join(format!("run-{}-pooler", std::process::id())))?;
        installation.user.own_folder(&folder.0)?;
        certificates(&folder.0)?;
        let port = free_port()?;
        let file = |name: &str| folder.0.join(name);
        write_secret(&file("users"), &format!("\"{}\" \"{}\"\n", server.user, server.password))?;
        write_secret(&file("pgbouncer.ini"), &settings(&server, port, &folder.0))?;
        for name in ["users", "pgbouncer.ini", "server.key", "server.pem"] {
            installation.user.own_file(&file(name))?;
        }
        let log = std::fs::File::create(file("log"))?;
        let mut command = installation.user.bound_command(&programs.join("usr/sbin/pgbouncer"));
        command.env("LD_LIBRARY_PATH", programs.join("usr/lib/x86_64-linux-gnu"));
        command.arg(file("pgbouncer.ini")).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = command.spawn().context("cannot run setpriv, of util-linux; is it installed?")?;
        let url = format!("postgres://localhost:{port}/?sslmode=verify-full&sslrootcert={}", file("ca.pem").display());
        let mut pooler = Self { process, url, _folder: folder };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if pooler.process.try_wait()?.is_some() || started.elapsed() > LIMIT {
                let log = std::fs::read_to_string(pooler._folder.0.join("log")).unwrap_or_default();
                bail!("PgBouncer did not start; it said:\n{log}");
            }
            std::thread::sleep(POLL);
        }
        println!("PgBouncer runs on port {port}");
        Ok(pooler)
    }

    /// Where it takes connections, without a user; how to verify it stands in it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        if let Err(error) = self.process.kill().and_then(|()| self.process.wait()) {
            eprintln!("cannot stop PgBouncer: {error}");
        }
    }
}

impl<'a> Server<'a> {
    fn parse(url: &'a str) -> Option<Self> {
        let (login, place) = url.split_once("://")?.1.split_once('@')?;
        let (user, password) = login.split_once(':')?;
        let (host, port) = place.split_once('/')?.0.split_once(':')?;
        Some(Self { user, password, host, port })
    }
}

/// Connections are the pooler's: statements that are prepared, and settings of a session, do not last.
fn settings(server: &Server<'_>, port: u16, folder: &Path) -> String {
    let Server { user, host, port: server_port, .. } = server;
    let folder = folder.display();
    format!(
        "[databases]
* = host={host} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 8
max_client_conn = 2000
server_idle_timeout = 5
auth_type = scram-sha-256
auth_file = {folder}/users
auth_user = {user}
client_tls_sslmode = require
client_tls_key_file = {folder}/server.key
client_tls_cert_file = {folder}/server.pem
"
    )
}

/// An authority, and a certificate of it for `localhost`, by OpenSSL.
fn certificates(folder: &Path) -> Result<()> {
    let openssl = |arguments: &[&str]| {
        let mut command = process::command("openssl", arguments);
        process::run(command.current_dir(folder), LIMIT).map(drop)
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
    let authority = ["-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority"];
    openssl(&[&["req", "-x509"], &key[..], &authority[..]].concat())?;
    let signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.pem"];
    let names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
    let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    openssl(&[&["req", "-x509"], &key[..], &signed[..], &names[..], &leaf[..]].concat())
}

/// The folder of the unpacked packages.
fn unpacked(base: &Path) -> Result<PathBuf> {
    let folder = base.join("pgbouncer");
    paths::once(&folder, |partial| PACKAGES.iter().try_for_each(|names| debian::unpack(names, partial)))?;
    Ok(folder)
}
