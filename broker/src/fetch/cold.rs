//! Reading what is not in memory: a queue and a few threads that may wait for the disk, so that no thread that serves connections does.
//!
//! What must always hold:
//! - First come, first served, and one job of a fetch at a time: a reader of cold data waits for others of its kind, nobody else does.
//! - The same read is done once, however many ask for it meanwhile.
//! - What was read takes no more memory than the setting says: beyond that it is left to the system's cache, where the reader finds it.
//! - A job whose askers are all gone is not done.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use catena_storage::{ColdStrategy, PartitionLog, ReadError, ReadSlice, ReadUpTo};
use tokio::sync::oneshot;

/// Beyond so many jobs nothing is read ahead of its being asked for.
const READ_EARLY_MAX: usize = 64;

/// What the threads leave to others when there is not enough of the processor.
const NICENESS: i32 = 5;

/// What is to be read.
#[derive(Clone)]
pub struct ColdRead {
    /// Where.
    pub log: Arc<PartitionLog>,
    /// From which offset on.
    pub offset: i64,
    /// Bytes at most ...
    pub bytes_max: usize,
    /// ... but one batch in any case.
    pub min_one_batch: bool,
    /// How far the reader may see.
    pub up_to: ReadUpTo,
    /// How the reader has the disk read.
    pub strategy: ColdStrategy,
}

/// What came of a read. None: it is in the system's cache now, for a reader that hurries.
pub type Outcome = Result<Option<ReadSlice>, ReadError>;

/// The threads and what they share. They end when this is dropped.
pub struct ColdReads {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    buffers: Arc<Buffers>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<ColdRead>,
    /// Who waits for a job that is queued or done now.
    askers: HashMap<Key, Askers>,
    closed: bool,
}

#[derive(Default)]
struct Askers {
    waiting: Vec<oneshot::Sender<Outcome>>,
    /// Somebody will ask for it soon.
    early: bool,
}

/// Which read it is: the log by its address, which the job keeps.
#[derive(PartialEq, Eq, Hash)]
struct Key(usize, i64, usize, bool, ReadUpTo, ColdStrategy);

/// Memory that slices take.
struct Buffers {
    held: AtomicUsize,
    bytes_max: usize,
}

impl ColdReads {
    /// Starts `threads` threads, which keep `buffer_bytes` of slices at most.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(threads: usize, buffer_bytes: usize) -> io::Result<Self> {
        let buffers = Arc::new(Buffers { held: AtomicUsize::new(0), bytes_max: buffer_bytes });
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new(), buffers });
        let started = Self { shared };
        for at in 0..threads {
            let shared = started.shared.clone();
            std::thread::Builder::new().name(format!("cold-read-{at}")).spawn(move || shared.work())?;
        }
        Ok(started)
    }

    /// Reads, and completes with what came of it; None when the broker stops.
    pub async fn read(&self, read: ColdRead) -> Option<Outcome> {
        let (sender, receiver) = oneshot::channel();
        self.shared.ask(read, Some(sender));
        receiver.await.ok()
    }

    /// Reads without anybody waiting for it, unless there is much to do.
    pub fn read_early(&self, read: ColdRead) {
        if self.queued() < READ_EARLY_MAX {
            self.shared.ask(read, None);
        }
    }

    /// Jobs that no thread has begun.
    pub fn queued(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// Bytes that slices take now.
    pub fn buffer_bytes(&self) -> usize {
        self.shared.buffers.held.load(Ordering::Relaxed)
    }
}

impl Drop for ColdReads {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.queue.clear();
        state.askers.clear();
        self.shared.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the read into the queue, unless the same one is there.
    fn ask(&self, read: ColdRead, asker: Option<oneshot::Sender<Outcome>>) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        let State { queue, askers, .. } = &mut *state;
        let askers = askers.entry(Key::of(&read)).or_insert_with(|| {
            queue.push_back(read);
            self.wake.notify_one();
            Askers::default()
        });
        askers.early |= asker.is_none();
        askers.waiting.extend(asker);
    }

    fn work(&self) {
        // Behind whoever serves connections. Where the system refuses, as all others.
        let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
        while let Some(read) = self.next() {
            let ColdRead { offset, bytes_max, min_one_batch, up_to, strategy, .. } = read;
            let slice = read.log.read_by(strategy, offset, bytes_max, min_one_batch, up_to);
            let outcome = slice.map(|slice| self.buffers.clone().hold(slice));
            let askers = self.lock().askers.remove(&Key::of(&read)).unwrap_or_default();
            for asker in askers.waiting {
                // One that is gone does not mind.
                let _ = asker.send(share(&outcome));
            }
        }
    }

    /// The next job that somebody wants; None at the end.
    fn next(&self) -> Option<ColdRead> {
        let mut state = self.lock();
        while !state.closed {
            let Some(read) = state.queue.pop_front() else {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let key = Key::of(&read);
            if state.askers.get(&key).is_some_and(Askers::are_there) {
                return Some(read);
            }
            state.askers.remove(&key);
        }
        None
    }
}

impl Askers {
    fn are_there(&self) -> bool {
        self.early || self.waiting.iter().any(|asker| !asker.is_closed())
    }
}

impl Key {
    fn of(read: &ColdRead) -> Self {
        Self(Arc::as_ptr(&read.log).addr(), read.offset, read.bytes_max, read.min_one_batch, read.up_to, read.strategy)
    }
}

/// The same outcome for another asker.
pub fn share(outcome: &Outcome) -> Outcome {
    let shared = |slice: &ReadSlice| ReadSlice { bytes: slice.bytes.clone(), offsets: slice.offsets };
    outcome.as_ref().map(|slice| slice.as_ref().map(shared)).map_err(Clone::clone)
}

impl Buffers {
    /// The slice, whose memory counts as long as anybody has it; None when there is no room for it.
    fn hold(self: Arc<Self>, slice: ReadSlice) -> Option<ReadSlice> {
        let ReadSlice { bytes, offsets } = slice;
        let held = self.held.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        let counted = Counted { bytes, buffers: self };
        (held <= counted.buffers.bytes_max).then(|| ReadSlice { bytes: Bytes::from_owner(counted), offsets })
    }
}

/// Bytes that count.
struct Counted {
    bytes: Bytes,
    buffers: Arc<Buffers>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.buffers.held.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}
