//! The stamp of an append: hybrid logical time, so that all batches of a broker have one order that agrees with its clock.
//!
//! What must always hold: a later call gives a larger stamp, whatever the clock does.

use std::sync::atomic::{AtomicI64, Ordering};

/// Bits for appends within one millisecond.
const LOGICAL_BITS: u32 = 16;

/// Gives stamps.
#[derive(Debug, Default)]
pub struct Stamps(AtomicI64);

impl Stamps {
    /// The time of a stamp, milliseconds since 1970.
    pub fn millis(stamp: i64) -> i64 {
        stamp >> LOGICAL_BITS
    }

    /// The next stamp at `now_ms` (milliseconds since 1970): milliseconds in the upper 48 bits, a counter in the lower 16.
    pub fn next(&self, now_ms: i64) -> i64 {
        let physical = now_ms.max(0) << LOGICAL_BITS;
        let later = |last: i64| Some(physical.max(last.saturating_add(1)));
        let update = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, later);
        update.map_or(physical, |last| physical.max(last.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_grow_even_when_the_clock_stands_or_goes_back() {
        let stamps = Stamps::default();
        let given: Vec<i64> = [5, 5, 3, 6, 6].into_iter().map(|now_ms| stamps.next(now_ms)).collect();
        assert!(given.is_sorted_by(|a, b| a < b), "{given:?}");
        assert_eq!(given[3], 6 << LOGICAL_BITS);
    }
}
