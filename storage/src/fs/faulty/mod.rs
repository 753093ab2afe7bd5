//! A file system for tests that knows what is durable, can lose power, and can fail.
//!
//! Below a directory, real files hold what the running process sees, so that maps of them work. Beside them, in memory, is what a
//! disk may hold: the durable names and bytes, and every change since. `power_off` ends the process as far as files are concerned;
//! `left_behind` then writes one of the possible states of the disk into another directory, to be opened there.
//!
//! What must always hold:
//! - Durable is what the trait promises, and nothing else: a file's bytes and length after its `sync`, names after `sync_dir` of
//!   their own directory, everything below a directory after `sync_all` of it. Whatever is in the directory at the beginning is, and
//!   the directory itself.
//! - What is not durable may be there, or not, or in part, in sectors of 512 bytes and single names, in any order (see `image` and
//!   `names` for the few things that cannot be torn). Different seeds give different outcomes, the same seed the same one.
//! - Operations happen one after the other. An operation that fails changes nothing, but for `sync`: what was to be synced stays
//!   as unknown as it was, and a later sync does not mend it; the process goes on seeing it until `forget_cached`.
//!
//! Nobody else may use the files meanwhile. Memory: 1 KiB for each sector written and not synced.

mod dice;
mod faults;
mod file;
mod image;
mod names;
#[cfg(test)]
mod tests;
mod tree;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::io::Errno;

pub use faults::{Fault, Operation};

use super::{Entry, File, FileSystem, Open, RealFileSystem, Space};
use dice::Dice;
use faults::Faults;
use file::{Handle, Inode};
use names::{Change, Directory};
use tree::lock;

/// A file system below a directory that can lose power and fail; clones are the same one. For tests.
#[derive(Debug, Clone)]
pub struct FaultyFileSystem(Arc<Disk>);

#[derive(Debug)]
struct Disk {
    /// What the paths of all calls begin with.
    root: PathBuf,
    /// Where the real files are.
    real: PathBuf,
    names: Node,
    faults: Mutex<Faults>,
    space: Mutex<Option<Space>>,
    /// Held during every operation.
    busy: Mutex<()>,
}

/// What a name stands for.
#[derive(Debug, Clone)]
enum Node {
    File(Arc<Inode>),
    Directory(Arc<Mutex<Directory>>),
}

impl FaultyFileSystem {
    /// On top of `root`, which is there; all that is in it is durable.
    ///
    /// # Errors
    /// Of the system.
    pub fn new(root: &Path) -> io::Result<Self> {
        Self::at(root, root)
    }

    /// As `new`, with the files of `real` under paths that begin with `root`: a disk that is always mounted at the same place.
    ///
    /// # Errors
    /// Of the system.
    pub fn at(root: &Path, real: &Path) -> io::Result<Self> {
        let names = tree::read(real)?;
        let (faults, space, busy) = Default::default();
        let (root, real) = (root.to_owned(), real.to_owned());
        Ok(Self(Arc::new(Disk { root, real, names, faults, space, busy })))
    }

    /// Operations of a kind so far.
    pub fn count(&self, operation: Operation) -> u64 {
        self.faults().count(operation)
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.faults().total()
    }

    /// After `skip` more operations of this kind, `times` of them fail, wherever.
    pub fn fail(&self, operation: Operation, skip: u64, times: u64, fault: Fault) {
        self.faults().fail(operation, skip, times, fault);
    }

    /// Everything at or below `path` fails from now on, also what is open: a disk that is gone.
    pub fn lose(&self, path: &Path, fault: Fault) {
        self.lose_only(path, &Operation::ALL, fault);
    }

    /// What was lost at or below `path` is there again.
    pub fn give_back(&self, path: &Path) {
        self.faults().give_back(path);
    }

    /// These operations fail at or below `path` from now on.
    pub fn lose_only(&self, path: &Path, operations: &[Operation], fault: Fault) {
        self.faults().lose(path, operations, fault);
    }

    /// Nothing fails any more.
    pub fn mend(&self) {
        self.faults().mend();
    }

    /// What `space` says from now on, everywhere.
    pub fn set_space(&self, space: Space) {
        *lock(&self.0.space) = Some(space);
    }

    /// The power goes now: every operation fails from now on.
    pub fn power_off(&self) {
        self.power_off_after(0);
    }

    /// The power goes after `operations` more.
    pub fn power_off_after(&self, operations: u64) {
        let _idle = lock(&self.0.busy);
        self.faults().power_off_after(operations);
    }

    /// Whether the power is gone.
    pub fn is_off(&self) -> bool {
        self.faults().without_power()
    }

    /// Sectors that were written and may be lost, of all files that have names.
    pub fn unsynced_sectors(&self) -> usize {
        let _idle = lock(&self.0.busy);
        tree::unsynced(&self.0.names)
    }

    /// Writes into `target`, an empty directory, what the disk may hold now; `seed` chooses.
    ///
    /// # Errors
    /// Of the system.
    pub fn left_behind(&self, seed: u64, target: &Path) -> io::Result<()> {
        let _idle = lock(&self.0.busy);
        tree::write_outcome(&self.0.names, &mut Dice::new(seed), target)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.0.faults)
    }

    /// Begins an operation on a name.
    fn begin(&self, operation: Operation, path: &Path) -> io::Result<MutexGuard<'_, ()>> {
        let alone = lock(&self.0.busy);
        self.faults().pass(operation, path)?;
        Ok(alone)
    }

    fn find(&self, path: &Path) -> io::Result<Node> {
        tree::find(&self.0.names, self.below(path)?)
    }

    fn below<'a>(&self, path: &'a Path) -> io::Result<&'a Path> {
        path.strip_prefix(&self.0.root).map_err(|_| Errno::INVAL.into())
    }

    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(self.0.real.join(self.below(path)?))
    }

    /// The directory that a name is in, and the name.
    fn parent<'a>(&self, path: &'a Path) -> io::Result<(Arc<Mutex<Directory>>, &'a str)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or(io::Error::from(Errno::INVAL))?;
        let above = path.parent().ok_or(io::Error::from(Errno::INVAL))?;
        Ok((self.find(above)?.directory()?, name))
    }

    fn open_inode(&self, path: &Path, how: Open) -> io::Result<Arc<Inode>> {
        match (self.find(path), how) {
            (Err(error), Open::WriteOrCreate | Open::Create) if error.kind() == io::ErrorKind::NotFound => {
                let (directory, name) = self.parent(path)?;
                let made = Arc::new(Inode::create(&self.real(path)?)?);
                lock(&directory).change(Change::Put(name.to_owned(), Node::File(made.clone())));
                Ok(made)
            }
            (found, _) => found?.file(),
        }
    }
}

impl Node {
    fn file(self) -> io::Result<Arc<Inode>> {
        match self {
            Self::File(inode) => Ok(inode),
            Self::Directory(_) => Err(Errno::ISDIR.into()),
        }
    }

    fn directory(self) -> io::Result<Arc<Mutex<Directory>>> {
        match self {
            Self::File(_) => Err(Errno::NOTDIR.into()),
            Self::Directory(directory) => Ok(directory),
        }
    }
}

impl FileSystem for FaultyFileSystem {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let _alone = self.begin(Operation::Open, path)?;
        let inode = self.open_inode(path, how)?;
        if how == Open::Create {
            inode.set_len(0)?;
        }
        Ok(Arc::new(Handle::new(self.clone(), path.to_owned(), inode, how != Open::Read)?))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let _alone = self.begin(Operation::CreateDir, path)?;
        fs::create_dir_all(self.real(path)?)?;
        tree::make_directories(&self.0.names, self.below(path)?)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let _alone = self.begin(Operation::ReadDir, path)?;
        let directory = self.find(path)?.directory()?;
        let entry = |(name, node): (&String, &Node)| match node {
            Node::File(inode) => Entry { name: name.clone(), is_dir: false, len: inode.len() },
            Node::Directory(_) => Entry { name: name.clone(), is_dir: true, len: 0 },
        };
        Ok(lock(&directory).now().iter().map(entry).collect())
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        let _alone = self.begin(Operation::Len, path)?;
        Ok(self.find(path)?.file()?.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _alone = self.begin(Operation::Rename, from)?;
        let node = self.find(from)?;
        if let Ok(Node::File(replaced)) = self.find(to) {
            replaced.keep()?;
        }
        let ((source, old), (target, new)) = (self.parent(from)?, self.parent(to)?);
        fs::rename(self.real(from)?, self.real(to)?)?;
        node.clone().file()?.moved(&self.real(to)?);
        if Arc::ptr_eq(&source, &target) {
            lock(&source).change(Change::Renamed(old.to_owned(), new.to_owned()));
        } else {
            lock(&source).change(Change::Removed(old.to_owned()));
            lock(&target).change(Change::Put(new.to_owned(), node));
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let _alone = self.begin(Operation::Remove, path)?;
        self.find(path)?.file()?.keep()?;
        let (directory, name) = self.parent(path)?;
        fs::remove_file(self.real(path)?)?;
        lock(&directory).change(Change::Removed(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let _alone = self.begin(Operation::SyncDir, path)?;
        if self.0.root.starts_with(path) && self.0.root != path {
            return Ok(());
        }
        lock(&*self.find(path)?.directory()?).sync();
        Ok(())
    }

    fn sync_all(&self, dir: &Path) -> io::Result<()> {
        let begun = self.begin(Operation::SyncAll, dir);
        let node = self.find(dir)?;
        match &begun {
            Ok(_alone) => tree::sync(&node),
            Err(_) => tree::sync_failed(&node),
        }
        begun.map(drop)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let _alone = self.begin(Operation::Space, dir)?;
        self.find(dir)?;
        let pretended = *lock(&self.0.space);
        pretended.map_or_else(|| RealFileSystem.space(&self.real(dir)?), Ok)
    }

    fn is_mount_point(&self, dir: &Path) -> io::Result<bool> {
        let _alone = self.begin(Operation::Space, dir)?;
        RealFileSystem.is_mount_point(&self.real(dir)?)
    }
}
