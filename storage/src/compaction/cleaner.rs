//! The cleaners: threads that compact one log after the other, the filthiest first.
//!
//! What must always hold: a log is in the hands of one cleaner at most; one that cannot be compacted is left alone until the next start, and
//! said so once; a cleaner holds no lock while it reads and writes, and the processor has it last.
//!
//! Source: Apache Kafka, `LogCleaner.CleanerThread`, `LogCleanerManager`.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam::channel::bounded;

use super::pace::Pace;
use super::pass::{Pass, PassError, PassStats};
use super::plan::{Candidate, SegmentFacts, filthiest};
use super::work::{Survey, Work};
use crate::config::{CleanerOptions, LogConfig};
use crate::error::StoreError;
use crate::log::{Cleanable, PartitionLog, Swap, SwapError};
use crate::reading::Headers;
use crate::segment::Segment;
use crate::storage::{Shared, lock};
use crate::store::Store;

/// How nice a cleaner is to the other threads: 0 as they are, 19 the nicest.
const NICENESS: i32 = 10;
/// Bytes that hold a batch's header.
const FIRST_HEADER: u64 = 4096;

/// The threads; they end when this is dropped.
pub struct Cleaners {
    work: Arc<Work>,
    threads: Vec<JoinHandle<()>>,
}

impl Cleaners {
    /// Starts as many as the options say.
    ///
    /// # Errors
    /// When the system refuses threads.
    pub fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let mut cleaners = Self { work: shared.cleaning.clone(), threads: Vec::new() };
        cleaners.set(shared, shared.options.cleaner.clone())?;
        Ok(cleaners)
    }

    /// Goes on with other options, but for `enabled`, which stays as it was at the start.
    ///
    /// # Errors
    /// When the system refuses threads; the others have the options then.
    pub fn set(&mut self, shared: &Arc<Shared>, options: CleanerOptions) -> io::Result<()> {
        self.threads.retain(|thread| !thread.is_finished());
        let enabled = shared.options.cleaner.enabled;
        for number in self.work.set_options(CleanerOptions { enabled, ..options }) {
            let mut cleaner = Cleaner::new(shared.clone(), self.work.clone(), number);
            let started = std::thread::Builder::new().name("clean".into()).spawn(move || cleaner.run());
            self.threads.push(started.inspect_err(|_| self.work.gone(number))?);
        }
        Ok(())
    }
}

impl Drop for Cleaners {
    fn drop(&mut self) {
        self.work.stop();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a cleaner has panicked");
            }
        }
    }
}

struct Cleaner {
    shared: Arc<Shared>,
    work: Arc<Work>,
    pace: std::cell::RefCell<Pace>,
    number: usize,
}

/// A log to be compacted.
struct Job {
    log: Arc<PartitionLog>,
    config: Arc<LogConfig>,
    segments: Vec<Arc<Segment>>,
}

impl Job {
    fn is_in_reach(&self) -> bool {
        self.segments.iter().all(|segment| segment.files().check_alive().is_ok())
    }
}

/// Why a log was not compacted.
enum Failure {
    /// It is to be tried again.
    Later(String),
    /// It will not be tried again.
    Never(String),
}

impl Cleaner {
    fn new(shared: Arc<Shared>, work: Arc<Work>, number: usize) -> Self {
        let pace = Pace::new(share_of_rate(&work.options()), Instant::now());
        Self { shared, work, pace: pace.into(), number }
    }

    fn run(&mut self) {
        // Of this thread alone, on Linux. Without it compaction works as well.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        while self.work.keeps(self.number) {
            let cleaned = self.grab().is_some_and(|(job, candidate)| self.clean(&job, candidate));
            if !cleaned {
                self.work.rest(self.work.options().backoff);
            }
        }
    }

    /// The filthiest log that is due, in the hands of this cleaner from now on.
    fn grab(&self) -> Option<(Job, Candidate)> {
        let now_ms = now_ms();
        let (mut survey, mut due) = (Survey::default(), Vec::new());
        let logs = self.shared.logs();
        for log in logs.iter().filter(|log| log.config().cleanup.compact && !log.is_deleted()) {
            let config = log.config();
            let cleanable = log.cleanable();
            let candidate = look_at(&cleanable, &config, now_ms);
            if survey.add(&self.work, log.id(), &candidate) && candidate.is_due(&config) {
                due.push((Job { log: log.clone(), config, segments: cleanable.segments }, candidate));
            }
        }
        self.work.surveyed(&survey, &logs.iter().map(|log| log.id()).collect());
        let (mut job, candidate) = filthiest(due)?;
        job.segments.truncate(job.segments.partition_point(|segment| segment.id.base_offset < candidate.end_max));
        self.work.take(job.log.id()).then_some((job, candidate))
    }

    /// Compacts a log; whether that worked.
    fn clean(&self, job: &Job, candidate: Candidate) -> bool {
        let begun = Instant::now();
        let outcome = self.compact(job, candidate);
        self.work.give_back(job.log.id());
        match outcome {
            Ok(stats) => {
                self.work.count(&stats, begun.elapsed());
                let (read, written) = (stats.bytes_read, stats.bytes_written);
                let (log, records, elapsed) = (job.log.id(), stats.records, begun.elapsed());
                tracing::info!(%log, read, written, ?records, ?elapsed, "compacted");
                true
            }
            Err(Failure::Later(why)) => {
                tracing::debug!("{}: not compacted: {why}", job.log.id());
                false
            }
            Err(Failure::Never(why)) => {
                tracing::error!("{}: is not compacted until the next start: {why}", job.log.id());
                self.work.mark_uncleanable(job.log.id());
                false
            }
        }
    }

    fn compact(&self, job: &Job, candidate: Candidate) -> Result<PassStats, Failure> {
        let store = self.store_for(job)?;
        let now_ms = now_ms();
        let later = |error: StoreError| Failure::Later(error.to_string());
        let producers = job.log.last_offsets_of_producers(candidate.end_max, now_ms).map_err(later)?;
        let chain = self.shared.stores.next_chain(&store);
        let mut options = CleanerOptions::clone(&self.work.options());
        options.dedupe_buffer_bytes /= (options.threads as u64).max(1);
        let pass = Pass {
            segments: &job.segments,
            candidate,
            config: &job.config,
            options: &options,
            producers: &producers,
            now_ms,
            secret: *uuid::Uuid::new_v4().as_bytes(),
            files: store.files.clone(),
            chain,
            go_on: &|bytes, rest| self.go_on(job, &store, bytes, rest),
        };
        let compacted = pass.run().map_err(|error| failure(job, &store, error))?;
        let (stats, old) = (compacted.stats, job.segments.iter().take(compacted.replaced).cloned().collect());
        self.swap(&job.log, Swap { store, chain, old, compacted })?;
        Ok(stats)
    }

    /// Where the new chain goes: where the last of the old ones is, whose row may have to change with it.
    fn store_for(&self, job: &Job) -> Result<Arc<Store>, Failure> {
        if !job.is_in_reach() {
            return Err(Failure::Later("a store is away".into()));
        }
        let home = job.segments.last().map(|segment| segment.id.chain.store);
        let found = self.shared.stores.alive().into_iter().find(|store| Some(store.id) == home);
        found.filter(|store| store.has_room()).ok_or_else(|| Failure::Later("there is no room".into()))
    }

    /// Whether the pass goes on, after a pause if it must.
    fn go_on(&self, job: &Job, store: &Store, bytes: u64, rest: Duration) -> bool {
        let (now, mut pace) = (Instant::now(), self.pace.borrow_mut());
        pace.set_rate(share_of_rate(&self.work.options()), now);
        let pause = pace.after(bytes, now).max(rest);
        let goes_on = pause.is_zero() || self.work.rest(pause);
        goes_on && !self.work.is_stopped() && !job.log.is_deleted() && store.has_room()
    }

    /// Has the committer put the new chain in its place; without success its files go.
    fn swap(&self, log: &Arc<PartitionLog>, swap: Swap) -> Result<(), Failure> {
        // A store that comes back now would show readers the old chains again.
        let _changing = lock(&self.shared.changing);
        let (done, outcome) = bounded(1);
        let (log, commits) = (log.clone(), swap.store.clone());
        commits.commits.run_between(Box::new(move || {
            let swapped = log.swap_in(&swap);
            // After any other failure the catalog may have the chain: the next start finds out.
            if swapped.as_ref().is_err_and(SwapError::left_no_trace) {
                swap.compacted.segments.iter().for_each(|segment| segment.remove_files());
            }
            let _ = done.send(swapped);
        }));
        match outcome.recv() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(SwapError::Changed)) => Err(Failure::Later("the log has changed".into())),
            Ok(Err(SwapError::Store(error))) => Err(Failure::Later(error.to_string())),
            Err(_) => Err(Failure::Later("the store has stopped".into())),
        }
    }
}

/// What one of the cleaners may read and write in a second.
fn share_of_rate(options: &CleanerOptions) -> f64 {
    options.bytes_per_second_max / options.threads.max(1) as f64
}

/// What a pass that failed means for its log, and for the store that could not be written.
fn failure(job: &Job, store: &Store, error: PassError) -> Failure {
    match error {
        PassError::Stopped => Failure::Later(error.to_string()),
        PassError::Write(error) => Failure::Later(store.write_failed("compaction", &error).to_string()),
        // The files were removed meanwhile, or the store has failed.
        _ if !job.log.begins_with(&job.segments) || !job.is_in_reach() => Failure::Later(error.to_string()),
        PassError::Read(_) | PassError::Damaged { .. } | PassError::NoRoom => Failure::Never(error.to_string()),
    }
}

fn look_at(cleanable: &Cleanable, config: &LogConfig, now_ms: i64) -> Candidate {
    let with_first = config.max_compaction_lag_ms < i64::MAX;
    let facts: Vec<SegmentFacts> = cleanable.segments.iter().map(|segment| facts_of(segment, with_first)).collect();
    Candidate::of(&cleanable.facts(&facts), config, now_ms)
}

fn facts_of(segment: &Segment, with_first: bool) -> SegmentFacts {
    let first = || Headers::new(segment, 0..segment.len(), FIRST_HEADER).next().ok().flatten();
    SegmentFacts {
        base_offset: segment.id.base_offset,
        len: segment.len(),
        max_timestamp: segment.max_timestamp(),
        first_timestamp: if with_first { first().map(|(_, header)| header.max_timestamp) } else { None },
    }
}

fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
