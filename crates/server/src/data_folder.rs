//! The data folder: made for its owner alone, and served by one process at a time where the data bears no more.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
};

use crate::{config::Config, error::StartError, wiring::Backend};

/// The file that a serving process locks.
const LOCK_FILE: &str = "serve.lock";
/// Most bytes that are read of what a process wrote about itself there.
const MAX_NOTE_BYTES: u64 = 20;

/// Makes the folder, for its owner alone.
///
/// # Errors
/// [`StartError::File`].
pub(crate) fn make(path: &Path) -> Result<(), StartError> {
    let file_error = |source| StartError::File { what: "the data folder", path: path.to_owned(), source };
    if path.is_dir() {
        if is_open_to_all(path).map_err(file_error)? {
            tracing::warn!(folder = %path.display(), "everybody on this machine can enter the data folder; run 'chmod 700' on it");
        }
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file_error)
}

/// Whether others than the folder's owner and group can enter it.
pub(crate) fn is_open_to_all(path: &Path) -> std::io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o007 != 0)
}

/// The right to serve, held as long as this lives; the system takes it back from a process that is killed.
#[derive(Debug)]
pub(crate) struct Served {
    _locks: Vec<File>,
}

/// Takes the right to serve a data folder.
///
/// SQLite's data has one server: what waits for a change hears of it within the process, and what the process keeps of
/// the index in memory is its own. Servers of one PostgreSQL share a folder of files, so they share the lock, too, and
/// keep out only a server of the other kind. A database file has a lock of its own beside it, since two folders may
/// name it.
///
/// # Errors
/// [`StartError::Setting`] when another server has it, [`StartError::File`].
pub(crate) fn serve(config: &Config, backend: &Backend) -> Result<Served, StartError> {
    let folder = lock(&config.data_file(LOCK_FILE), matches!(backend, Backend::Postgres(_)))?;
    let file = match backend {
        Backend::Sqlite(file) => lock(&beside(file), false)?,
        _ => None,
    };
    Ok(Served { _locks: folder.into_iter().chain(file).collect() })
}

/// The server that has this data, as far as it told which process it is; `None` where none has it. It makes nothing, and
/// takes nothing for longer than the look.
pub(crate) fn server(config: &Config, backend: &Backend) -> Option<String> {
    let is_shared = matches!(backend, Backend::Postgres(_));
    let folder = holder(&config.data_file(LOCK_FILE), is_shared);
    match backend {
        Backend::Sqlite(file) => folder.or_else(|| holder(&beside(file), false)),
        _ => folder,
    }
}

/// Who holds a lock, in words.
fn holder(path: &Path, is_shared: bool) -> Option<String> {
    let mut file = File::open(path).ok()?;
    match if is_shared { file.try_lock_shared() } else { file.try_lock() } {
        Err(TryLockError::WouldBlock) => Some(process_in(&mut file)),
        _ => None,
    }
}

/// The process that wrote its id into its lock, in brackets; empty where it did not.
fn process_in(file: &mut File) -> String {
    let mut note = String::new();
    let read = file.rewind().and_then(|()| file.take(MAX_NOTE_BYTES).read_to_string(&mut note));
    let id = read.ok().and(note.trim().parse::<u32>().ok());
    id.map(|id| format!(" (process {id})")).unwrap_or_default()
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Locks a file; `None` where the file system knows no locks.
fn lock(path: &Path, is_shared: bool) -> Result<Option<File>, StartError> {
    let file_error = |source| StartError::File { what: "the lock of the data", path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let mut file = opened.map_err(file_error)?;
    match if is_shared { file.try_lock_shared() } else { file.try_lock() } {
        Ok(()) => {
            // For whoever finds the lock taken. A shared one has many holders, of whom none speaks for all.
            file.set_len(0).map_err(file_error)?;
            if !is_shared {
                write!(file, "{}", process::id()).map_err(file_error)?;
            }
            Ok(Some(file))
        }
        Err(TryLockError::WouldBlock) => {
            let problem = format!(
                "is served by another server{}; stop that one, or give this one data of its own \
                 (BANYAN_DATA_DIR, BANYAN_DATABASE_URL)",
                process_in(&mut file)
            );
            let folder = path.parent().unwrap_or(path).display();
            Err(StartError::setting(format!("the data in '{folder}'"), problem))
        }
        Err(TryLockError::Error(error)) => {
            tracing::warn!(
                file = %path.display(), %error,
                "the file system cannot lock; see to it that one server at a time serves this data"
            );
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::sentence;

    fn of(folder: &Path, url: Option<String>) -> Config {
        Config { data_dir: folder.to_owned(), database_url: url, ..Config::default() }
    }

    fn served(config: &Config) -> Result<Served, StartError> {
        serve(config, &Backend::of(config)?)
    }

    #[test]
    fn one_server_has_the_data_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let config = of(folder.path(), None);
        let first = served(&config).unwrap();
        let told = sentence(&served(&config).unwrap_err());
        let own = format!("(process {})", process::id());
        assert!(told.contains(&own) && told.contains("BANYAN_DATA_DIR"), "{told}");
        let looked = || server(&config, &Backend::of(&config).unwrap());
        assert_eq!(looked(), Some(format!(" {own}")));
        drop(first);
        assert_eq!(looked(), None);
        served(&config).unwrap();
    }

    #[test]
    fn two_folders_do_not_serve_one_database_file() {
        let [one, other, third] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let url = || Some(format!("sqlite://{}", third.path().join("b.db").display()));
        let first = served(&of(one.path(), url())).unwrap();
        assert!(served(&of(other.path(), url())).is_err());
        let other_config = of(other.path(), url());
        assert!(server(&other_config, &Backend::of(&other_config).unwrap()).is_some());
        served(&of(other.path(), None)).unwrap();
        drop(first);
        let _default = served(&of(one.path(), None)).unwrap();
        let by_another_way =
            format!("sqlite://{}/../{}/banyan.db", one.path().display(), one.path().file_name().unwrap().display());
        assert!(served(&of(other.path(), Some(by_another_way))).is_err());
    }

    #[test]
    fn servers_of_one_postgres_share_a_folder_and_no_other_comes_in_between() {
        let folder = tempfile::tempdir().unwrap();
        let postgres = of(folder.path(), Some("postgres://u@localhost/d".to_owned()));
        let both = [served(&postgres).unwrap(), served(&postgres).unwrap()];
        assert!(served(&of(folder.path(), None)).is_err());
        assert_eq!(server(&postgres, &Backend::of(&postgres).unwrap()), None);
        drop(both);
        let _alone = served(&of(folder.path(), None)).unwrap();
        assert!(served(&postgres).is_err());
    }
}
