//! Which log is compacted next, and from where to where.
//!
//! What must always hold: pure; a pass never reaches into the segment that is written, above the last stable offset, or to a record
//! that is younger than `min.compaction.lag.ms`; it ends where a segment begins.
//!
//! | part of a log | what it is |
//! |---|---|
//! | below `dirty_from` | clean: every key once, but for what the dirty part supersedes |
//! | from there to `end_max` | cleanable |
//! | above | must wait |
//!
//! Source: Apache Kafka, `LogCleanerManager.cleanableOffsets`, `calculateCleanableBytes`, `maxCompactionDelay`, `grabFilthiestCompactedLog`.

use crate::config::LogConfig;

/// A segment that is not written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentFacts {
    /// Its first offset.
    pub base_offset: i64,
    /// Bytes.
    pub len: u64,
    /// Largest timestamp, milliseconds since 1970, or -1.
    pub max_timestamp: i64,
    /// Timestamp of the first batch, milliseconds since 1970; wanted only where `max.compaction.lag.ms` is set.
    pub first_timestamp: Option<i64>,
}

/// What decides about a log.
#[derive(Debug, Clone, Copy)]
pub struct LogFacts<'a> {
    /// The first offset kept.
    pub log_start: i64,
    /// Everything below was compacted before.
    pub cleaned_to: i64,
    /// Where records of undecided transactions begin, or the high watermark.
    pub last_stable: i64,
    /// Where the segment begins that is written; the log's end if there is none.
    pub active_from: i64,
    /// The segments before, in order.
    pub segments: &'a [SegmentFacts],
}

/// A log that could be compacted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where the dirty part begins.
    pub dirty_from: i64,
    /// Where the pass ends at most.
    pub end_max: i64,
    /// Bytes of segments that reach below `dirty_from`.
    pub clean_bytes: u64,
    /// Bytes of the segments between it and `end_max`.
    pub cleanable_bytes: u64,
    /// By how much the oldest dirty segment has waited longer than `max.compaction.lag.ms`, milliseconds; 0 when it has not.
    pub overdue_ms: i64,
}

impl Candidate {
    /// Looks at a log.
    pub fn of(log: &LogFacts<'_>, config: &LogConfig, now_ms: i64) -> Self {
        let known = (log.log_start..=log.active_from.max(log.log_start)).contains(&log.cleaned_to);
        let dirty_from = if known { log.cleaned_to } else { log.log_start };
        let dirty = from_floor(log.segments, dirty_from);
        let too_young = first_too_young(dirty, config, now_ms).unwrap_or(log.active_from);
        let end = log.last_stable.min(log.active_from).min(too_young).max(dirty_from);
        let end_max = boundary_at_or_before(log, end);
        let bytes = |segments: &[SegmentFacts]| segments.iter().map(|segment| segment.len).sum();
        Self {
            dirty_from,
            end_max,
            clean_bytes: bytes(below(log.segments, dirty_from)),
            cleanable_bytes: if end_max > dirty_from { bytes(below(dirty, end_max)) } else { 0 },
            overdue_ms: overdue(dirty, config, now_ms),
        }
    }

    /// The cleanable share of what a pass would read.
    pub fn dirty_ratio(&self) -> f64 {
        self.cleanable_bytes as f64 / (self.clean_bytes + self.cleanable_bytes).max(1) as f64
    }

    /// Whether it should be compacted now.
    pub fn is_due(&self, config: &LogConfig) -> bool {
        let overdue = self.overdue_ms > 0 && self.cleanable_bytes > 0;
        overdue || self.dirty_ratio() > config.min_cleanable_dirty_ratio
    }
}

/// The candidate with the largest dirty ratio.
pub fn filthiest<T>(candidates: impl IntoIterator<Item = (T, Candidate)>) -> Option<(T, Candidate)> {
    candidates.into_iter().max_by(|(_, a), (_, b)| a.dirty_ratio().total_cmp(&b.dirty_ratio()))
}

/// The first segment with a record for which it is too early.
fn first_too_young(dirty: &[SegmentFacts], config: &LogConfig, now_ms: i64) -> Option<i64> {
    let lag = config.min_compaction_lag_ms.max(0);
    let young = |segment: &&SegmentFacts| lag > 0 && segment.max_timestamp > now_ms.saturating_sub(lag);
    dirty.iter().find(young).map(|segment| segment.base_offset)
}

fn overdue(dirty: &[SegmentFacts], config: &LogConfig, now_ms: i64) -> i64 {
    let due_before = now_ms.saturating_sub(config.max_compaction_lag_ms.max(0));
    let oldest = dirty.iter().filter_map(|segment| segment.first_timestamp).filter(|first| *first > 0).min();
    oldest.map_or(0, |oldest| due_before.saturating_sub(oldest).max(0))
}

/// The segments from the one that holds `offset` on.
fn from_floor(segments: &[SegmentFacts], offset: i64) -> &[SegmentFacts] {
    let after = segments.partition_point(|segment| segment.base_offset <= offset);
    segments.get(after.saturating_sub(1)..).unwrap_or_default()
}

/// The segments that begin below `offset`.
fn below(segments: &[SegmentFacts], offset: i64) -> &[SegmentFacts] {
    segments.get(..segments.partition_point(|segment| segment.base_offset < offset)).unwrap_or_default()
}

/// The last place at or before `offset` where a segment begins.
fn boundary_at_or_before(log: &LogFacts<'_>, offset: i64) -> i64 {
    if offset >= log.active_from {
        return log.active_from;
    }
    from_floor(log.segments, offset).first().map_or(log.active_from, |segment| segment.base_offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn segment(base_offset: i64, len: u64, max_timestamp: i64) -> SegmentFacts {
        SegmentFacts { base_offset, len, max_timestamp, first_timestamp: Some(max_timestamp - 10) }
    }

    /// Four segments of ten offsets, the active one begins at 40.
    fn segments() -> Vec<SegmentFacts> {
        vec![segment(0, 100, 100), segment(10, 200, 200), segment(20, 400, 300), segment(30, 800, 400)]
    }

    fn facts(segments: &[SegmentFacts]) -> LogFacts<'_> {
        LogFacts { log_start: 0, cleaned_to: 0, last_stable: 45, active_from: 40, segments }
    }

    fn look(change: impl Fn(&mut LogFacts<'_>), configure: impl Fn(&mut LogConfig)) -> Candidate {
        let segments = segments();
        let (mut log, mut config) = (facts(&segments), LogConfig::default());
        change(&mut log);
        configure(&mut config);
        Candidate::of(&log, &config, NOW)
    }

    fn ends(candidate: Candidate) -> (i64, i64, u64, u64) {
        (candidate.dirty_from, candidate.end_max, candidate.clean_bytes, candidate.cleanable_bytes)
    }

    #[test]
    fn a_log_never_compacted_is_dirty_up_to_the_active_segment() {
        assert_eq!(ends(look(|_| {}, |_| {})), (0, 40, 0, 1_500));
    }

    #[test]
    fn what_was_compacted_counts_as_clean() {
        let candidate = look(|log| log.cleaned_to = 20, |_| {});
        assert_eq!(ends(candidate), (20, 40, 300, 1_200));
        assert_eq!(candidate.dirty_ratio(), 0.8);
        // A segment that is only partly clean counts on both sides, as in Apache Kafka.
        assert_eq!(ends(look(|log| log.cleaned_to = 25, |_| {})), (25, 40, 700, 1_200));
    }

    #[test]
    fn a_mark_outside_of_the_log_means_that_all_is_dirty() {
        let moved_on = look(|log| (log.log_start, log.cleaned_to) = (20, 10), |_| {});
        assert_eq!((moved_on.dirty_from, moved_on.end_max), (20, 40));
        assert_eq!(look(|log| log.cleaned_to = 41, |_| {}).dirty_from, 0);
    }

    #[test]
    fn a_pass_ends_at_the_segment_that_holds_the_last_stable_offset() {
        assert_eq!(ends(look(|log| log.last_stable = 35, |_| {})), (0, 30, 0, 700));
        assert_eq!(ends(look(|log| (log.last_stable, log.cleaned_to) = (25, 20), |_| {})), (20, 20, 300, 0));
    }

    #[test]
    fn young_records_wait() {
        let lag = |lag: i64| look(|_| {}, |config| config.min_compaction_lag_ms = lag).end_max;
        assert_eq!([lag(NOW - 401), lag(NOW - 400), lag(NOW - 399)], [40, 40, 30]);
        assert_eq!(lag(NOW), 0);
        let old = look(|log| log.cleaned_to = 30, |config| config.min_compaction_lag_ms = NOW);
        assert_eq!(ends(old), (30, 30, 700, 0));
    }

    #[test]
    fn a_log_is_due_when_it_is_dirty_enough_or_has_waited_too_long() {
        let due = |cleaned_to: i64, ratio: f64, max_lag: i64| {
            let configure = |config: &mut LogConfig| {
                (config.min_cleanable_dirty_ratio, config.max_compaction_lag_ms) = (ratio, max_lag);
            };
            let mut config = LogConfig::default();
            configure(&mut config);
            look(|log| log.cleaned_to = cleaned_to, configure).is_due(&config)
        };
        let never = i64::MAX;
        assert!(due(20, 0.79, never) && !due(20, 0.8, never), "the ratio must be exceeded");
        assert!(
            due(20, 1.0, NOW - 291) && !due(20, 1.0, NOW - 290),
            "by the first timestamp of the first dirty segment"
        );
        assert!(!due(40, 0.0, never), "nothing is dirty");
        assert!(!due(40, 0.0, 0), "overdue, but there is nothing to clean");
    }

    #[test]
    fn the_filthiest_is_the_one_with_the_largest_share() {
        let candidates = [10, 30, 20].map(|cleaned_to| (cleaned_to, look(|log| log.cleaned_to = cleaned_to, |_| {})));
        assert_eq!(filthiest(candidates).map(|(cleaned_to, _)| cleaned_to), Some(10));
        assert_eq!(filthiest::<()>([]), None);
    }

    #[test]
    fn a_log_without_segments_has_nothing_to_do() {
        let log = LogFacts { log_start: 7, cleaned_to: 0, last_stable: 9, active_from: 7, segments: &[] };
        let candidate = Candidate::of(&log, &LogConfig::default(), NOW);
        assert_eq!(ends(candidate), (7, 7, 0, 0));
        assert!(!candidate.is_due(&LogConfig { min_cleanable_dirty_ratio: 0.0, ..LogConfig::default() }));
    }
}
