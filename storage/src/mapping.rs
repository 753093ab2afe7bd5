//! A file that is appended to by `pwrite` and read through a memory map. The only file with `unsafe`.
//!
//! What must always hold, so that a view is a plain `&[u8]` for as long as anybody keeps it:
//! - Bytes below `len` are written before `len` says so, and are never written again through this type.
//! - The file is never cut below `len` while the process lives; `trim` cuts what was only allocated.
//! - A view lies below `len` as it was when the view was made. The map itself may reach beyond the end of the file (space
//!   to grow), but nothing there is ever touched.
//! - Nobody else writes the file: the store's lock keeps other processes away.
//!
//! A page that cannot be read from the disk is a SIGBUS here as in every program that maps files.
#![allow(unsafe_code)]

use std::io::{self, IoSlice};
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use memmap2::MmapRaw;

use crate::fs::{self, File, FileSystem, Open};

/// The first allocation, and the smallest step.
const STEP_MIN: u64 = 16 * 1024;
/// The largest step: what a busy partition may waste until its segment is trimmed.
const STEP_MAX: u64 = 32 * 1024 * 1024;
/// The smallest map; more address space than needed costs nothing and saves maps as the file grows.
const MAP_MIN: u64 = 1024 * 1024;

/// An append-only file with a readable front.
pub struct MappedFile {
    file: Arc<dyn File>,
    tail: Mutex<Tail>,
    len: AtomicU64,
    map: RwLock<Option<Arc<MmapRaw>>>,
}

/// What only the writer uses.
struct Tail {
    allocated: u64,
}

/// Bytes of a mapped file; keeps the map alive.
#[derive(Clone)]
pub struct View {
    map: Arc<MmapRaw>,
    range: Range<usize>,
}

impl MappedFile {
    /// Makes a new file; one left over by a crash is emptied.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(fs: &dyn FileSystem, path: &Path) -> io::Result<Self> {
        Ok(Self::new(fs.open(path, Open::Create)?, 0, 0))
    }

    /// Opens a file whose first `len` bytes are good.
    ///
    /// # Errors
    /// Of the file system; `UnexpectedEof` when the file is shorter.
    pub fn open(fs: &dyn FileSystem, path: &Path, len: u64) -> io::Result<Self> {
        let file = fs.open(path, Open::Write)?;
        let allocated = file.len()?;
        if allocated < len {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{}: too short", path.display())));
        }
        Ok(Self::new(file, len, allocated))
    }

    fn new(file: Arc<dyn File>, len: u64, allocated: u64) -> Self {
        Self { file, tail: Mutex::new(Tail { allocated }), len: AtomicU64::new(len), map: RwLock::new(None) }
    }

    /// Bytes that can be read.
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Appends `parts` and makes them readable; returns where they begin. Nothing has changed after an error.
    ///
    /// # Errors
    /// Of the file system; a full disk is noticed before anything is written.
    pub fn append(&self, parts: [&[u8]; 2]) -> io::Result<u64> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.len.load(Ordering::Relaxed);
        let end = position + (parts[0].len() + parts[1].len()) as u64;
        if end > tail.allocated {
            tail.allocated = self.allocate(tail.allocated, end)?;
        }
        fs::write_all(&*self.file, &mut parts.map(IoSlice::new), position)?;
        self.len.store(end, Ordering::Release);
        Ok(position)
    }

    /// Space grows with what is there already: a quiet partition stays small, a busy one asks seldom. Where there is not so
    /// much any more, what is needed will do.
    fn allocate(&self, allocated: u64, needed: u64) -> io::Result<u64> {
        let needed = needed.next_multiple_of(4096);
        let generous = needed.max(allocated + allocated.clamp(STEP_MIN, STEP_MAX));
        match self.allocate_to(allocated, generous) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && needed < generous => {
                self.allocate_to(allocated, needed)
            }
            outcome => outcome,
        }
    }

    fn allocate_to(&self, allocated: u64, target: u64) -> io::Result<u64> {
        match self.file.allocate(allocated, target - allocated) {
            // Some file systems cannot: the write itself then finds out whether there is space.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(target),
        }
    }

    /// Gives back what is allocated beyond the last byte.
    ///
    /// # Errors
    /// Of the file system.
    pub fn trim(&self) -> io::Result<()> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.allocated = self.len.load(Ordering::Relaxed);
        self.file.set_len(tail.allocated)
    }

    /// Makes the bytes below `len` durable; returns how many those are at least.
    ///
    /// # Errors
    /// Of the file system; the state of the file on the disk is then unknown.
    pub fn sync(&self) -> io::Result<u64> {
        let len = self.len();
        self.file.sync()?;
        Ok(len)
    }

    /// The bytes in `range`.
    ///
    /// # Errors
    /// `UnexpectedEof` beyond `len`; of the system when the file cannot be mapped.
    pub fn view(&self, range: Range<u64>) -> io::Result<View> {
        if range.end > self.len() || range.start > range.end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (Ok(start), Ok(end)) = (usize::try_from(range.start), usize::try_from(range.end)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        Ok(View { map: self.map_of(end)?, range: start..end })
    }

    /// How far from its beginning `range` is in memory, so that looking at it waits for no disk: the end of that stretch.
    pub fn resident_end(&self, range: Range<u64>) -> u64 {
        let whole = || self.view(range.clone()).ok().map(|view| view.resident_len() as u64);
        range.start + if range.is_empty() { 0 } else { whole().unwrap_or(0) }
    }

    /// The parts of `range`, in whole pages, that are not in memory.
    ///
    /// # Errors
    /// As `view`.
    pub fn absent(&self, range: Range<u64>) -> io::Result<Vec<Range<u64>>> {
        Ok(self.view(range)?.absent())
    }

    /// Fills `buffer` with the bytes from `position` on, without the map: what the disk cannot read is an error.
    ///
    /// # Errors
    /// Of the file system; `UnexpectedEof` beyond `len`.
    pub fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()> {
        match self.read_some(buffer, position) {
            (_, Some(error)) => Err(error),
            (_, None) => Ok(()),
        }
    }

    /// As `read_at`; says how many bytes could be read before the error.
    pub fn read_some(&self, buffer: &mut [u8], position: u64) -> (usize, Option<io::Error>) {
        if position.saturating_add(buffer.len() as u64) > self.len() {
            return (0, Some(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, position + done as u64) {
                Ok(0) => return (done, Some(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (done, Some(error)),
            }
        }
        (done, None)
    }

    /// Asks the system to have `range` in memory soon. Does not wait.
    pub fn read_ahead(&self, range: Range<u64>) {
        self.file.read_ahead(range.start..range.end.min(self.len()));
    }

    fn map_of(&self, end: usize) -> io::Result<Arc<MmapRaw>> {
        let present = self.map.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(map) = present.filter(|map| map.len() >= end) {
            return Ok(map);
        }
        let len = (self.len() * 4).max(MAP_MIN);
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let map = self.file.map(len)?;
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Some(map.clone());
        Ok(map)
    }
}

impl View {
    /// The bytes, shared, without copying them.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Bytes from the beginning that are in memory.
    fn resident_len(&self) -> usize {
        let (pages, before) = self.pages();
        let present = pages.iter().take_while(|present| **present).count();
        (present * rustix::param::page_size()).saturating_sub(before).min(self.range.len())
    }

    /// Where the pages lie that are not in memory.
    fn absent(&self) -> Vec<Range<u64>> {
        let page = rustix::param::page_size() as u64;
        let (pages, before) = self.pages();
        let mut start = (self.range.start - before) as u64;
        let mut absent = Vec::new();
        for run in pages.chunk_by(|a, b| a == b) {
            let end = start + run.len() as u64 * page;
            if run.first() == Some(&false) {
                absent.push(start..end);
            }
            start = end;
        }
        absent
    }

    /// Whether each page is in memory, and how many bytes of the first one lie before the view. None is when the system does not say.
    fn pages(&self) -> (Vec<bool>, usize) {
        let page = rustix::param::page_size();
        let before = self.range.start % page;
        let (first, len) = (self.range.start - before, self.range.len() + before);
        let mut pages = vec![0_u8; len.div_ceil(page)];
        // SAFETY: `first` is a multiple of the page size within the map, the map reaches to `first + len`, and there is a byte in
        // `pages` for each page of it. The call reads no memory of the map and writes nothing but `pages`.
        let asked = unsafe { libc::mincore(self.map.as_mut_ptr().add(first).cast(), len, pages.as_mut_ptr()) };
        (pages.into_iter().map(|page| asked == 0 && page & 1 == 1).collect(), before)
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `range` lies within the map and below the file's `len` when the view was made; those bytes are
        // initialized, are never written again and stay in the file (see the top), and `map` lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.range.start), self.range.len()) }
    }
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::RealFileSystem;

    #[test]
    fn views_stay_as_they_were_while_the_file_grows() {
        let dir = tempfile::tempdir().unwrap();
        let file = MappedFile::create(&RealFileSystem, &dir.path().join("f")).unwrap();
        assert_eq!(file.append([b"head", b"body"]).unwrap(), 0);
        let early = file.view(0..8).unwrap();
        for _ in 0..100 {
            file.append([&[7; 10], &[8; 40_000]]).unwrap();
        }
        assert_eq!(&*early, b"headbody");
        assert_eq!(&*file.view(4..10).unwrap(), b"body\x07\x07");
        assert!(file.view(0..file.len() + 1).is_err());
        file.trim().unwrap();
        assert_eq!(file.file.len().unwrap(), file.len());
        assert_eq!(&early.into_bytes()[..], b"headbody");
    }

    #[test]
    fn what_the_system_has_dropped_is_not_resident() {
        let dir = tempfile::tempdir().unwrap();
        let file = MappedFile::create(&RealFileSystem, &dir.path().join("f")).unwrap();
        file.append([&[7; 100_000], &[]]).unwrap();
        assert_eq!(file.resident_end(5_000..100_000), 100_000);
        file.sync().unwrap();
        let other = std::fs::File::open(dir.path().join("f")).unwrap();
        rustix::fs::fadvise(other, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        assert_eq!(file.resident_end(5_000..100_000), 5_000);
        assert_eq!(file.absent(5_000..90_000).unwrap(), vec![4_096..90_112]);
        let mut buffer = vec![0; 100_000];
        file.read_at(&mut buffer, 0).unwrap();
        assert!(buffer.iter().all(|byte| *byte == 7));
        assert_eq!(file.resident_end(5_000..100_000), 100_000);
        assert_eq!(file.resident_end(5_000..100_001), 5_000);
        assert_eq!(file.absent(5_000..90_000).unwrap(), []);
    }

    #[test]
    fn a_quiet_file_takes_little_space() {
        let dir = tempfile::tempdir().unwrap();
        let file = MappedFile::create(&RealFileSystem, &dir.path().join("f")).unwrap();
        file.append([b"x", b""]).unwrap();
        assert!(file.file.len().unwrap() <= 16 * 1024);
    }

    #[test]
    fn a_file_shorter_than_promised_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"abc").unwrap();
        assert!(MappedFile::open(&RealFileSystem, &path, 4).is_err());
        assert_eq!(&*MappedFile::open(&RealFileSystem, &path, 3).unwrap().view(0..3).unwrap(), b"abc");
    }
}
