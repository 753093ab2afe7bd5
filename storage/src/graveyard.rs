//! Files of deleted segments, until they are removed.
//!
//! What was deleted stays on the disk for `file.delete.delay.ms`; then a thread of the store removes it, one file after the other and not
//! faster than `PACE`: to give back many gigabytes at once keeps a file system busy for seconds (all the more where the disk is told
//! of them, mount option `discard`), and commits would wait. When space is short it does not hold back.
//!
//! What must always hold: a segment that is here is in no log any more, for good. Its files are removed, never cut, so that who has
//! mapped them reads on. Nothing is remembered over a stop: the sweep of the next start finds what nobody owns.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files::ChainFiles;
use crate::ids::SegmentId;
use crate::segment::Segment;

/// Bytes removed per second.
const PACE: u64 = 512 << 20;
/// Space is short on a disk of which less than one such part is left.
const SHORT_PART: u64 = 20;

/// What waits to be removed.
#[derive(Default)]
pub struct Graveyard {
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// What is due next on top.
    graves: BinaryHeap<Reverse<Grave>>,
    taken_in: u64,
    bytes: u64,
    closed: bool,
}

/// Deleted segments in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Buried {
    /// Segments taken in since the start.
    pub segments: u64,
    /// Those whose files are still there.
    pub segments_waiting: u64,
    /// Bytes of those.
    pub bytes_waiting: u64,
}

/// Something to be removed, in the order of due times.
struct Grave {
    due: Instant,
    number: u64,
    bytes: u64,
    remains: Remains,
}

enum Remains {
    /// A segment that was in a log.
    Segment(Arc<Segment>),
    /// Files that no log had.
    Orphan(SegmentId),
}

impl PartialEq for Grave {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Grave {}

impl PartialOrd for Grave {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Grave {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

/// What to do next.
enum Next {
    /// Remove this one.
    Remove(Grave),
    /// Wait so long, or until something comes.
    Wait(Option<Duration>),
    /// End.
    End,
}

impl Waiting {
    fn next(&mut self, now: Instant) -> Next {
        if self.closed {
            return Next::End;
        }
        let due = self.graves.peek().map(|Reverse(grave)| grave.due);
        match due.map(|due| due.saturating_duration_since(now)) {
            Some(Duration::ZERO) => self.pop().map_or(Next::Wait(None), Next::Remove),
            wait => Next::Wait(wait),
        }
    }

    fn pop(&mut self) -> Option<Grave> {
        let Reverse(grave) = self.graves.pop()?;
        self.bytes -= grave.bytes;
        Some(grave)
    }

    fn push(&mut self, remains: Remains, bytes: u64, due: Instant) {
        if !self.closed {
            self.taken_in += 1;
            self.bytes += bytes;
            self.graves.push(Reverse(Grave { due, number: self.taken_in, bytes, remains }));
        }
    }
}

impl Graveyard {
    /// Takes in a segment, to be removed when it is `due`.
    pub fn bury(&self, segment: Arc<Segment>, due: Instant) {
        let bytes = segment.len();
        self.lock().push(Remains::Segment(segment), bytes, due);
        self.wake.notify_all();
    }

    /// Takes in files of so many bytes that no log has.
    pub fn bury_orphan(&self, id: SegmentId, bytes: u64) {
        self.lock().push(Remains::Orphan(id), bytes, Instant::now());
        self.wake.notify_all();
    }

    /// The counts now.
    pub fn count(&self) -> Buried {
        let waiting = self.lock();
        Buried {
            segments: waiting.taken_in,
            segments_waiting: waiting.graves.len() as u64,
            bytes_waiting: waiting.bytes,
        }
    }

    /// Ends `tend`, and lets go of everything.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.bytes = 0;
        let graves = std::mem::take(&mut waiting.graves);
        drop(waiting);
        drop(graves);
        self.wake.notify_all();
    }

    /// Removes what is due, until `close`.
    pub fn tend(&self, files: &ChainFiles) {
        while let Some(grave) = self.take() {
            match grave.remains {
                Remains::Segment(segment) => segment.remove_files(),
                Remains::Orphan(id) => remove_orphan(files, id),
            }
            if !is_space_short(files) {
                self.rest(pause_after(grave.bytes));
            }
        }
    }

    /// The next one, when its time has come; `None` after `close`.
    fn take(&self) -> Option<Grave> {
        let mut waiting = self.lock();
        loop {
            waiting = match waiting.next(Instant::now()) {
                Next::Remove(grave) => return Some(grave),
                Next::End => return None,
                Next::Wait(None) => self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Next::Wait(Some(time)) => {
                    self.wake.wait_timeout(waiting, time).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn rest(&self, time: Duration) {
        // A panic elsewhere ends the rest early, no more.
        drop(self.wake.wait_timeout_while(self.lock(), time, |waiting| !waiting.closed));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Graveyard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.count().fmt(f)
    }
}

fn remove_orphan(files: &ChainFiles, id: SegmentId) {
    for path in [id.log_path(&files.dir), id.index_path(&files.dir)] {
        match files.fs.remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("cannot remove {}: {error}", path.display());
            }
            _ => {}
        }
    }
}

fn pause_after(bytes: u64) -> Duration {
    Duration::from_millis(bytes.saturating_mul(1_000) / PACE)
}

fn is_space_short(files: &ChainFiles) -> bool {
    files.fs.space(&files.dir).is_ok_and(|space| space.available < space.total / SHORT_PART)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ChainId, StoreId};

    fn bury(waiting: &mut Waiting, base_offset: i64, due: Instant) {
        let chain = ChainId { epoch: 0, sequence: 0, store: StoreId::new(1).unwrap() };
        waiting.push(Remains::Orphan(SegmentId { chain, base_offset }), 10, due);
    }

    fn next(waiting: &mut Waiting, now: Instant) -> String {
        match waiting.next(now) {
            Next::Remove(Grave { remains: Remains::Orphan(id), .. }) => format!("remove {}", id.base_offset),
            Next::Remove(_) => "remove a segment".into(),
            Next::Wait(time) => format!("wait {time:?}"),
            Next::End => "end".into(),
        }
    }

    #[test]
    fn each_waits_for_its_time_the_earliest_first() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut waiting = Waiting::default();
        assert_eq!(next(&mut waiting, begun), "wait None");
        [(30, 1), (10, 2), (20, 3), (10, 4)].into_iter().for_each(|(ms, base)| bury(&mut waiting, base, at(ms)));
        let steps = [0, 25, 25, 25, 25].map(|ms| next(&mut waiting, at(ms)));
        assert_eq!(steps, ["wait Some(10ms)", "remove 2", "remove 4", "remove 3", "wait Some(5ms)"]);
        assert_eq!(waiting.bytes, 10);
        waiting.closed = true;
        assert_eq!(next(&mut waiting, at(99)), "end");
    }

    #[test]
    fn the_pause_after_a_file_grows_with_its_bytes() {
        assert_eq!([0, PACE / 2, 2 * PACE].map(|bytes| pause_after(bytes).as_millis()), [0, 500, 2_000]);
    }
}
