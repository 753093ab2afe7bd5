//! Releases that nobody asked for: a lock runs out, a member leaves, the log is cut, a dead-letter copy is done.
//!
//! What must always hold: a record that is released counts its deliveries as before, and is given up when they are as
//! many as are allowed.

use super::change::{Changing, Outcome};
use super::{Change, Deliveries, Delivery, Fate, GivenUp, Lock, OFFSET_MAX, Reason, Rules, Run, State};

impl Deliveries {
    /// Releases what is held beyond its deadline.
    pub fn expire(&self, now_ms: u64, rules: &Rules) -> Change {
        self.release_where(rules, |lock| lock.until_ms <= now_ms)
    }

    /// Releases all that a member holds: it left, was fenced, or closed its share session.
    pub fn release(&self, member: &str, rules: &Rules) -> Change {
        self.release_where(rules, |lock| *lock.member == *member)
    }

    fn release_where(&self, rules: &Rules, ends: impl Fn(&Lock) -> bool) -> Change {
        let mut changing = Changing::new(self, rules.delivery_count_limit, rules.dead_letters);
        for run in self.runs.iter() {
            if let State::Acquired(lock) = &run.value.state
                && ends(lock)
            {
                changing.settle(&run, Outcome::Release);
            }
        }
        changing.done()
    }

    /// The log begins at this offset now. What was below and not finished is given up, whoever holds it.
    pub fn log_start_moved(&self, log_start: i64) -> Change {
        let mut changing = Changing::new(self, i16::MAX, false);
        if log_start <= self.start {
            return changing.done();
        }
        for run in self.runs.within(self.start, log_start - 1).filter(|run| !run.value.state.is_final()) {
            changing.delete(&run);
        }
        if log_start > self.end {
            changing.delete(&Run { first: self.end, last: log_start - 1, value: &Delivery::NEVER });
        }
        changing.done_from(log_start.min(OFFSET_MAX))
    }

    /// The copies of these records are in the dead-letter topic, or cannot get there. Either way they are archived
    /// (as in Kafka); if they could not be copied they are announced as given up.
    pub fn copied(&self, copy: &GivenUp, copied: bool) -> Change {
        let mut changing = Changing::new(self, i16::MAX, true);
        for run in self.runs.within(copy.first.max(self.start), copy.last) {
            if run.value.state == State::Settled(Fate::Archiving) {
                changing.end_copy(&run, copy, copied);
            }
        }
        changing.done()
    }

    /// Records that are given up and whose copy is not known to be done. After a start of the broker these copies are
    /// to be made again. The reason is what the delivery count tells, as in Kafka.
    pub fn copies_to_resume(&self, rules: &Rules) -> Vec<GivenUp> {
        let archiving = self.runs.iter().filter(|run| run.value.state == State::Settled(Fate::Archiving));
        archiving
            .map(|run| {
                let delivery_count = run.value.count;
                let at_limit = delivery_count >= rules.delivery_count_limit;
                let reason = if at_limit { Reason::DeliveryLimit } else { Reason::Rejected };
                GivenUp { first: run.first, last: run.last, delivery_count, reason, member: None }
            })
            .collect()
    }

    /// When the next lock runs out, in milliseconds of the caller's clock.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.in_flight().map(|held| held.until_ms).min()
    }
}
