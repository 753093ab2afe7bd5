//! Opening a data directory: is it ours, is it free, is it whole?
//!
//! What must always hold: nothing is written into a directory that holds somebody else's data; the identity file comes last, so a
//! directory without it was never in use; one process at a time holds the lock.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::catalog::Catalog;
use crate::error::OpenError;
use crate::store::{chains_dir, journal_dir};

const IDENTITY_FILE: &str = "catena.store";
const LOCK_FILE: &str = "lock";
const CATALOG_FILE: &str = "catalog.redb";
/// The first line of the identity file: the format of everything else.
const FORMAT: &str = "catena store 1";
const CLUSTER_ID: &str = "cluster.id=";
/// Names that a creation cut short may leave behind, and the one every new file system has.
const OURS: [&str; 6] = ["catena.store.new", LOCK_FILE, CATALOG_FILE, "chains", "journal", "lost+found"];

/// A directory that is ours, locked.
pub struct Opened {
    /// Held as long as the store is.
    pub lock: File,
    /// The catalog.
    pub catalog: Catalog,
    /// Made once with the store.
    pub cluster_id: String,
}

/// Opens or creates the store in `dir`.
///
/// # Errors
/// `OpenError`, in words for the operator.
pub fn open(dir: &Path) -> Result<Opened, OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(io)?;
    let identity = match fs::read_to_string(dir.join(IDENTITY_FILE)) {
        Ok(text) => Some(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(String::new()),
        Err(error) => return Err(io(error)),
    };
    if identity.is_none() {
        check_empty(dir)?;
    }
    let lock = lock(dir)?;
    match identity {
        Some(text) => {
            let cluster_id = read_identity(&text).ok_or_else(|| OpenError::Foreign {
                dir: dir.to_owned(),
                reason: format!("{IDENTITY_FILE} is damaged or of another version"),
            })?;
            Ok(Opened { lock, catalog: open_catalog(dir)?, cluster_id })
        }
        None => create(dir, lock),
    }
}

fn check_empty(dir: &Path) -> Result<(), OpenError> {
    for entry in fs::read_dir(dir).map_err(|source| OpenError::Io { dir: dir.to_owned(), source })?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !OURS.contains(&name.as_str()) {
            let kafka = if name == "meta.properties" { ", which is Apache Kafka's" } else { "" };
            return Err(OpenError::Foreign { dir: dir.to_owned(), reason: format!("it has {name}{kafka}") });
        }
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE)).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

fn open_catalog(dir: &Path) -> Result<Catalog, OpenError> {
    let damaged = |reason| OpenError::Damaged { dir: dir.to_owned(), reason };
    if !dir.join(CATALOG_FILE).exists() {
        return Err(damaged("it is missing".to_owned()));
    }
    Catalog::open(dir.join(CATALOG_FILE)).map_err(damaged)
}

fn create(dir: &Path, lock: File) -> Result<Opened, OpenError> {
    let io = |source| OpenError::Io { dir: dir.to_owned(), source };
    let cluster_id = new_cluster_id();
    let make = || {
        remove_if_there(&dir.join(CATALOG_FILE))?;
        fs::create_dir_all(chains_dir(dir))?;
        fs::create_dir_all(journal_dir(dir))
    };
    make().map_err(io)?;
    let catalog =
        Catalog::open(dir.join(CATALOG_FILE)).map_err(|reason| OpenError::Damaged { dir: dir.to_owned(), reason })?;
    write_identity(dir, &cluster_id).map_err(io)?;
    Ok(Opened { lock, catalog, cluster_id })
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_identity(dir: &Path, cluster_id: &str) -> io::Result<()> {
    let new: PathBuf = dir.join("catena.store.new");
    let mut file = File::create(&new)?;
    write!(file, "{FORMAT}\n{CLUSTER_ID}{cluster_id}\n")?;
    file.sync_all()?;
    fs::rename(&new, dir.join(IDENTITY_FILE))?;
    File::open(dir)?.sync_all()
}

fn read_identity(text: &str) -> Option<String> {
    let mut lines = text.lines();
    let id = (lines.next() == Some(FORMAT)).then(|| lines.next()).flatten()?.strip_prefix(CLUSTER_ID)?;
    (id.len() == 22).then(|| id.to_owned())
}

/// 22 characters of base64url, as Apache Kafka's `Uuid.randomUuid().toString()`.
fn new_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    loop {
        let bits = u128::from_be_bytes(*uuid::Uuid::new_v4().as_bytes());
        let digit = |at: u32| {
            // 21 digits of six bits, and the last two bits in front of four zeros.
            let six = if at < 21 { bits >> (122 - 6 * at) } else { bits << 4 };
            char::from(ALPHABET[(six & 63) as usize])
        };
        let id: String = (0..22).map(digit).collect();
        // A leading dash would be taken for an option by command lines.
        if !id.starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(dir: &Path) -> String {
        open(dir).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn a_store_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let made = open(dir.path()).unwrap().cluster_id;
        assert_eq!(made.len(), 22);
        assert_eq!(open(dir.path()).unwrap().cluster_id, made);
    }

    #[test]
    fn a_store_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _held = open(dir.path()).unwrap();
        assert!(text(dir.path()).ends_with("is used by another process"));
    }

    #[test]
    fn other_data_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("meta.properties"), "version=1").unwrap();
        assert!(text(dir.path()).contains("Apache Kafka's"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_creation_cut_short_is_done_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CATALOG_FILE), "half").unwrap();
        fs::write(dir.path().join("catena.store.new"), "ha").unwrap();
        assert!(open(dir.path()).is_ok());
    }

    #[test]
    fn a_damaged_identity_or_catalog_is_named() {
        let dir = tempfile::tempdir().unwrap();
        drop(open(dir.path()).unwrap());
        fs::write(dir.path().join(CATALOG_FILE), "not a database").unwrap();
        assert!(text(dir.path()).starts_with("the catalog in"));
        fs::remove_file(dir.path().join(CATALOG_FILE)).unwrap();
        assert!(text(dir.path()).ends_with("it is missing"));
        fs::write(dir.path().join(IDENTITY_FILE), "catena store 99\n").unwrap();
        assert!(text(dir.path()).contains("another version"));
    }
}
