//! Moving partitions to another store because somebody asks for it (KIP-113).
//!
//! 1. The open chain is left for a new one in the other store, as when a store fails; what is appended from now on is there.
//! 2. One sealed chain after the other is copied, behind the reader's back, at a rate.
//! 3. The copy names the chain that it replaces; once the other store has it durably, the original goes.
//!
//! What must always hold: a crash leaves the original, the copy, or both, and the next start takes the copy; records keep offsets and bytes;
//! a copy has every batch checked.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use catena_protocol::batch::{BatchHeader, crc_matches};

use crate::compaction::{Pace, Shape, Source, Target};
use crate::fs::Open;
use crate::ids::{PartitionId, StoreId};
use crate::log::{MovedChain, PartitionLog, SwapError};
use crate::segment::Segment;
use crate::storage::{Shared, lock};
use crate::store::Store;

/// Bytes read and written at a time.
const BUFFER_BYTES: usize = 1024 * 1024;
/// How soon a chain that changed meanwhile is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// The partitions that are to be moved, and the thread that does it.
pub struct Moves {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    wanted: BTreeMap<PartitionId, StoreId>,
    thread: Option<JoinHandle<()>>,
    bytes_per_second_max: f64,
    stopping: bool,
}

impl Moves {
    /// Nothing to move; later at `bytes_per_second_max`.
    pub fn new(bytes_per_second_max: f64) -> Self {
        let state = State { wanted: BTreeMap::new(), thread: None, bytes_per_second_max, stopping: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Goes on at another rate at once.
    pub fn set_rate(&self, bytes_per_second_max: f64) {
        self.lock().bytes_per_second_max = bytes_per_second_max;
        self.changed.notify_all();
    }

    /// Where a partition is on its way to.
    pub fn target(&self, partition: PartitionId) -> Option<StoreId> {
        self.lock().wanted.get(&partition).copied()
    }

    /// Moves a partition to `store`; a later word counts.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn begin(&self, shared: &Arc<Shared>, partition: PartitionId, store: StoreId) -> io::Result<()> {
        let mut state = self.lock();
        state.wanted.insert(partition, store);
        if state.thread.is_none() && !state.stopping {
            let shared = shared.clone();
            let run = move || shared.clone().moves.run(&shared);
            state.thread = Some(std::thread::Builder::new().name("move".into()).spawn(run)?);
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Ends the thread; what is not moved stays where it is.
    pub fn stop(&self) {
        let thread = {
            let mut state = self.lock();
            state.stopping = true;
            self.changed.notify_all();
            state.thread.take()
        };
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that moves partitions has panicked");
        }
    }

    fn run(&self, shared: &Shared) {
        while let Some((partition, store)) = self.next() {
            if self.move_partition(shared, partition, store) {
                let mut state = self.lock();
                if state.wanted.get(&partition) == Some(&store) {
                    state.wanted.remove(&partition);
                }
            } else {
                self.rest(RETRY);
            }
        }
    }

    fn next(&self) -> Option<(PartitionId, StoreId)> {
        let nothing = |state: &mut State| state.wanted.is_empty() && !state.stopping;
        let state = self.changed.wait_while(self.lock(), nothing).unwrap_or_else(PoisonError::into_inner);
        let first = state.wanted.first_key_value().map(|(partition, store)| (*partition, *store));
        first.filter(|_| !state.stopping)
    }

    /// Waits, but not when the rate changes; whether work goes on.
    fn rest(&self, pause: Duration) -> bool {
        let state = self.lock();
        let rate = state.bytes_per_second_max;
        let same = |state: &mut State| !state.stopping && state.bytes_per_second_max == rate;
        let (state, _) = self.changed.wait_timeout_while(state, pause, same).unwrap_or_else(PoisonError::into_inner);
        !state.stopping
    }

    fn rate(&self) -> f64 {
        self.lock().bytes_per_second_max
    }

    /// Whether there is nothing more to do for a partition.
    fn move_partition(&self, shared: &Shared, partition: PartitionId, store: StoreId) -> bool {
        let log = shared.log(partition).filter(|log| !log.is_deleted());
        let (Some(log), Some(target)) = (log, shared.stores.with_id(store)) else { return true };
        if let Err(error) = target.check_alive().and_then(|()| log.write_in_future(&target)) {
            tracing::warn!("{partition}: is not moved to {}: {error}", target.dir.display());
            return true;
        }
        let mut pace = Pace::new(self.rate(), Instant::now());
        while let Some(original) = log.chain_outside(&target) {
            match self.copy(shared, &log, &target, &original, &mut pace) {
                Ok(()) => {}
                Err(Failure::Again) => return false,
                Err(Failure::Never(why)) => {
                    tracing::error!("{partition}: is not moved to {} any further: {why}", target.dir.display());
                    return true;
                }
            }
        }
        tracing::info!("{partition}: moved to {}", target.dir.display());
        true
    }

    fn copy(
        &self,
        shared: &Shared,
        log: &Arc<PartitionLog>,
        target: &Arc<Store>,
        original: &[Arc<Segment>],
        pace: &mut Pace,
    ) -> Result<(), Failure> {
        let chain = shared.stores.next_chain(target);
        let Some(first) = original.first() else { return Ok(()) };
        let never = |error: io::Error| Failure::Never(target.write_failed("moving a chain", &error).to_string());
        let shape = Shape {
            segment_bytes: u64::from(log.config().segment_bytes),
            index_interval_bytes: log.config().index_interval_bytes,
            buffer_bytes: BUFFER_BYTES,
        };
        let mut copy = Target::create(target.files.clone(), chain, first.id.base_offset, shape).map_err(never)?;
        for segment in original {
            self.copy_segment(segment, &mut copy, target, pace)?;
        }
        let segments = copy.finish().map_err(never)?;
        let moved = MovedChain { chain, store: target.clone(), original: original.to_vec(), segments };
        // A store that comes back now would show readers the original again.
        let _changing = lock(&shared.changing);
        let swapped = log.take_copy(&moved, |id| shared.stores.with_id(id));
        swapped.map_err(|error| {
            moved.segments.iter().for_each(|segment| segment.remove_files());
            match error {
                SwapError::Changed => Failure::Again,
                SwapError::Store(error) => Failure::Never(error.to_string()),
            }
        })
    }

    fn copy_segment(
        &self,
        segment: &Segment,
        copy: &mut Target,
        target: &Store,
        pace: &mut Pace,
    ) -> Result<(), Failure> {
        let unreadable = |error: io::Error| Failure::Never(format!("{}: {error}", segment.path().display()));
        segment.files().check_usable().map_err(unreadable)?;
        let file = segment.files().fs.open(&segment.path(), Open::Read).map_err(unreadable)?;
        let mut source = Source::new(file, 0, segment.len(), BUFFER_BYTES);
        let mut next = segment.id.base_offset;
        while let Some(batch) = source.next().map_err(unreadable)? {
            let good = |header: &BatchHeader| segment.lineage.fits(header, next) && crc_matches(batch, header);
            let header = BatchHeader::parse(batch).ok().filter(good);
            let header = header.ok_or_else(|| unreadable(io::ErrorKind::InvalidData.into()))?;
            next = header.next_offset();
            let written = copy.push(batch, &header, segment.stamp_at(header.base_offset));
            let rest =
                written.map_err(|error| Failure::Never(target.write_failed("moving a chain", &error).to_string()))?;
            let now = Instant::now();
            pace.set_rate(self.rate(), now);
            let pause = pace.after(header.size() as u64, now).max(rest);
            if !pause.is_zero() && !self.rest(pause) {
                return Err(Failure::Again);
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a chain was not moved.
enum Failure {
    /// It is to be tried again.
    Again,
    /// It stays where it is.
    Never(String),
}
