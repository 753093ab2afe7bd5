//! The files of segments that are open: at most so many, however many segments there are.
//!
//! What must always hold:
//! - Whoever works with a file holds it; this list only keeps it open until somebody wants it again. So any file may leave the
//!   list at any time.
//! - Who finds its file open takes no lock that other files know of; only opening and closing do.
//! - No file is opened, mapped or closed under the list's lock.
//!
//! Which file leaves: the first that was not used since the hand came by last (second chance).

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use memmap2::MmapRaw;
use rustix::process::{Resource, getrlimit};

use crate::error::wants_files;
use crate::fs::File;

/// Files that are open at most, however many the system allows: each may have a map, of which it allows 65,530
/// (`vm.max_map_count`).
const FILES_MAX: usize = 12_288;
/// Files closed when the system has no more of them.
const CLOSED_IN_NEED: usize = 64;
/// The smallest map; more address space than needed costs nothing and saves maps as the file grows.
const MAP_MIN: u64 = 1024 * 1024;

/// Whose a file is: those of one owner can be closed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// One that nobody else is.
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An open file, and its map once somebody wanted one.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: Arc<dyn File>,
    owner: Owner,
    map: RwLock<Option<Arc<MmapRaw>>>,
    /// Again since the hand came by: opened and used once is soon closed.
    used: AtomicBool,
    /// In the list.
    place: AtomicUsize,
}

/// The files that are kept open.
#[derive(Debug)]
pub struct OpenFiles {
    max: usize,
    clock: Mutex<Clock>,
    /// Removed files that are open for those who still read them.
    lingering: AtomicUsize,
}

#[derive(Debug, Default)]
struct Clock {
    places: Vec<Option<Arc<OpenFile>>>,
    free: Vec<usize>,
    hand: usize,
}

impl Default for OpenFiles {
    /// As many as suit this process: half of those that it may have, the others are for connections.
    fn default() -> Self {
        let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
        Self::new((limit.unwrap_or(usize::MAX) / 2).min(FILES_MAX))
    }
}

impl OpenFiles {
    /// Keeps at most `max` files.
    pub fn new(max: usize) -> Self {
        Self { max: max.max(1), clock: Mutex::default(), lingering: AtomicUsize::new(0) }
    }

    /// Opens a file of `owner` by `open`; when the system has no more of them, others are closed for it.
    ///
    /// # Errors
    /// Of `open`.
    pub fn open(&self, owner: Owner, open: impl Fn() -> io::Result<Arc<dyn File>>) -> io::Result<Arc<OpenFile>> {
        let file = loop {
            match open() {
                Err(error) if wants_files(&error) && self.close_some() => {}
                outcome => break outcome?,
            }
        };
        Ok(Arc::new(OpenFile {
            file,
            owner,
            map: RwLock::new(None),
            used: AtomicBool::new(false),
            place: AtomicUsize::new(usize::MAX),
        }))
    }

    /// Keeps `file` open from now on, in place of another one if need be.
    pub fn keep(&self, file: Arc<OpenFile>) {
        let mut clock = self.lock();
        let leaving = if clock.len() >= self.max { clock.turn() } else { None };
        clock.put(file);
        drop(clock);
        drop(leaving);
    }

    /// Does not keep `file` open any more.
    pub fn forget(&self, file: &Arc<OpenFile>) {
        let leaving = self.lock().take(file);
        drop(leaving);
    }

    /// Keeps no file of `owner` open any more.
    pub fn forget_all(&self, owner: Owner) {
        let leaving = self.lock().take_all(owner);
        drop(leaving);
    }

    /// Whether one more may be open without another being closed.
    pub fn has_room(&self) -> bool {
        self.lock().len() + self.lingering.load(Ordering::Relaxed) < self.max
    }

    /// A removed file that somebody holds open himself, or does no more.
    pub fn count_lingering(&self, is_open: bool) {
        if is_open {
            self.lingering.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lingering.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn close_some(&self) -> bool {
        let mut clock = self.lock();
        let leaving: Vec<_> = (0..CLOSED_IN_NEED).map_while(|_| clock.turn()).collect();
        drop(clock);
        !leaving.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Clock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn put(&mut self, file: Arc<OpenFile>) {
        let at = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        file.place.store(at, Ordering::Relaxed);
        if let Some(place) = self.places.get_mut(at) {
            *place = Some(file);
        }
    }

    fn take(&mut self, file: &Arc<OpenFile>) -> Option<Arc<OpenFile>> {
        let at = file.place.load(Ordering::Relaxed);
        let taken = self.places.get_mut(at)?.take_if(|kept| Arc::ptr_eq(kept, file))?;
        self.free.push(at);
        Some(taken)
    }

    fn take_all(&mut self, owner: Owner) -> Vec<Arc<OpenFile>> {
        let is_own = |file: &mut Arc<OpenFile>| file.owner == owner;
        let taken = self.places.iter_mut().enumerate().filter_map(|(at, place)| Some((at, place.take_if(is_own)?)));
        let (free, leaving): (Vec<usize>, _) = taken.unzip();
        self.free.extend(free);
        leaving
    }

    /// The hand goes on to the first file that was not used since it came by, at the latest to where it began.
    fn turn(&mut self) -> Option<Arc<OpenFile>> {
        for _ in 0..=2 * self.places.len() {
            let at = self.hand;
            self.hand = if at + 1 < self.places.len() { at + 1 } else { 0 };
            let unused = |file: &mut Arc<OpenFile>| !file.used.swap(false, Ordering::Relaxed);
            if let Some(leaving) = self.places.get_mut(at).and_then(|place| place.take_if(unused)) {
                self.free.push(at);
                return Some(leaving);
            }
        }
        None
    }
}

impl OpenFile {
    /// Says that it was used.
    pub fn touch(&self) {
        // Most of the time it says so already, and no other core need hear of it.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// The map, if there is one of at least `end` bytes.
    pub fn mapped(&self, end: usize) -> Option<Arc<MmapRaw>> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner).clone();
        map.filter(|map| map.len() >= end)
    }

    /// A map of at least `end` bytes, with room to grow for a file of `len` bytes.
    ///
    /// # Errors
    /// Of the system.
    pub fn map(&self, end: usize, len: u64) -> io::Result<Arc<MmapRaw>> {
        if let Some(map) = self.mapped(end) {
            return Ok(map);
        }
        let room = usize::try_from((len * 4).max(MAP_MIN)).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let map = self.file.map(room)?;
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Some(map.clone());
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;
    use crate::fs::{FileSystem, Open, RealFileSystem};

    struct Kept {
        dir: tempfile::TempDir,
        files: OpenFiles,
        owner: Owner,
    }

    impl Kept {
        fn new(max: usize) -> Self {
            Self { dir: tempfile::tempdir().unwrap(), files: OpenFiles::new(max), owner: Owner::unique() }
        }

        fn open(&self, name: usize) -> Weak<OpenFile> {
            let path = self.dir.path().join(name.to_string());
            let file = self.files.open(self.owner, || RealFileSystem.open(&path, Open::WriteOrCreate)).unwrap();
            let weak = Arc::downgrade(&file);
            self.files.keep(file);
            weak
        }
    }

    fn open_ones(files: &[Weak<OpenFile>]) -> Vec<usize> {
        (0..files.len()).filter(|at| files[*at].strong_count() > 0).collect()
    }

    #[test]
    fn never_more_than_so_many_are_kept_and_those_in_use_stay() {
        let kept = Kept::new(8);
        let mut files = Vec::new();
        for name in 0..100 {
            files.push(kept.open(name));
            files[..3.min(files.len())].iter().filter_map(Weak::upgrade).for_each(|file| file.touch());
            assert!(open_ones(&files).len() <= 8);
        }
        assert_eq!(open_ones(&files)[..3], [0, 1, 2]);
        assert!(open_ones(&files).contains(&99));
    }

    #[test]
    fn a_forgotten_file_is_closed_and_its_place_is_free() {
        let kept = Kept::new(3);
        let files: Vec<_> = (0..3).map(|name| kept.open(name)).collect();
        let held = files[1].upgrade().unwrap();
        kept.files.forget(&held);
        kept.files.forget(&held);
        assert_eq!(open_ones(&files), [0, 1, 2]);
        drop(held);
        assert_eq!(open_ones(&files), [0, 2]);
        let _more = kept.open(3);
        assert_eq!(open_ones(&files), [0, 2]);
    }

    #[test]
    fn all_files_of_one_owner_are_closed_and_their_places_are_free() {
        let mut kept = Kept::new(4);
        let mut files: Vec<_> = (0..2).map(|name| kept.open(name)).collect();
        let other = std::mem::replace(&mut kept.owner, Owner::unique());
        files.push(kept.open(2));
        kept.files.forget_all(other);
        assert_eq!(open_ones(&files), [2]);
        files.extend((3..6).map(|name| kept.open(name)));
        assert_eq!(open_ones(&files), [2, 3, 4, 5]);
    }

    #[test]
    fn want_of_files_closes_others() {
        let kept = Kept::new(1_000);
        let files: Vec<_> = (0..100).map(|name| kept.open(name)).collect();
        let tried = AtomicUsize::new(0);
        let open = || match tried.fetch_add(1, Ordering::Relaxed) {
            0 => Err(rustix::io::Errno::MFILE.into()),
            _ => RealFileSystem.open(&kept.dir.path().join("more"), Open::Create),
        };
        assert!(kept.files.open(kept.owner, open).is_ok());
        assert_eq!(open_ones(&files).len(), 100 - CLOSED_IN_NEED);
        let refused = || Err(rustix::io::Errno::MFILE.into());
        assert!(kept.files.open(kept.owner, refused).is_err());
        assert_eq!(open_ones(&files).len(), 0);
    }
}
