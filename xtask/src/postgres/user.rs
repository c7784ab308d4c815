//! The user that runs PostgreSQL, which refuses root.

use std::{
    fs::Permissions,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// Who runs PostgreSQL when this program runs as root.
const UNPRIVILEGED: &str = "nobody";
/// How long a look-up of a user or a permission may take.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(10);

/// The user that PostgreSQL runs as.
#[derive(Clone)]
pub(crate) struct User {
    /// Of this program itself.
    own_id: u32,
    /// User and group to change to, when this program runs as root.
    other: Option<(u32, u32)>,
}

impl User {
    /// This user, or `nobody` when this one is root.
    pub(crate) fn unprivileged() -> Result<Self> {
        let own_id = id(&["-u"])?;
        let other = match own_id {
            0 => Some((id(&["-u", UNPRIVILEGED])?, id(&["-g", UNPRIVILEGED])?)),
            _ => None,
        };
        Ok(Self { own_id, other })
    }

    /// A command run as this user, in a clean environment. It gets SIGINT when this program ends,
    /// however that comes: PostgreSQL then shuts down at once, and cannot be left behind.
    pub(crate) fn bound_command(&self, program: &Path) -> Command {
        self.command_with(&["--pdeathsig=INT"], program)
    }

    /// A command run as this user, in a clean environment.
    pub(crate) fn command(&self, program: &Path) -> Command {
        self.command_with(&[], program)
    }

    fn command_with(&self, options: &[&str], program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = self.other {
            command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
        }
        command.arg("--no-new-privs").args(options).arg(program);
        command.env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// Makes a folder that belongs to this user and that no other can open.
    pub(crate) fn own_folder(&self, folder: &Path) -> Result<()> {
        paths::make(folder)?;
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        self.own_file(folder)
    }

    /// Gives a file to this user.
    pub(crate) fn own_file(&self, path: &Path) -> Result<()> {
        match self.other {
            Some((user, group)) => chown(path, Some(user), Some(group))
                .with_context(|| format!("cannot give {} to {UNPRIVILEGED}", path.display())),
            None => Ok(()),
        }
    }

    /// A folder that this user can reach: in `target`, or, under a closed home, in the system's
    /// temporary folder, one for each checkout.
    pub(crate) fn reachable_folder(&self) -> Result<PathBuf> {
        let near = paths::cache()?;
        if self.reaches(&near) {
            return Ok(near);
        }
        let mut hasher = DefaultHasher::new();
        paths::workspace().hash(&mut hasher);
        let far = std::env::temp_dir().join(format!("banyan-xtask-{}-{:016x}", self.own_id, hasher.finish()));
        paths::make(&far)?;
        let about = std::fs::symlink_metadata(&far)?;
        if !about.is_dir() || about.uid() != self.own_id {
            bail!("{} belongs to someone else; remove it", far.display());
        }
        std::fs::set_permissions(&far, Permissions::from_mode(0o755))?;
        if !self.reaches(&far) {
            bail!("{UNPRIVILEGED} can reach neither {} nor {}", near.display(), far.display());
        }
        Ok(far)
    }

    /// # Errors
    /// When this user may not execute the program, or it does not start on this system.
    pub(crate) fn check_can_run(&self, program: &Path) -> Result<()> {
        process::run(self.command(program).arg("--version"), LOOK_UP_LIMIT)
            .map(drop)
            .with_context(|| format!("{} does not run here", program.display()))
    }

    fn reaches(&self, folder: &Path) -> bool {
        self.other.is_none()
            || process::run(self.command(Path::new("test")).arg("-x").arg(folder), LOOK_UP_LIMIT).is_ok()
    }
}

fn id(arguments: &[&str]) -> Result<u32> {
    let out = process::run(&mut process::command("id", arguments), LOOK_UP_LIMIT)?;
    out.trim().parse().with_context(|| format!("id {} said {out:?}", arguments.join(" ")))
}
