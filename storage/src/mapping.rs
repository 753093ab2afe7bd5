//! A file that is appended to by `pwrite` and read through a memory map. The only file with `unsafe`.
//!
//! What must always hold, so that a view is a plain `&[u8]` for as long as anybody keeps it:
//! - Bytes below `len` are written before `len` says so, and are never written again through this type.
//! - The file is never cut below `len` while the process lives; `trim` cuts what was only allocated.
//! - A view lies below `len` as it was when the view was made. The map itself may reach beyond the end of the file (space
//!   to grow), but nothing there is ever touched.
//! - Nobody else writes the file: the store's lock keeps other processes away.
//! - The file may be closed at any time and is opened again when it is wanted: it is the same file, because a name is never used
//!   for two, and it is not mapped before it was seen to have `len` bytes. A view keeps its own map, whatever is closed.
//!
//! A page that cannot be read from the disk is a SIGBUS here as in every program that maps files.
//!
//! A write that fails in the background is reported to files that were open meanwhile. So what was written to a file that has been
//! closed since is made durable by a sync of the whole device, which hears of every such failure.
#![allow(unsafe_code)]

use std::io::{self, IoSlice};
use std::ops::{Deref, Range};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};

use bytes::Bytes;
use memmap2::MmapRaw;

use crate::files::{ChainFiles, SegmentFile};
use crate::fs::{self, File, Open};
use crate::growth::allocate;
use crate::open_files::OpenFile;

/// What is rather copied than mapped for a single use, bytes.
const COPY_MAX: usize = 64 * 1024;

/// An append-only file with a readable front.
pub struct MappedFile {
    files: Arc<ChainFiles>,
    name: SegmentFile,
    open: RwLock<Weak<OpenFile>>,
    /// Bytes allocated; only the writer uses it.
    allocated: Mutex<u64>,
    len: AtomicU64,
    /// Bytes that are durable.
    synced_len: AtomicU64,
    /// Bytes that were there, durable or not, when the file was last opened again.
    reopened_len: AtomicU64,
    removed: AtomicBool,
    /// The file once it was removed, for those who still read it.
    last: OnceLock<Arc<OpenFile>>,
}

/// Bytes of a file; keeps the map alive.
#[derive(Clone)]
pub struct View {
    held: Held,
    range: Range<usize>,
}

#[derive(Clone)]
enum Held {
    Map(Arc<MmapRaw>),
    Copy(Bytes),
}

impl MappedFile {
    /// Makes a new file; one left over by a crash is emptied.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(files: &Arc<ChainFiles>, name: SegmentFile) -> io::Result<Self> {
        let made = Self::existing(files, name, 0);
        let path = files.path(name);
        made.install(files.open.open(files.owner, || files.fs.open(&path, Open::Create))?);
        Ok(made)
    }

    /// A file whose first `len` bytes are good, and durable. It is opened when it is first used.
    pub fn existing(files: &Arc<ChainFiles>, name: SegmentFile, len: u64) -> Self {
        Self {
            files: files.clone(),
            name,
            open: RwLock::default(),
            allocated: Mutex::new(len),
            len: AtomicU64::new(len),
            synced_len: AtomicU64::new(len),
            reopened_len: AtomicU64::new(0),
            removed: AtomicBool::new(false),
            last: OnceLock::new(),
        }
    }

    /// Bytes that can be read.
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Acquire)
    }

    /// Bytes that are durable.
    pub fn synced_len(&self) -> u64 {
        self.synced_len.load(Ordering::Acquire)
    }

    /// Says that the bytes below `len` are durable.
    pub fn note_synced(&self, len: u64) {
        self.synced_len.fetch_max(len, Ordering::AcqRel);
    }

    /// Whether the file was removed.
    pub fn is_removed(&self) -> bool {
        self.removed.load(Ordering::Acquire)
    }

    /// Removes the file. Who has it goes on as before while there are files to spare, else sees `NotFound`.
    ///
    /// # Errors
    /// Of the file system; one that is not there is none.
    pub fn remove(&self) -> io::Result<()> {
        self.removed.store(true, Ordering::Release);
        self.linger();
        match self.files.fs.remove_file(&self.files.path(self.name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether it can be used without being opened.
    pub fn is_open(&self) -> bool {
        self.held().is_some()
    }

    /// The file if it is open.
    fn held(&self) -> Option<Arc<OpenFile>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).upgrade()?;
        open.touch();
        Some(open)
    }

    /// The file, opened now if need be.
    fn open(&self) -> io::Result<Arc<OpenFile>> {
        if let Some(open) = self.held() {
            return Ok(open);
        }
        if self.files.is_closed() {
            self.files.check_usable()?;
        }
        let (path, len) = (self.files.path(self.name), self.len());
        let open = self.files.open.open(self.files.owner, || self.files.fs.open(&path, Open::Write))?;
        if open.file.len()? < len {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{}: too short", path.display())));
        }
        Ok(self.install(open))
    }

    /// Has `opened` kept open, unless somebody else was faster.
    fn install(&self, opened: Arc<OpenFile>) -> Arc<OpenFile> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = open.upgrade() {
            return other;
        }
        // Who reads on and on asks ahead; the system would do so beside producers, too, and for whole partitions at once.
        opened.file.read_only_what_is_asked();
        *open = Arc::downgrade(&opened);
        self.reopened_len.store(self.len(), Ordering::Release);
        drop(open);
        self.files.open.keep(opened.clone());
        if self.is_removed() || self.files.is_closed() {
            self.files.open.forget(&opened);
        }
        opened
    }

    /// Keeps the file open on its own account.
    fn linger(&self) {
        let opened = || self.files.open.has_room().then(|| self.open().ok()).flatten();
        if let Some(open) = self.held().or_else(opened)
            && self.last.set(open.clone()).is_ok()
        {
            self.files.open.forget(&open);
            self.files.open.count_lingering(true);
        }
    }

    /// Appends `parts` and makes them readable; returns where they begin. Nothing has changed after an error.
    ///
    /// # Errors
    /// Of the file system; a full disk is noticed before anything is written.
    pub fn append(&self, parts: [&[u8]; 2]) -> io::Result<u64> {
        let mut allocated = self.allocated.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.open()?;
        let position = self.len.load(Ordering::Relaxed);
        let end = position + (parts[0].len() + parts[1].len()) as u64;
        if end > *allocated {
            *allocated = allocate(&*open.file, *allocated, end)?;
        }
        fs::write_all(&*open.file, &mut parts.map(IoSlice::new), position)?;
        self.len.store(end, Ordering::Release);
        Ok(position)
    }

    /// Gives back what is allocated beyond the last byte, if it is more than `rest_max`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn trim(&self, rest_max: u64) -> io::Result<()> {
        let mut allocated = self.allocated.lock().unwrap_or_else(PoisonError::into_inner);
        let len = self.len.load(Ordering::Relaxed);
        if self.is_removed() || *allocated <= len + rest_max {
            return Ok(());
        }
        *allocated = len;
        self.open()?.file.set_len(len)
    }

    /// Whether a sync of the file alone might miss that a write to it has failed.
    pub fn needs_device_sync(&self) -> bool {
        let synced = self.synced_len();
        if synced >= self.len() || self.is_removed() {
            return false;
        }
        self.held().is_none() || self.reopened_len.load(Ordering::Acquire) > synced
    }

    /// Has the system begin to write `range` to the disk, so that `sync` finds less to do.
    pub fn begin_sync(&self, range: Range<u64>) {
        if let Some(open) = self.held() {
            open.file.begin_sync(range);
        }
    }

    /// Makes the bytes below `len` durable; returns how many those are at least. A removed file is as durable as can be.
    ///
    /// # Errors
    /// Of the file system; the state of the file on the disk is then unknown.
    pub fn sync(&self) -> io::Result<u64> {
        let len = self.len();
        let synced = self.synced_len();
        match self.held() {
            _ if synced >= len || self.is_removed() => {}
            Some(open) if self.reopened_len.load(Ordering::Acquire) <= synced => open.file.sync()?,
            _ => self.files.fs.sync_all(&self.files.dir)?,
        }
        self.note_synced(len);
        Ok(len)
    }

    /// The bytes in `range`.
    ///
    /// # Errors
    /// `UnexpectedEof` beyond `len`; of the system when the file cannot be opened or mapped.
    pub fn view(&self, range: Range<u64>) -> io::Result<View> {
        let range = self.readable(range)?;
        let map = self.open()?.map(range.end, self.len())?;
        Ok(View { held: Held::Map(map), range })
    }

    /// The bytes in `range`, to be looked at once: a few are copied when there is no map yet.
    ///
    /// # Errors
    /// As `view`.
    pub fn glance(&self, range: Range<u64>) -> io::Result<View> {
        let readable = self.readable(range.clone())?;
        let open = self.open()?;
        if readable.len() > COPY_MAX || open.mapped(readable.end).is_some() {
            return self.view(range);
        }
        let mut bytes = vec![0; readable.len()];
        if let (_, Some(error)) = read_some(&*open.file, &mut bytes, range.start) {
            return Err(error);
        }
        Ok(View { range: 0..bytes.len(), held: Held::Copy(bytes.into()) })
    }

    fn readable(&self, range: Range<u64>) -> io::Result<Range<usize>> {
        let known = range.end <= self.len() && range.start <= range.end;
        match (usize::try_from(range.start), usize::try_from(range.end)) {
            (Ok(start), Ok(end)) if known => Ok(start..end),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
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
        self.readable(position..position.saturating_add(buffer.len() as u64))?;
        match read_some(&*self.open()?.file, buffer, position) {
            (_, Some(error)) => Err(error),
            (_, None) => Ok(()),
        }
    }

    /// The bytes from `position` on, `len` of them or as many as can be read, and why there are not more.
    pub fn read_some(&self, position: u64, len: usize) -> (Vec<u8>, Option<io::Error>) {
        let known = self.readable(position..position.saturating_add(len as u64));
        match known.and_then(|_| self.open()) {
            Ok(open) => read_new(&*open.file, position, len),
            Err(error) => (Vec::new(), Some(error)),
        }
    }

    /// Asks the system to have `range` in memory soon. Does not wait.
    pub fn read_ahead(&self, range: Range<u64>) {
        if let Ok(open) = self.open() {
            open.file.read_ahead(range.start..range.end.min(self.len()));
        }
    }
}

/// Has the system begin to write `range` of a file to the disk. A failure is told by the next sync: this call takes none away from it.
pub fn begin_write_back(file: BorrowedFd<'_>, range: Range<u64>) {
    let (Ok(from), Ok(len)) = (range.start.try_into(), range.end.saturating_sub(range.start).try_into()) else {
        return;
    };
    // SAFETY: the descriptor is open as long as it is borrowed; the call touches no memory of this process.
    unsafe { libc::sync_file_range(file.as_raw_fd(), from, len, libc::SYNC_FILE_RANGE_WRITE) };
}

impl Drop for MappedFile {
    fn drop(&mut self) {
        if self.last.take().is_some() {
            self.files.open.count_lingering(false);
        } else if let Some(open) = self.held() {
            self.files.open.forget(&open);
        }
    }
}

/// Fills `buffer`; says how many bytes could be read before an error.
fn read_some(file: &dyn File, buffer: &mut [u8], position: u64) -> (usize, Option<io::Error>) {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, position + done as u64) {
            Ok(0) => return (done, Some(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Some(error)),
        }
    }
    (done, None)
}

/// As `read_some`, into memory that need not be filled before.
fn read_new(file: &dyn File, position: u64, len: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let done = bytes.len();
        match file.read_into(&mut bytes, len - done, position + done as u64) {
            Ok(0) => return (bytes, Some(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (bytes, Some(error)),
        }
    }
    (bytes, None)
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
        let Held::Map(map) = &self.held else { return (vec![true; pages.len()], before) };
        // SAFETY: `first` is a multiple of the page size within the map, the map reaches to `first + len`, and there is a byte in
        // `pages` for each page of it. The call reads no memory of the map and writes nothing but `pages`.
        let asked = unsafe { libc::mincore(map.as_mut_ptr().add(first).cast(), len, pages.as_mut_ptr()) };
        (pages.into_iter().map(|page| asked == 0 && page & 1 == 1).collect(), before)
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.held {
            // SAFETY: `range` lies within the map and below the file's `len` when the view was made; those bytes are
            // initialized, are never written again and stay in the file (see the top), and `map` lives as long as `self`.
            Held::Map(map) => unsafe {
                std::slice::from_raw_parts(map.as_ptr().add(self.range.start), self.range.len())
            },
            Held::Copy(bytes) => bytes,
        }
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
    use crate::files::tests::chain_files;
    use crate::ids::{ChainId, SegmentId, StoreId};

    struct Fixture {
        dir: tempfile::TempDir,
        files: Arc<ChainFiles>,
    }

    impl Fixture {
        fn new(open_max: usize) -> Self {
            let dir = tempfile::tempdir().unwrap();
            (0..256).for_each(|at| std::fs::create_dir(dir.path().join(format!("{at:02x}"))).unwrap());
            Self { files: chain_files(dir.path(), open_max), dir }
        }

        fn name(&self, base_offset: i64) -> SegmentFile {
            SegmentFile::Log(SegmentId {
                chain: ChainId { epoch: 1, sequence: 1, store: StoreId::new(8).unwrap() },
                base_offset,
            })
        }

        fn create(&self, base_offset: i64) -> MappedFile {
            MappedFile::create(&self.files, self.name(base_offset)).unwrap()
        }

        fn open_now(&self) -> usize {
            let ours = |entry: &std::fs::DirEntry| {
                std::fs::read_link(entry.path()).is_ok_and(|path| path.starts_with(self.dir.path()))
            };
            std::fs::read_dir("/proc/self/fd").unwrap().flatten().filter(ours).count()
        }
    }

    #[test]
    fn views_stay_as_they_were_while_the_file_grows() {
        let fixture = Fixture::new(4);
        let file = fixture.create(0);
        assert_eq!(file.append([b"head", b"body"]).unwrap(), 0);
        let early = file.view(0..8).unwrap();
        for _ in 0..100 {
            file.append([&[7; 10], &[8; 40_000]]).unwrap();
        }
        assert_eq!(&*early, b"headbody");
        assert_eq!(&*file.view(4..10).unwrap(), b"body\x07\x07");
        assert!(file.view(0..file.len() + 1).is_err());
        file.trim(0).unwrap();
        assert_eq!(file.open().unwrap().file.len().unwrap(), file.len());
        assert_eq!(&early.into_bytes()[..], b"headbody");
    }

    #[test]
    fn many_files_are_appended_to_and_read_though_few_may_be_open() {
        let fixture = Fixture::new(4);
        let files: Vec<_> = (0..50).map(|at| fixture.create(at)).collect();
        let mut views = Vec::new();
        for round in 0..3_u8 {
            for (at, file) in files.iter().enumerate() {
                file.append([&[at as u8; 500], &[round; 500]]).unwrap();
                views.push((at as u8, round, file.view(u64::from(round) * 1_000..file.len()).unwrap()));
                assert!(fixture.open_now() <= 4);
            }
        }
        assert!(views.iter().all(|(at, round, view)| view[..500] == [*at; 500] && view[500..] == [*round; 500]));
        drop(files);
        assert_eq!(fixture.open_now(), 0);
        assert!(views.iter().all(|(at, round, view)| view[..500] == [*at; 500] && view[500..] == [*round; 500]));
    }

    #[test]
    fn what_was_written_before_a_file_was_closed_needs_a_sync_of_the_device() {
        let fixture = Fixture::new(1);
        let (first, second) = (fixture.create(1), fixture.create(2));
        second.append([b"2", b""]).unwrap();
        assert!(!second.needs_device_sync());
        first.append([b"1", b""]).unwrap();
        assert!(second.needs_device_sync());
        second.append([b"2", b""]).unwrap();
        assert!(second.needs_device_sync(), "open again, but not since the first byte was written");
        assert_eq!(second.sync().unwrap(), 2);
        second.append([b"2", b""]).unwrap();
        assert!(!second.needs_device_sync());
        assert_eq!((second.synced_len(), second.len()), (2, 3));
    }

    #[test]
    fn who_has_a_removed_file_goes_on_and_the_last_one_closes_it() {
        let fixture = Fixture::new(2);
        let files: Vec<_> = (0..3).map(|at| fixture.create(at)).collect();
        files.iter().for_each(|file| assert_eq!(file.append([b"abc", b"def"]).unwrap(), 0));
        files.iter().for_each(|file| file.remove().unwrap());
        files.iter().for_each(|file| file.remove().unwrap());
        assert_eq!(fixture.open_now(), 2);
        let kept: Vec<_> = files.iter().filter(|file| file.view(0..6).is_ok_and(|view| *view == *b"abcdef")).collect();
        assert_eq!(kept.len(), 2, "no more are open than may be");
        assert_eq!(kept[1].append([b"g", b""]).unwrap(), 6);
        drop(files);
        assert_eq!(fixture.open_now(), 0);
        assert!(fixture.files.open.has_room());
    }

    #[test]
    fn a_removed_file_that_was_closed_is_neither_found_nor_missed() {
        let fixture = Fixture::new(1);
        let file = fixture.create(0);
        file.append([b"abc", b"def"]).unwrap();
        let view = file.view(0..6).unwrap();
        let _other = fixture.create(1);
        file.remove().unwrap();
        assert_eq!(file.append([b"g", b""]).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(file.view(0..6).err().unwrap().kind(), io::ErrorKind::NotFound);
        assert_eq!(file.sync().unwrap(), 6);
        file.trim(0).unwrap();
        assert_eq!(&*view, b"abcdef");
    }

    #[test]
    fn a_glance_at_little_makes_no_map() {
        let fixture = Fixture::new(4);
        let file = fixture.create(0);
        file.append([&[7; 100_000], &[]]).unwrap();
        assert_eq!(&*file.glance(10..20).unwrap(), &[7; 10]);
        assert!(file.open().unwrap().mapped(1).is_none());
        assert_eq!(file.glance(0..100_000).unwrap().len(), 100_000);
        assert!(file.open().unwrap().mapped(1).is_some());
        assert!(file.glance(99_999..100_001).is_err());
    }

    #[test]
    fn what_the_system_has_dropped_is_not_resident() {
        let fixture = Fixture::new(4);
        let file = fixture.create(0);
        file.append([&[7; 100_000], &[]]).unwrap();
        assert_eq!(file.resident_end(5_000..100_000), 100_000);
        file.sync().unwrap();
        let other = std::fs::File::open(fixture.files.path(fixture.name(0))).unwrap();
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
        let fixture = Fixture::new(4);
        let file = fixture.create(0);
        file.append([b"x", b""]).unwrap();
        assert!(file.open().unwrap().file.len().unwrap() <= 16 * 1024);
    }

    #[test]
    fn a_file_shorter_than_promised_is_refused() {
        let fixture = Fixture::new(4);
        std::fs::write(fixture.files.path(fixture.name(0)), b"abc").unwrap();
        let existing = |len| MappedFile::existing(&fixture.files, fixture.name(0), len);
        assert!(existing(4).view(0..4).is_err());
        assert_eq!(&*existing(3).view(0..3).unwrap(), b"abc");
    }
}
