//! Opening a data directory: is it ours, is it free, is it whole?
//!
//! What must always hold: nothing is written into a directory that holds somebody else's data; the identity file comes last, so a
//! directory without it was never in use; one process at a time holds the lock. No directory is made here: one that is not there may
//! be a disk that is not mounted.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

use crate::catalog::{Catalog, CatalogError, Row, RowKey, StoreRecord};
use crate::error::OpenError;
use crate::fs::{self, Entry, File, FileSystem, Open};
use crate::ids::{StoreId, random_id};
use crate::reserve::RESERVE_FILE;
use crate::store::{chains_dir, journal_dir};

const IDENTITY_FILE: &str = "catena.store";
const NEW_IDENTITY_FILE: &str = "catena.store.new";
/// The lock, in a store's directory.
pub const LOCK_FILE: &str = "lock";
/// The catalog, in a store's directory.
pub const CATALOG_FILE: &str = "catalog.redb";
/// The first line of the identity file: the format of everything else.
const FORMAT: &str = "catena store 2";
/// What the first line of every format begins with.
const ANY_FORMAT: &str = "catena store ";
const CLUSTER_ID: &str = "cluster.id=";
const STORE_ID: &str = "store.id=";
/// An identity file is never longer, bytes.
const IDENTITY_MAX: usize = 1024;
/// Names that a creation cut short may leave behind, and the one every new file system has.
const OURS: [&str; 7] = [NEW_IDENTITY_FILE, LOCK_FILE, CATALOG_FILE, RESERVE_FILE, "chains", "journal", "lost+found"];

/// A directory that is ours, locked.
pub struct Opened {
    /// Held as long as the store is.
    pub lock: Arc<dyn File>,
    /// The catalog; it has the store's own row.
    pub catalog: Catalog,
    /// Who it is.
    pub identity: Identity,
}

/// What is written once into a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The store.
    pub store: StoreId,
    /// The cluster it belongs to: 22 characters of base64url.
    pub cluster_id: String,
}

/// Whether there is a store in `dir`.
pub fn is_store(fs: &dyn FileSystem, dir: &Path) -> bool {
    fs.len(&dir.join(IDENTITY_FILE)).is_ok()
}

/// Who the store in `dir` is.
///
/// # Errors
/// `OpenError`.
pub fn identity(fs: &dyn FileSystem, dir: &Path) -> Result<Identity, OpenError> {
    let text = read_text(fs, &dir.join(IDENTITY_FILE)).map_err(|source| OpenError::of_io(dir, source))?;
    parse_identity(&text).map_err(|refusal| refusal.of(dir))
}

/// Opens the store in `dir`, or makes one if the directory is empty: of the cluster `cluster_id`, or of a new one.
///
/// # Errors
/// `OpenError`; `is_mistake` says whether a start has to be refused.
pub fn open(fs: &Arc<dyn FileSystem>, dir: &Path, cluster_id: Option<&str>) -> Result<Opened, OpenError> {
    let io = |source| OpenError::of_io(dir, source);
    let entries = fs.read_dir(dir).map_err(io)?;
    let is_new = entries.iter().all(|entry| entry.name != IDENTITY_FILE);
    if is_new {
        check_empty(dir, &entries)?;
    }
    let lock = lock(fs.as_ref(), dir)?;
    let identity = if is_new {
        create(fs, dir, cluster_id)?
    } else {
        let identity = identity(fs.as_ref(), dir)?;
        check_cluster(dir, &identity, cluster_id)?;
        identity
    };
    sync_names(fs.as_ref(), dir).map_err(io)?;
    let has_catalog = is_new || entries.iter().any(|entry| entry.name == CATALOG_FILE);
    let damaged = |reason| OpenError::Damaged { dir: dir.to_owned(), reason };
    if !has_catalog {
        return Err(damaged("the catalog is missing".to_owned()));
    }
    forget_cached_catalog(fs.as_ref(), &dir.join(CATALOG_FILE)).map_err(io)?;
    let catalog = open_catalog(fs, dir, identity.store)?;
    note_place(fs.as_ref(), dir, &catalog).map_err(|error| damaged(error.to_string()))?;
    Ok(Opened { lock, catalog, identity })
}

fn check_empty(dir: &Path, entries: &[Entry]) -> Result<(), OpenError> {
    let Some(other) = entries.iter().find(|entry| !OURS.contains(&entry.name.as_str())) else { return Ok(()) };
    let kafka = if other.name == "meta.properties" { ", which is Apache Kafka's" } else { "" };
    Err(OpenError::Foreign { dir: dir.to_owned(), reason: format!("it has {}{kafka}", other.name) })
}

fn check_cluster(dir: &Path, identity: &Identity, cluster_id: Option<&str>) -> Result<(), OpenError> {
    match cluster_id {
        Some(expected) if expected != identity.cluster_id => Err(OpenError::Foreign {
            dir: dir.to_owned(),
            reason: format!("it belongs to cluster {}, not to {expected}", identity.cluster_id),
        }),
        _ => Ok(()),
    }
}

fn lock(fs: &dyn FileSystem, dir: &Path) -> Result<Arc<dyn File>, OpenError> {
    let locked = fs.open(&dir.join(LOCK_FILE), Open::WriteOrCreate).and_then(|file| file.try_lock().map(|()| file));
    locked.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::Locked { dir: dir.to_owned() },
        _ => OpenError::of_io(dir, error),
    })
}

fn open_catalog(fs: &Arc<dyn FileSystem>, dir: &Path, store: StoreId) -> Result<Catalog, OpenError> {
    Catalog::open(fs.clone(), dir.join(CATALOG_FILE), store).map_err(|error| match error {
        CatalogError::Io(source) => OpenError::of_io(dir, source),
        CatalogError::Damaged(reason) => {
            OpenError::Damaged { dir: dir.to_owned(), reason: format!("the catalog: {reason}") }
        }
    })
}

/// The catalog is read from the disk, not from what the system shows of it.
fn forget_cached_catalog(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    let file = fs.open(path, Open::Read)?;
    fs::trust_only_the_disk(&*file)?;
    file.read_ahead(0..file.len()?);
    Ok(())
}

/// Keeps the store's own row true: the others look at it to know where it was, and whether it was a mounted disk.
fn note_place(fs: &dyn FileSystem, dir: &Path, catalog: &Catalog) -> Result<(), Box<dyn std::error::Error>> {
    let known = match catalog.row(&RowKey::Store(catalog.store()))? {
        Some(Row::Store(known)) => Some(known),
        _ => None,
    };
    let version = known.as_ref().map_or(0, |known| known.version);
    let (name, is_mount_point) = (dir.display().to_string(), fs.is_mount_point(dir)?);
    if known.is_some_and(|known| known.dir == name && known.is_mount_point == is_mount_point) {
        return Ok(());
    }
    let record = StoreRecord { id: catalog.store(), version: version + 1, dir: name, is_mount_point };
    Ok(catalog.apply(&[Row::Store(record)])?)
}

/// Makes everything but the catalog's contents, the identity last.
fn create(fs: &Arc<dyn FileSystem>, dir: &Path, cluster_id: Option<&str>) -> Result<Identity, OpenError> {
    let io = |source| OpenError::of_io(dir, source);
    let cluster_id = cluster_id.map_or_else(random_id, str::to_owned);
    let identity = Identity { store: StoreId::random(), cluster_id };
    let make = || {
        remove_if_there(fs.as_ref(), &dir.join(CATALOG_FILE))?;
        fs.create_dir_all(&chains_dir(dir))?;
        fs.create_dir_all(&journal_dir(dir))
    };
    make().map_err(io)?;
    drop(open_catalog(fs, dir, identity.store)?);
    write_identity(fs.as_ref(), dir, &identity).map_err(io)?;
    Ok(identity)
}

fn remove_if_there(fs: &dyn FileSystem, path: &Path) -> io::Result<()> {
    match fs.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_identity(fs: &dyn FileSystem, dir: &Path, identity: &Identity) -> io::Result<()> {
    let new = dir.join(NEW_IDENTITY_FILE);
    let text = format!("{FORMAT}\n{CLUSTER_ID}{}\n{STORE_ID}{}\n", identity.cluster_id, identity.store);
    let file = fs.open(&new, Open::Create)?;
    fs::write_all(&*file, &mut [IoSlice::new(text.as_bytes())], 0)?;
    file.sync()?;
    // Names may reach the disk in any order: those of everything else go first.
    fs.sync_dir(dir)?;
    fs.rename(&new, &dir.join(IDENTITY_FILE))
}

/// Makes the names in the store's directory durable, that of the directory itself, and those above it: they may have been made a moment
/// ago, or before a start that was cut short. Some above cannot be synced, but those were not made by us.
fn sync_names(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    fs.sync_dir(dir)?;
    let above = dir.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
    above.map(|above| fs.sync_dir(above)).try_for_each(|synced| match synced {
        Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported) => {
            Ok(())
        }
        outcome => outcome,
    })
}

/// A small file; what is not text is replaced, so that nobody takes it for an identity.
fn read_text(fs: &dyn FileSystem, path: &Path) -> io::Result<String> {
    let file = fs.open(path, Open::Read)?;
    let mut bytes = vec![0; IDENTITY_MAX];
    let mut len = 0;
    while let Some(rest) = bytes.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, len as u64)? {
            0 => break,
            taken => len += taken,
        }
    }
    bytes.truncate(len);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Why an identity file is not taken.
enum Refusal {
    /// It is of another format: somebody else's, or another version's.
    Format(String),
    /// It is of ours, and what follows is not whole.
    Damaged,
}

impl Refusal {
    fn of(self, dir: &Path) -> OpenError {
        let dir = dir.to_owned();
        match self {
            Self::Format(reason) => OpenError::Foreign { dir, reason },
            Self::Damaged => OpenError::Damaged { dir, reason: format!("{IDENTITY_FILE} is not whole") },
        }
    }
}

fn parse_identity(text: &str) -> Result<Identity, Refusal> {
    let mut lines = text.lines();
    match lines.next() {
        Some(FORMAT) => {}
        Some(other) if other.starts_with(ANY_FORMAT) => {
            return Err(Refusal::Format(format!("it is of format '{other}', this version reads '{FORMAT}'")));
        }
        _ => return Err(Refusal::Format(format!("{IDENTITY_FILE} is not an identity of a store"))),
    }
    let mut field = |name| lines.next().and_then(|line| line.strip_prefix(name)).ok_or(Refusal::Damaged);
    let (cluster_id, store): (&str, &str) = (field(CLUSTER_ID)?, field(STORE_ID)?);
    match store.parse() {
        Ok(store) if cluster_id.len() == 22 => Ok(Identity { store, cluster_id: cluster_id.to_owned() }),
        _ => Err(Refusal::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use std::fs as std_fs;

    use super::*;
    use crate::fs::RealFileSystem;

    fn open_with(dir: &Path, cluster_id: Option<&str>) -> Result<Opened, OpenError> {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        open(&fs, dir, cluster_id)
    }

    fn error(dir: &Path) -> OpenError {
        open_with(dir, None).map(|_| ()).unwrap_err()
    }

    fn text(dir: &Path) -> String {
        error(dir).to_string()
    }

    #[test]
    fn a_store_keeps_its_identity() {
        let dir = tempfile::tempdir().unwrap();
        let made = open_with(dir.path(), None).unwrap().identity;
        assert_eq!(made.cluster_id.len(), 22);
        assert_eq!(open_with(dir.path(), None).unwrap().identity, made);
        assert_eq!(open_with(dir.path(), Some(&made.cluster_id)).unwrap().identity, made);
    }

    #[test]
    fn a_second_store_joins_the_cluster_and_another_clusters_is_refused() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = open_with(one.path(), None).unwrap().identity;
        let second = open_with(two.path(), Some(&first.cluster_id)).unwrap().identity;
        assert_eq!(second.cluster_id, first.cluster_id);
        assert_ne!(second.store, first.store);
        let refused = open_with(one.path(), Some("AAAAAAAAAAAAAAAAAAAAAA")).map(|_| ()).unwrap_err();
        assert!(refused.is_mistake() && refused.to_string().contains("belongs to cluster"), "{refused}");
    }

    #[test]
    fn a_store_says_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let opened = open_with(dir.path(), None).unwrap();
        let key = RowKey::Store(opened.identity.store);
        let Some(Row::Store(record)) = opened.catalog.row(&key).unwrap() else { panic!("no row") };
        assert_eq!((record.dir, record.is_mount_point), (dir.path().display().to_string(), false));
        drop(opened);
        let moved = tempfile::tempdir().unwrap();
        std_fs::rename(dir.path(), moved.path().join("moved")).unwrap();
        let opened = open_with(&moved.path().join("moved"), None).unwrap();
        let Some(Row::Store(moved)) = opened.catalog.row(&key).unwrap() else { panic!("no row") };
        assert_eq!((moved.version, moved.dir.ends_with("moved")), (record.version + 1, true));
    }

    #[test]
    fn a_store_in_use_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let _held = open_with(dir.path(), None).unwrap();
        assert!(text(dir.path()).ends_with("is used by another process"));
        assert!(error(dir.path()).is_mistake());
    }

    #[test]
    fn a_directory_that_is_not_there_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("disk");
        assert!(matches!(error(&missing), OpenError::Missing { .. }));
        assert!(!error(&missing).is_mistake() && !missing.exists());
    }

    #[test]
    fn other_data_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        std_fs::write(dir.path().join("meta.properties"), "version=1").unwrap();
        assert!(text(dir.path()).contains("Apache Kafka's"));
        assert!(error(dir.path()).is_mistake());
        assert_eq!(std_fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_creation_cut_short_is_done_again() {
        let dir = tempfile::tempdir().unwrap();
        std_fs::write(dir.path().join(CATALOG_FILE), "half").unwrap();
        std_fs::write(dir.path().join(NEW_IDENTITY_FILE), "ha").unwrap();
        assert!(open_with(dir.path(), None).is_ok());
    }

    #[test]
    fn another_format_is_refused_and_a_damaged_identity_or_catalog_is_named() {
        let dir = tempfile::tempdir().unwrap();
        drop(open_with(dir.path(), None).unwrap());
        let write = |name: &str, text: &str| std_fs::write(dir.path().join(name), text).unwrap();
        write(CATALOG_FILE, "not a database");
        assert!(text(dir.path()).contains("is damaged: the catalog: "), "{}", text(dir.path()));
        std_fs::remove_file(dir.path().join(CATALOG_FILE)).unwrap();
        assert!(text(dir.path()).ends_with("the catalog is missing"));
        assert!(!error(dir.path()).is_mistake());
        let id = "AAAAAAAAAAAAAAAAAAAAAA";
        let cases = [
            (format!("catena store 1\ncluster.id={id}\n"), "this version reads 'catena store 2'", true),
            ("\0\0\0\0".to_owned(), "is not an identity", true),
            (format!("catena store 2\ncluster.id={id}\n"), "is not whole", false),
            (format!("catena store 2\ncluster.id={id}\nstore.id=00000000\n"), "is not whole", false),
        ];
        for (identity, expected, mistake) in cases {
            write(IDENTITY_FILE, &identity);
            assert!(text(dir.path()).contains(expected), "{identity}: {}", text(dir.path()));
            assert_eq!(error(dir.path()).is_mistake(), mistake, "{identity}");
        }
    }
}
