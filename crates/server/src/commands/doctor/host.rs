//! The machine: the data folder, its disk, the secret, and the file of the first admin's password.

use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use super::{Report, told};
use crate::{config::Config, data_folder, secret, wiring::Backend};

/// Free bytes below which a disk counts as full: the largest upload, the database's own files and the log want some.
const LEAST_FREE_BYTES: u64 = 1024 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

pub(super) fn look(report: &mut Report, config: &Config) {
    report.tell("data folder", folder(config));
    report.tell("disk", disk(&config.data_dir));
    let secret = secret::read(config).map_err(told);
    let text = |found: bool| if found { "is kept" } else { "would be made at the first start" };
    report.tell("secret", secret.map(|secret| text(secret.is_some()).to_owned()));
    if let Some(file) = &config.admin_password_file {
        let read = crate::commands::admin::password_in(&config.name_of("admin_password_file"), file).map_err(told);
        report.tell("first admin", read.map(|_| format!("its password is in '{}'", file.display())));
    }
}

fn folder(config: &Config) -> Result<String, String> {
    let folder = &config.data_dir;
    let shown = folder.display();
    let near = nearest(folder);
    let refused = |error| format!("this user may not write into '{}' ({error}); see whose it is", near.display());
    if !near.is_dir() {
        return Err(format!("'{}' is no folder; choose another with {}", near.display(), config.name_of("data_dir")));
    }
    access(near, Access::WRITE_OK | Access::EXEC_OK).map_err(refused)?;
    if near != folder.as_path() {
        return Ok(format!("'{shown}' would be made at the first start"));
    }
    match data_folder::is_open_to_all(folder) {
        Ok(false) => Ok(format!("'{shown}'{}", served(config))),
        Ok(true) => Err(format!("everybody on this machine can enter '{shown}'; run 'chmod 700' on it")),
        Err(error) => Err(format!("'{shown}' cannot be looked at: {error}")),
    }
}

/// A word about the server that runs on the data, which is nothing wrong in itself.
fn served(config: &Config) -> String {
    let server = Backend::of(config).ok().and_then(|backend| data_folder::server(config, &backend));
    server.map_or_else(String::new, |process| {
        format!("; a server runs on it already{process}, and a second one would be refused")
    })
}

fn disk(folder: &Path) -> Result<String, String> {
    let near = nearest(folder);
    let state = statvfs(near).map_err(|error| format!("cannot be looked at: {error}"))?;
    let free = state.f_bavail.saturating_mul(state.f_frsize);
    let text = format!("{} MiB are free at '{}'", free / MIB, near.display());
    if free < LEAST_FREE_BYTES {
        return Err(format!("only {text}; make room, at least {} MiB", LEAST_FREE_BYTES / MIB));
    }
    Ok(text)
}

/// The folder, or the nearest above it that is there.
fn nearest(folder: &Path) -> &Path {
    let above = folder.ancestors().find(|path| path.exists());
    above.filter(|path| !path.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
