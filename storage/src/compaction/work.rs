//! What the cleaners share: which logs are in whose hands, which cannot be compacted, and the numbers.
//!
//! What must always hold: only plain memory is touched under the lock.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pass::PassStats;
use super::plan::Candidate;
use crate::config::CleanerOptions;
use crate::ids::PartitionId;

/// The work of all cleaners.
pub struct Work {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    stopped: bool,
    options: Arc<CleanerOptions>,
    /// The cleaners there are, by number.
    cleaners: BTreeSet<usize>,
    taken: HashSet<PartitionId>,
    uncleanable: HashSet<PartitionId>,
    stats: CleanerStats,
    last_round: Option<Instant>,
}

/// The cleaners in numbers, as Apache Kafka's `LogCleaner` and `LogCleanerManager` have them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CleanerStats {
    /// Passes that were finished.
    pub passes: u64,
    /// Bytes of batches they read to filter them.
    pub bytes_read: u64,
    /// Bytes of batches they wrote.
    pub bytes_written: u64,
    /// Records without a key, which were dropped (`invalid messages`).
    pub keyless_records: u64,
    /// How full the map of keys was in the last pass, percent (`max-buffer-utilization-percent`).
    pub buffer_utilization_percent: f64,
    /// Bytes that the last pass wrote of those that it read, percent (`cleaner-recopy-percent`).
    pub recopy_percent: f64,
    /// How long the last pass took (`max-clean-time-secs`).
    pub clean_time: Duration,
    /// By how much the log that waited longest is over its `max.compaction.lag.ms`, milliseconds (`max-compaction-delay-secs`).
    pub delay_ms_max: i64,
    /// The largest dirty share of all logs, percent (`max-dirty-percent`).
    pub dirty_percent_max: f64,
    /// Logs that cannot be compacted (`uncleanable-partitions-count`).
    pub uncleanable_partitions: u64,
    /// Bytes that wait in them (`uncleanable-bytes`).
    pub uncleanable_bytes: u64,
    /// Since a cleaner last looked for work (`time-since-last-run-ms`).
    pub since_last_run: Option<Duration>,
}

/// What a look at all logs has found.
#[derive(Debug, Clone, Copy, Default)]
pub struct Survey {
    dirty_ratio_max: f64,
    delay_ms_max: i64,
    uncleanable_bytes: u64,
}

impl Survey {
    /// Adds a log; whether a cleaner may take it.
    pub fn add(&mut self, work: &Work, log: PartitionId, candidate: &Candidate) -> bool {
        let state = work.lock();
        if state.uncleanable.contains(&log) {
            self.uncleanable_bytes += candidate.clean_bytes + candidate.cleanable_bytes;
            return false;
        }
        self.dirty_ratio_max = self.dirty_ratio_max.max(candidate.dirty_ratio());
        self.delay_ms_max = self.delay_ms_max.max(candidate.overdue_ms);
        !state.taken.contains(&log)
    }
}

impl Work {
    /// No work so far, by these settings.
    pub fn new(options: CleanerOptions) -> Self {
        let state = State {
            stopped: false,
            options: Arc::new(options),
            cleaners: BTreeSet::new(),
            taken: HashSet::new(),
            uncleanable: HashSet::new(),
            stats: CleanerStats::default(),
            last_round: None,
        };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }

    /// The settings now.
    pub fn options(&self) -> Arc<CleanerOptions> {
        self.lock().options.clone()
    }

    /// Other settings; ends all rests. The numbers of the cleaners that are missing by these, which count as there from now on.
    pub fn set_options(&self, options: CleanerOptions) -> Vec<usize> {
        let mut state = self.lock();
        let wanted = if options.enabled { options.threads } else { 0 };
        let missing: Vec<_> = (0..wanted).filter(|number| !state.cleaners.contains(number)).collect();
        state.cleaners.extend(&missing);
        state.options = Arc::new(options);
        self.wake.notify_all();
        missing
    }

    /// Whether cleaner `number` goes on; if not it is there no more.
    pub fn keeps(&self, number: usize) -> bool {
        let mut state = self.lock();
        let goes_on = !state.stopped && number < state.options.threads;
        if !goes_on {
            state.cleaners.remove(&number);
        }
        goes_on
    }

    /// Cleaner `number` is not there after all.
    pub fn gone(&self, number: usize) {
        self.lock().cleaners.remove(&number);
    }

    /// Takes note of a look at all logs, of which `known` exist.
    pub fn surveyed(&self, survey: &Survey, known: &HashSet<PartitionId>) {
        let mut state = self.lock();
        state.uncleanable.retain(|log| known.contains(log));
        state.last_round = Some(Instant::now());
        state.stats.dirty_percent_max = 100.0 * survey.dirty_ratio_max;
        state.stats.delay_ms_max = survey.delay_ms_max;
        state.stats.uncleanable_bytes = survey.uncleanable_bytes;
    }

    /// Takes a log in hand; false if another cleaner has it by now.
    pub fn take(&self, log: PartitionId) -> bool {
        self.lock().taken.insert(log)
    }

    /// The log is in nobody's hands any more.
    pub fn give_back(&self, log: PartitionId) {
        self.lock().taken.remove(&log);
    }

    /// The log is left alone from now on.
    pub fn mark_uncleanable(&self, log: PartitionId) {
        self.lock().uncleanable.insert(log);
    }

    /// Counts a pass.
    pub fn count(&self, pass: &PassStats, elapsed: Duration) {
        let stats = &mut self.lock().stats;
        stats.passes += 1;
        stats.bytes_read += pass.bytes_read;
        stats.bytes_written += pass.bytes_written;
        stats.keyless_records += pass.records.keyless;
        stats.buffer_utilization_percent = 100.0 * pass.map_utilization;
        stats.recopy_percent = 100.0 * pass.bytes_written as f64 / pass.bytes_read.max(1) as f64;
        stats.clean_time = elapsed;
    }

    /// The numbers now.
    pub fn stats(&self) -> CleanerStats {
        let state = self.lock();
        CleanerStats {
            uncleanable_partitions: state.uncleanable.len() as u64,
            since_last_run: state.last_round.map(|last| last.elapsed()),
            ..state.stats
        }
    }

    /// Ends all rests and all passes.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.wake.notify_all();
    }

    /// Whether the cleaners are to end.
    pub fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Waits, but not when the settings change; false when the cleaners are to end.
    pub fn rest(&self, time: Duration) -> bool {
        let state = self.lock();
        let options = state.options.clone();
        let same = |state: &mut State| !state.stopped && Arc::ptr_eq(&state.options, &options);
        let waited = self.wake.wait_timeout_while(state, time, same);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
