//! How many things may begin in a second.
//!
//! What must always hold: pure; in any time at most the rate times the time begin, and one second's worth more.

use std::time::{Duration, Instant};

/// What was not used may be caught up with.
const BURST: Duration = Duration::from_secs(1);

/// Keeps to a rate.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    per_second: u32,
    /// When what has begun would have been over at that rate.
    due: Option<Instant>,
}

impl Rate {
    /// `per_second` in a second.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, due: None }
    }

    /// Another rate; what was due by the old one is forgiven.
    pub fn set(&mut self, per_second: u32) {
        if per_second != self.per_second {
            *self = Self::new(per_second);
        }
    }

    /// Takes one; else how long until there is one, `None` for never.
    ///
    /// # Errors
    /// That time.
    pub fn take(&mut self, now: Instant) -> Result<(), Option<Duration>> {
        let cost = BURST.checked_div(self.per_second).ok_or(None)?;
        // A second later, so that no time before the machine's first is asked for.
        let full = now + BURST;
        let due = self.due.map_or(now, |due| due.max(now)) + cost;
        if due > full {
            return Err(Some(due - full));
        }
        self.due = Some(due);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds after the beginning at which each of `count` begins when all are there at once.
    fn begun(rate: &mut Rate, count: usize, begin: Instant) -> Vec<u128> {
        let mut now = begin;
        let mut times = Vec::new();
        while times.len() < count {
            match rate.take(now) {
                Ok(()) => times.push((now - begin).as_millis()),
                Err(wait) => now += wait.expect("a rate above 0"),
            }
        }
        times
    }

    #[test]
    fn after_one_seconds_worth_they_come_evenly() {
        let begin = Instant::now();
        assert_eq!(begun(&mut Rate::new(4), 7, begin), [0, 0, 0, 0, 250, 500, 750]);
        let mut rate = Rate::new(4);
        begun(&mut rate, 4, begin);
        assert_eq!(begun(&mut rate, 3, begin + Duration::from_millis(500)), [0, 0, 250], "half of it came back");
        assert_eq!(begun(&mut rate, 5, begin + Duration::from_secs(60)), [0, 0, 0, 0, 250], "no more than a second's");
    }

    #[test]
    fn another_rate_counts_at_once() {
        let begin = Instant::now();
        let mut rate = Rate::new(1);
        assert!(rate.take(begin).is_ok() && rate.take(begin).is_err());
        rate.set(0);
        assert_eq!(rate.take(begin), Err(None), "none ever");
        rate.set(2);
        assert_eq!(begun(&mut rate, 3, begin), [0, 0, 500]);
    }
}
