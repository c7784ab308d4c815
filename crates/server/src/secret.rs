//! The server's secret: given, or made at the first start and kept with mode 0600.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use app::identity::ServerSecret;
use base64::{Engine, prelude::BASE64_STANDARD};
use domain::ids::{IdGen, RandomIds};

use crate::{config::Config, error::StartError};

/// The file in the data folder.
const FILE: &str = "secret.key";

/// The secret of this installation, made where there is none yet.
///
/// # Errors
/// As [`read`].
pub(crate) fn load(config: &Config) -> Result<ServerSecret, StartError> {
    if let Some(secret) = read(config)? {
        return Ok(secret);
    }
    let path = config.data_file(FILE);
    keep(&path, &ServerSecret::random(&RandomIds)).map_err(|source| file_error(&path, source))?;
    // What is in the file counts, also for the process that has just made one.
    read(config)?.ok_or_else(|| file_error(&path, io::ErrorKind::NotFound.into()))
}

/// The secret that is given or kept; `None` before the first start.
///
/// # Errors
/// [`StartError::Setting`] for a weak one or one that others can read, [`StartError::File`] when it cannot be read.
pub(crate) fn read(config: &Config) -> Result<Option<ServerSecret>, StartError> {
    if let Some(secret) = &config.secret_key {
        let given = ServerSecret::new(secret.as_bytes());
        return given.map(Some).map_err(|error| config.refuse("secret_key", error.message));
    }
    let path = config.data_file(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(&path, error)),
    };
    let mode = fs::metadata(&path).map_err(|source| file_error(&path, source))?.permissions().mode();
    if mode & 0o077 != 0 {
        let problem = "can be read by others; run 'chmod 600' on it, and delete it if it may be known to them";
        return Err(StartError::setting(format!("the secret file '{}'", path.display()), problem));
    }
    let in_file = |problem: String| StartError::setting(format!("the secret in '{}'", path.display()), problem);
    let damaged = "is damaged; put back a copy of the file, or delete it, which ends all sessions";
    let secret = BASE64_STANDARD.decode(text.trim()).map_err(|_| in_file(damaged.to_owned()))?;
    ServerSecret::new(&secret).map(Some).map_err(|error| in_file(error.message))
}

fn file_error(path: &Path, source: io::Error) -> StartError {
    StartError::File { what: "the secret file", path: path.to_owned(), source }
}

/// Writes the secret whole or not at all. Of several processes that start at once one writes it: a link
/// is not made where the name is taken, while a rename would replace the secret that another process
/// signs with already. Where the file system knows no links, a rename has to do.
fn keep(path: &Path, secret: &ServerSecret) -> io::Result<()> {
    let temporary = path.with_extension(RandomIds.random().simple().to_string());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(BASE64_STANDARD.encode(secret.expose()).as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&temporary, path),
        _ => fs::remove_file(&temporary),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s32_a_secret_is_made_once_and_kept_to_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let first = load(&config).unwrap();
        assert_eq!(load(&config).unwrap().expose(), first.expose());
        let file = folder.path().join(FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load(&config).is_err());
        let other = tempfile::tempdir().unwrap();
        let other = Config { data_dir: other.path().to_owned(), ..Config::default() };
        assert_ne!(load(&other).unwrap().expose(), first.expose());
    }

    #[test]
    fn processes_that_start_at_once_have_one_secret() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
            let secrets: Vec<Vec<u8>> = std::thread::scope(|scope| {
                let start = || scope.spawn(|| load(&config).unwrap().expose().to_vec());
                let starts: Vec<_> = (0..8).map(|_| start()).collect();
                starts.into_iter().map(|start| start.join().unwrap()).collect()
            });
            assert!(secrets.iter().all(|secret| *secret == secrets[0]));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        }
    }

    #[test]
    fn s32_a_weak_secret_stops_the_start() {
        for weak in ["", "short", "changemechangemechangemechangeme"] {
            let config = Config { secret_key: Some(weak.into()), ..Config::default() };
            assert!(load(&config).is_err(), "{weak}");
        }
    }
}
