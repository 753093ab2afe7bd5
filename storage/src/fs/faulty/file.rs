//! A file of the faulty file system: a real one, with its image on the disk.
//!
//! What must always hold: the real file holds what the process sees, whatever happens to its name; the image learns of every
//! change of it. A file is open while somebody has it open, or when it has no name any more and may still get it back.

use std::fs::{self, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use memmap2::{MmapOptions, MmapRaw};
use rustix::io::Errno;

use super::dice::Dice;
use super::image::{Image, SECTOR};
use super::tree::lock;
use super::{FaultyFileSystem, File, Operation};

/// A file, whatever its names.
#[derive(Debug)]
pub struct Inode {
    place: Mutex<PathBuf>,
    open: Mutex<Weak<fs::File>>,
    nameless: OnceLock<Arc<fs::File>>,
    image: Mutex<Image>,
    locked: AtomicBool,
}

/// An open file.
#[derive(Debug)]
pub struct Handle {
    disk: FaultyFileSystem,
    path: PathBuf,
    inode: Arc<Inode>,
    real: Arc<fs::File>,
    writable: bool,
    /// Whether this one has the inode's lock.
    holds: AtomicBool,
}

impl Inode {
    /// A file that is durable.
    pub fn present(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path, fs::metadata(path)?.len()))
    }

    /// A new, empty file.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::File::create(path)?;
        Ok(Self::new(path, 0))
    }

    fn new(path: &Path, len: u64) -> Self {
        let (open, nameless, locked) = Default::default();
        Self { place: Mutex::new(path.to_owned()), open, nameless, image: Mutex::new(Image::durable(len)), locked }
    }

    fn real(&self) -> io::Result<Arc<fs::File>> {
        if let Some(nameless) = self.nameless.get() {
            return Ok(nameless.clone());
        }
        let mut open = lock(&self.open);
        if let Some(present) = open.upgrade() {
            return Ok(present);
        }
        let opened = Arc::new(OpenOptions::new().read(true).write(true).open(&*lock(&self.place))?);
        *open = Arc::downgrade(&opened);
        Ok(opened)
    }

    /// The file is about to lose its name.
    pub fn keep(&self) -> io::Result<()> {
        let real = self.real()?;
        self.nameless.get_or_init(|| real);
        Ok(())
    }

    /// The file was renamed.
    pub fn moved(&self, path: &Path) {
        path.clone_into(&mut lock(&self.place));
    }

    pub fn len(&self) -> u64 {
        lock(&self.image).len()
    }

    pub fn unsynced(&self) -> usize {
        lock(&self.image).unsynced()
    }

    pub fn sync(&self) {
        lock(&self.image).sync();
    }

    /// Whole sectors as the process sees them, zeros beyond the end.
    fn sectors(&self, first: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; (end.div_ceil(SECTOR as u64).saturating_sub(first) as usize) * SECTOR];
        let (real, mut filled) = (self.real()?, 0);
        while filled < bytes.len() {
            match real.read_at(&mut bytes[filled..], first * SECTOR as u64 + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(bytes)
    }

    fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        let (first, end) = (position / SECTOR as u64, position + bytes.len() as u64);
        let before = self.sectors(first, end)?;
        let mut after = before.clone();
        after[(position % SECTOR as u64) as usize..][..bytes.len()].copy_from_slice(bytes);
        self.real()?.write_all_at(bytes, position)?;
        lock(&self.image).write(first, &before, &after, end);
        Ok(())
    }

    pub fn set_len(&self, len: u64) -> io::Result<()> {
        let mut image = lock(&self.image);
        let before = self.sectors(len / SECTOR as u64, image.len())?;
        self.real()?.set_len(len)?;
        image.set_len(len, &before);
        Ok(())
    }

    /// A sync has failed.
    pub fn sync_failed(&self) {
        lock(&self.image).sync_failed();
    }

    /// From now on the process sees what the disk has in place of what could not be synced.
    fn forget_cached(&self, dice: &mut Dice) -> io::Result<()> {
        let mut image = lock(&self.image);
        let (real, len) = (self.real()?, image.len());
        image.forget_dropped(dice).into_iter().try_for_each(|(at, bytes)| {
            let position = at * SECTOR as u64;
            let within = len.saturating_sub(position).min(SECTOR as u64) as usize;
            real.write_all_at(&bytes[..within], position)
        })
    }

    /// Writes what the disk may hold into a new file.
    pub fn write_outcome(&self, dice: &mut Dice, target: &Path) -> io::Result<()> {
        const BLOCK: usize = 4096;
        let image = lock(&self.image);
        let outcome = image.outcome(dice);
        let written = fs::File::create_new(target)?;
        let present = self.sectors(0, outcome.len.min(image.len()))?;
        for (block, position) in present.chunks(BLOCK).zip((0..).step_by(BLOCK)) {
            if block.iter().any(|byte| *byte != 0) {
                written.write_all_at(block, position)?;
            }
        }
        outcome.sectors.iter().try_for_each(|(at, bytes)| written.write_all_at(bytes, at * SECTOR as u64))?;
        written.set_len(outcome.len)
    }
}

impl Handle {
    pub fn new(disk: FaultyFileSystem, path: PathBuf, inode: Arc<Inode>, writable: bool) -> io::Result<Self> {
        Ok(Self { disk, path, real: inode.real()?, inode, writable, holds: AtomicBool::new(false) })
    }

    /// Begins an operation that changes the file; also whether a write is to be short.
    fn change(&self, operation: Operation) -> io::Result<(MutexGuard<'_, ()>, bool)> {
        let alone = lock(&self.disk.0.busy);
        let short = self.disk.faults().pass(operation, &self.path)?;
        if self.writable { Ok((alone, short)) } else { Err(Errno::BADF.into()) }
    }
}

impl File for Handle {
    fn len(&self) -> io::Result<u64> {
        let _alone = self.disk.begin(Operation::Len, &self.path)?;
        Ok(self.inode.len())
    }

    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let _alone = self.disk.begin(Operation::Read, &self.path)?;
        self.real.read_at(buffer, position)
    }

    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let (_alone, short) = self.change(Operation::Write)?;
        let mut bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        if short {
            bytes.truncate(bytes.len().div_ceil(2));
        }
        self.inode.write(&bytes, position)?;
        Ok(bytes.len())
    }

    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        let (_alone, _) = self.change(Operation::Allocate)?;
        let end = position.checked_add(len).ok_or(io::Error::from(Errno::FBIG))?;
        if end > self.inode.len() { self.inode.set_len(end) } else { Ok(()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let (_alone, _) = self.change(Operation::SetLen)?;
        self.inode.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let begun = self.disk.begin(Operation::Sync, &self.path);
        match &begun {
            Ok(_alone) => self.inode.sync(),
            Err(_) => self.inode.sync_failed(),
        }
        begun.map(drop)
    }

    fn try_lock(&self) -> io::Result<()> {
        let _alone = self.disk.begin(Operation::Lock, &self.path)?;
        if !self.holds.load(Ordering::Relaxed) {
            let free = self.inode.locked.compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed);
            free.map_err(|_| io::Error::from(io::ErrorKind::WouldBlock))?;
            self.holds.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn forget_cached(&self) {
        let _alone = lock(&self.disk.0.busy);
        if !self.disk.is_off() {
            let mut dice = Dice::new(self.disk.operations());
            self.inode.forget_cached(&mut dice).expect("the real file can be written");
        }
    }

    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>> {
        let _alone = self.disk.begin(Operation::Map, &self.path)?;
        Ok(Arc::new(MmapOptions::new().len(len).map_raw_read_only(&*self.real)?))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.holds.load(Ordering::Relaxed) {
            self.inode.locked.store(false, Ordering::Relaxed);
        }
    }
}
