//! How fast a cleaner may go.
//!
//! What must always hold: pure; over any time the bytes are at most the rate times the time, and one burst.
//!
//! Source: Apache Kafka, `Throttler` as `LogCleaner` uses it (bytes read and bytes written count alike).

use std::time::{Duration, Instant};

/// What may be caught up after a time in which less was done.
const BURST: Duration = Duration::from_millis(300);
/// The longest pause at once.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// Keeps to a rate.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    bytes_per_second: f64,
    /// When the bytes so far are due at that rate.
    due: Instant,
}

impl Pace {
    /// At most `bytes_per_second` from `now` on.
    pub fn new(bytes_per_second: f64, now: Instant) -> Self {
        Self { bytes_per_second, due: now }
    }

    /// Another rate from `now` on: what was due by the old one is forgiven.
    pub fn set_rate(&mut self, bytes_per_second: f64, now: Instant) {
        if bytes_per_second != self.bytes_per_second {
            *self = Self { bytes_per_second, due: self.due.min(now) };
        }
    }

    /// Counts bytes; how long to pause now.
    pub fn after(&mut self, bytes: u64, now: Instant) -> Duration {
        if self.bytes_per_second <= 0.0 {
            return Duration::ZERO;
        }
        let cost =
            Duration::try_from_secs_f64(bytes as f64 / self.bytes_per_second).unwrap_or(PAUSE_MAX).min(PAUSE_MAX);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        self.due = self.due.max(earliest) + cost;
        self.due.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_their_time_and_a_lull_is_not_saved_up() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let mut pace = Pace::new(1_000.0, begun);
        assert_eq!(pace.after(500, at(0)), Duration::from_millis(500));
        assert_eq!(pace.after(500, at(500)), Duration::from_millis(500));
        assert_eq!(pace.after(100, at(1_050)), Duration::from_millis(50));
        // 300 ms of the lull are given back.
        assert_eq!(pace.after(1_000, at(60_000)), Duration::from_millis(700));
    }

    #[test]
    fn another_rate_counts_from_now_on() {
        let begun = Instant::now();
        let mut pace = Pace::new(1.0, begun);
        assert_eq!(pace.after(3_000, begun), Duration::from_secs(3_000));
        pace.set_rate(1_000.0, begun);
        assert_eq!(pace.after(500, begun), Duration::from_millis(500));
        pace.set_rate(1_000.0, begun);
        assert_eq!(pace.after(500, begun), Duration::from_secs(1), "the same rate forgives nothing");
    }

    #[test]
    fn without_a_limit_there_is_no_pause() {
        let begun = Instant::now();
        for rate in [f64::MAX, f64::INFINITY] {
            assert_eq!(Pace::new(rate, begun).after(1 << 40, begun), Duration::ZERO);
        }
        assert_eq!(Pace::new(1e-9, begun).after(1, begun), PAUSE_MAX, "never for ever");
    }
}
