//! Which segments of a log are to go, and when a segment is closed for its age. Pure: numbers and the clock come in.
//!
//! Three passes, as in Kafka, each from the oldest segment on until one has to stay:
//! 1. What lies below the log start.
//! 2. What is too much: a segment goes as long as the log without it still has at least `retention.bytes`.
//! 3. What is too old: the largest timestamp of the segment counts.
//!
//! What must always hold: nothing above the high watermark goes; topics without `delete` in their policy lose only what is below the
//! log start.
//!
//! Source: Apache Kafka, `UnifiedLog.deleteOldSegments`, `LogSegment.shouldRoll`.

use crate::config::LogConfig;

/// A segment, as far as retention is concerned; the one after it begins where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aging {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Bytes of records.
    pub len: u64,
    /// Its largest timestamp, milliseconds since 1970; of records without one, the time since which they are known.
    pub newest_ms: i64,
}

/// A log, as far as retention is concerned.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Its segments, in order.
    pub segments: &'a [Aging],
    /// The first record kept.
    pub log_start: i64,
    /// After the last durable record.
    pub high_watermark: i64,
    /// After the last record.
    pub log_end: i64,
}

/// What is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// So many segments, from the oldest on. All of them: then the next record begins a new one.
    pub segments: usize,
    /// The first record that is kept.
    pub log_start: i64,
}

impl View<'_> {
    /// What `config` does not keep at `now_ms`.
    pub fn expired(&self, config: &LogConfig, now_ms: i64) -> Expired {
        let mut gone = self.below_log_start();
        if config.cleanup.delete {
            gone = config.retention_bytes.map_or(gone, |limit| self.too_much(gone, limit));
            gone = config.retention_ms.map_or(gone, |limit_ms| self.too_old(gone, now_ms, limit_ms));
        }
        let log_start = if gone > 0 { self.start_of(gone).max(self.log_start) } else { self.log_start };
        Expired { segments: gone, log_start }
    }

    /// How many segments end at or before the log start.
    pub fn below_log_start(&self) -> usize {
        self.prefix(0, |end, _| end <= self.log_start)
    }

    fn too_much(&self, gone: usize, limit: u64) -> usize {
        let kept: u64 = self.segments.iter().skip(gone).map(|segment| segment.len).sum();
        let Some(mut excess) = kept.checked_sub(limit) else { return gone };
        self.prefix(gone, |_, segment| match excess.checked_sub(segment.len) {
            Some(rest) => {
                excess = rest;
                true
            }
            None => false,
        })
    }

    fn too_old(&self, gone: usize, now_ms: i64, limit_ms: i64) -> usize {
        self.prefix(gone, |_, segment| now_ms.saturating_sub(segment.newest_ms) > limit_ms)
    }

    /// How many segments from the first on may go, when `gone` of them do anyway and `goes` says (end, segment) about the others.
    fn prefix(&self, gone: usize, mut goes: impl FnMut(i64, &Aging) -> bool) -> usize {
        let mut may_go = |at: usize, segment: &Aging| {
            let end = self.start_of(at + 1);
            let last_and_empty = at + 1 == self.segments.len() && segment.len == 0;
            end <= self.high_watermark && !last_and_empty && goes(end, segment)
        };
        let rest = self.segments.iter().enumerate().skip(gone);
        gone + rest.take_while(|(at, segment)| may_go(*at, segment)).count()
    }

    /// Where segment `at` begins; after the last one, the log end.
    fn start_of(&self, at: usize) -> i64 {
        self.segments.get(at).map_or(self.log_end, |segment| segment.base_offset)
    }
}

/// The age of the segment that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TailAge {
    /// Largest timestamp of its first batch, or -1, milliseconds since 1970.
    pub first_ms: i64,
    /// When it was made, by the broker's clock.
    pub made_ms: i64,
    /// How much sooner than `segment.ms` says it is closed.
    pub jitter_ms: i64,
}

impl TailAge {
    /// Of a segment whose first batch has the largest timestamp `first_ms`; `random` is any number.
    pub fn new(first_ms: i64, made_ms: i64, config: &LogConfig, random: u64) -> Self {
        let most = u64::try_from(config.segment_jitter_ms.min(config.segment_ms)).unwrap_or(0);
        let jitter_ms = random.checked_rem(most).and_then(|jitter| i64::try_from(jitter).ok()).unwrap_or(0);
        Self { first_ms, made_ms, jitter_ms }
    }

    /// Whether a batch with the largest timestamp `newest_ms` begins a new segment: timestamps count, not the clock, as long as there
    /// are some.
    pub fn is_over(&self, newest_ms: i64, now_ms: i64, config: &LogConfig) -> bool {
        let age = if self.first_ms >= 0 {
            newest_ms.saturating_sub(self.first_ms)
        } else {
            now_ms.saturating_sub(self.made_ms)
        };
        age > segment_ms_max(config).saturating_sub(self.jitter_ms)
    }
}

/// A compacted log closes its segments in time for `max.compaction.lag.ms`.
fn segment_ms_max(config: &LogConfig) -> i64 {
    let lag = config.max_compaction_lag_ms;
    if config.cleanup.compact && lag > 0 { config.segment_ms.min(lag) } else { config.segment_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CleanupPolicy;

    const NOW: i64 = 1_000_000;

    /// Three segments of 100 bytes and ten records, the newest records a second, two and three old.
    const LOG: [Aging; 3] = [
        Aging { base_offset: 0, len: 100, newest_ms: NOW - 3_000 },
        Aging { base_offset: 10, len: 100, newest_ms: NOW - 2_000 },
        Aging { base_offset: 20, len: 100, newest_ms: NOW - 1_000 },
    ];

    fn view(log_start: i64, high_watermark: i64) -> View<'static> {
        View { segments: &LOG, log_start, high_watermark, log_end: 30 }
    }

    fn keep(retention_ms: Option<i64>, retention_bytes: Option<u64>) -> LogConfig {
        LogConfig { retention_ms, retention_bytes, ..LogConfig::default() }
    }

    fn gone(view: View<'_>, config: &LogConfig) -> (usize, i64) {
        let expired = view.expired(config, NOW);
        (expired.segments, expired.log_start)
    }

    #[test]
    fn what_is_too_old_goes_also_the_last_segment() {
        #[rustfmt::skip]
        let cases = [
            ("all kept for ever",                 None,        (0, 0)),
            ("as old as it may get",              Some(3_000), (0, 0)),
            ("a millisecond too old",             Some(2_999), (1, 10)),
            ("two of three",                      Some(1_000), (2, 20)),
            ("the last one too, and all is gone", Some(999),   (3, 30)),
        ];
        for (what, limit, expected) in cases {
            assert_eq!(gone(view(0, 30), &keep(limit, None)), expected, "{what}");
        }
    }

    #[test]
    fn segments_go_while_the_log_without_them_has_the_bytes_to_be_kept() {
        #[rustfmt::skip]
        let cases = [
            ("without limit",                                 None,      (0, 0)),
            ("less than there may be",                        Some(301), (0, 0)),
            ("just as much",                                  Some(300), (0, 0)),
            ("the oldest is needed to have so much",          Some(201), (0, 0)),
            ("without the oldest there is just enough",       Some(200), (1, 10)),
            ("without the two oldest",                        Some(100), (2, 20)),
            ("the last one is needed",                        Some(1),   (2, 20)),
            ("nothing is to be kept",                         Some(0),   (3, 30)),
        ];
        for (what, limit, expected) in cases {
            assert_eq!(gone(view(0, 30), &keep(None, limit)), expected, "{what}");
        }
    }

    #[test]
    fn an_old_segment_behind_a_young_one_stays() {
        let young = Aging { newest_ms: NOW, ..LOG[0] };
        let log = View { segments: &[young, LOG[1], LOG[2]], ..view(0, 30) };
        assert_eq!(gone(log, &keep(Some(1), None)), (0, 0));
    }

    #[test]
    fn what_is_not_durable_stays() {
        let all = keep(Some(0), Some(0));
        for (high_watermark, expected) in [(30, (3, 30)), (29, (2, 20)), (20, (2, 20)), (19, (1, 10)), (9, (0, 0))] {
            assert_eq!(gone(view(0, high_watermark), &all), expected, "{high_watermark}");
        }
    }

    #[test]
    fn what_is_below_the_log_start_goes_whatever_the_policy() {
        let policies = [CleanupPolicy::COMPACT, CleanupPolicy { delete: false, compact: false }, CleanupPolicy::DELETE];
        for cleanup in policies {
            let config = LogConfig { cleanup, ..keep(None, None) };
            for (log_start, segments) in [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (29, 2), (30, 3)] {
                assert_eq!(gone(view(log_start, 30), &config), (segments, log_start), "{cleanup:?} {log_start}");
            }
        }
    }

    #[test]
    fn bytes_below_the_log_start_do_not_count() {
        assert_eq!(gone(view(10, 30), &keep(None, Some(200))), (1, 10));
        assert_eq!(gone(view(15, 30), &keep(None, Some(100))), (2, 20));
    }

    #[test]
    fn without_delete_in_the_policy_age_and_size_do_not_count() {
        for cleanup in [CleanupPolicy::COMPACT, CleanupPolicy { delete: false, compact: false }] {
            let config = LogConfig { cleanup, ..keep(Some(0), Some(0)) };
            assert_eq!(gone(view(0, 30), &config), (0, 0));
        }
        let both = LogConfig { cleanup: CleanupPolicy { delete: true, compact: true }, ..keep(Some(1_000), None) };
        assert_eq!(gone(view(0, 30), &both), (2, 20));
    }

    #[test]
    fn an_empty_log_and_an_empty_last_segment_stay() {
        let empty = View { segments: &[], log_start: 7, high_watermark: 7, log_end: 7 };
        assert_eq!(gone(empty, &keep(Some(0), Some(0))), (0, 7));
        let tail = Aging { base_offset: 30, len: 0, newest_ms: 0 };
        let log = View { segments: &[LOG[2], tail], log_start: 20, high_watermark: 30, log_end: 30 };
        assert_eq!(gone(log, &keep(Some(0), Some(0))), (1, 30));
    }

    #[test]
    fn a_segment_is_closed_by_the_distance_of_timestamps_and_by_the_clock_only_without_them() {
        let config = LogConfig { segment_ms: 1_000, ..LogConfig::default() };
        let timed = TailAge { first_ms: 50_000, made_ms: NOW, jitter_ms: 0 };
        let untimed = TailAge { first_ms: -1, ..timed };
        #[rustfmt::skip]
        let cases = [
            ("as far as it may be",          timed,   51_000, NOW + 9_999, false),
            ("too far",                      timed,   51_001, NOW,         true),
            ("an older one",                 timed,   10,     NOW + 9_999, false),
            ("a batch without a timestamp",  timed,   -1,     NOW + 9_999, false),
            ("no timestamps, young",         untimed, 99_999, NOW + 1_000, false),
            ("no timestamps, too old",       untimed, 0,      NOW + 1_001, true),
        ];
        for (what, age, newest_ms, now_ms, over) in cases {
            assert_eq!(age.is_over(newest_ms, now_ms, &config), over, "{what}");
        }
    }

    #[test]
    fn jitter_takes_something_off_but_never_more_than_the_time_itself() {
        let config = |jitter| LogConfig { segment_ms: 1_000, segment_jitter_ms: jitter, ..LogConfig::default() };
        let jitter = |setting, random| TailAge::new(5, 6, &config(setting), random).jitter_ms;
        assert_eq!([jitter(0, 17), jitter(100, 250), jitter(5_000, 2_999)], [0, 50, 999]);
        let age = TailAge::new(0, 0, &config(100), 250);
        assert_eq!([950, 951].map(|newest| age.is_over(newest, 0, &config(100))), [false, true]);
    }

    #[test]
    fn a_compacted_log_closes_segments_in_time_for_compaction() {
        let age = TailAge { first_ms: 0, made_ms: 0, jitter_ms: 0 };
        let compact = LogConfig { cleanup: CleanupPolicy::COMPACT, max_compaction_lag_ms: 10, ..LogConfig::default() };
        assert!(age.is_over(11, 0, &compact));
        assert!(!age.is_over(11, 0, &LogConfig { cleanup: CleanupPolicy::DELETE, ..compact }));
    }
}
