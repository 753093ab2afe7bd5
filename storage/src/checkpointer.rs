//! The checkpointer: one thread that makes the segments durable in place, so that the journal's files can be used again.
//!
//! What must always hold:
//! - A journal file goes back only after every byte it holds is durable in its segment. Where space or files are wanting it goes on
//!   trying: nobody else would give the file back.
//! - While the journal has files to spare, commits find the disk free: few segments are written out in small pieces with pauses; many with one
//!   sync of the device, which costs a fraction of theirs.
//!
//! It also gives back what a segment that will not grow any more has allocated too much.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};

use crate::journal::Finished;
use crate::segment::Segment;
use crate::store::Store;
use crate::syncing::{needs_device, sync_all, sync_device};

/// How soon what found no space is tried again.
pub const RETRY: Duration = Duration::from_millis(100);
/// Bytes of a segment that go to the disk at a time: no commit has to wait for more.
const PIECE: u64 = 128 * 1024;
/// How long it leaves the disk alone after a piece. A journal file of 64 MiB is settled in a second.
const PIECE_PAUSE: Duration = Duration::from_millis(2);
/// After syncing a segment it leaves the disk alone for so many times as long as that took.
const PAUSE_FACTOR: u32 = 3;
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// Segments from which on a sync of the whole device costs less. Measured with 4 KiB in each of 1,000: 20 ms instead of 400.
const DEVICE_SEGMENTS_MIN: usize = 64;

/// Work for the checkpointer.
pub enum Check {
    /// A full journal file and the segments whose bytes it holds.
    File(Finished, Vec<Arc<Segment>>),
    /// A segment that is complete and committed.
    Complete(Arc<Segment>),
}

/// A journal file that can be used again.
pub struct Settled {
    /// Which.
    pub file: Finished,
    /// Bytes that had to be made durable in place.
    pub bytes: u64,
    /// What that took, without pauses.
    pub syncing: Duration,
    /// How long ago the one before it was settled.
    pub since_last: Duration,
}

/// The thread's own.
pub struct Checkpointer {
    store: Arc<Store>,
    checks: Receiver<Check>,
    done: Sender<Settled>,
    last: Instant,
}

impl Checkpointer {
    /// For a store; takes work from `checks` until nobody can send any.
    pub fn new(store: Arc<Store>, checks: Receiver<Check>, done: Sender<Settled>) -> Self {
        Self { store, checks, done, last: Instant::now() }
    }

    /// Until there is no more work, or the store has failed.
    pub fn run(mut self) {
        while let Ok(check) = self.checks.recv() {
            let settled = match check {
                Check::File(file, segments) => self.insist(|| self.settle(&segments)).map(|done| Some((file, done))),
                Check::Complete(segment) => {
                    self.insist(|| segment.sync().and_then(|()| segment.finish(0))).map(|()| None)
                }
            };
            match settled {
                Some(Some((file, (bytes, syncing)))) => self.give_back(file, bytes, syncing),
                Some(None) => {}
                None => return,
            }
        }
    }

    /// Tries again while that may help; `None` when the store has failed.
    fn insist<T>(&self, work: impl Fn() -> io::Result<T>) -> Option<T> {
        loop {
            match work() {
                Ok(done) => return Some(done),
                Err(error) if !self.store.write_failed("a checkpoint", &error).may_pass() => return None,
                Err(_) if self.store.check_appendable().is_err() => return None,
                Err(_) => std::thread::sleep(RETRY),
            }
        }
    }

    fn give_back(&mut self, file: Finished, bytes: u64, syncing: Duration) {
        let since_last = self.last.elapsed();
        self.last = Instant::now();
        // Nobody waits for it any more once the committer is gone.
        let _ = self.done.send(Settled { file, bytes, syncing, since_last });
    }

    /// Makes segments durable in place; returns how many bytes were not, and the time that syncs took.
    fn settle(&self, segments: &[Arc<Segment>]) -> io::Result<(u64, Duration)> {
        let begun = Instant::now();
        let bytes = segments.iter().map(|segment| segment.len().saturating_sub(segment.in_place_len())).sum();
        if segments.len() >= DEVICE_SEGMENTS_MIN || needs_device(segments) {
            sync_device(&self.store.files, segments)?;
        } else if self.is_pressed() {
            sync_all(&self.store.files, segments)?;
        } else {
            return Ok((bytes, self.settle_slowly(segments)?));
        }
        Ok((bytes, begun.elapsed()))
    }

    /// One piece after the other with pauses, as long as nothing presses.
    fn settle_slowly(&self, segments: &[Arc<Segment>]) -> io::Result<Duration> {
        segments.iter().try_fold(Duration::ZERO, |syncing, segment| {
            let mut begun = segment.in_place_len();
            while begun < segment.len() && self.has_time() {
                let piece = begun..segment.len().min(begun + PIECE);
                begun = piece.end;
                segment.begin_sync(piece);
                std::thread::sleep(PIECE_PAUSE);
            }
            let begun = Instant::now();
            segment.sync()?;
            let took = begun.elapsed();
            if self.has_time() {
                std::thread::sleep((took * PAUSE_FACTOR).min(PAUSE_MAX));
            }
            Ok(syncing + took)
        })
    }

    fn has_time(&self) -> bool {
        !self.is_pressed() && self.store.check_appendable().is_ok()
    }

    fn is_pressed(&self) -> bool {
        !self.checks.is_empty()
    }
}
