//! What a decision yields: marks to append, records to announce or to copy, locks to prolong.
//!
//! What must always hold: a change is made for the state it was decided upon, and applied before the next decision.

use std::sync::Arc;

use super::runs::length;
use super::{Deliveries, Delivery, Fate, Lock, Mark, Run, State, StateBatch, Update};

/// Why a record was given up without having been accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A member rejected it.
    Rejected,
    /// It was delivered as often as is allowed.
    DeliveryLimit,
    /// It was deleted from the log (retention, DeleteRecords) before it was finished.
    Deleted,
    /// The member that got the offset says that no record is there: compacted away, or a transaction marker.
    Gap,
}

/// Records that were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// How often they were delivered.
    pub delivery_count: i16,
    /// Why.
    pub reason: Reason,
    /// Who had them last, as far as it is known: who had them before a restart is not.
    pub member: Option<Arc<str>>,
}

/// A lock that lasts longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// Until when, in milliseconds of the caller's clock.
    pub until_ms: u64,
}

/// What is to be done. The caller appends `update` if it says anything, then applies the change, then tells the world.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What to append and to merge into the stored state. As in Kafka the start offset is the one before the change,
    /// and the count of what is complete the one after it.
    pub update: Update,
    /// Records that nobody will get again and that go nowhere.
    pub given_up: Vec<GivenUp>,
    /// Records to copy to the dead-letter topic. [`Deliveries::copied`] is to follow for each.
    pub copies: Vec<GivenUp>,
    /// Locks that last longer. Nothing of that is stored.
    pub renewals: Vec<Renewal>,
    /// The update moves the start offset, which is worth a record of its own.
    moves_start: bool,
}

impl Change {
    /// Whether there is anything to append.
    pub fn is_durable(&self) -> bool {
        self.moves_start || !self.update.batches.is_empty()
    }

    /// Whether there is nothing to do at all.
    pub fn is_empty(&self) -> bool {
        !self.is_durable() && self.renewals.is_empty()
    }
}

/// How the decision about one run turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Accepted.
    Accept,
    /// Back to be delivered, if it may be delivered again.
    Release,
    /// Given up, for this reason.
    GiveUp(Reason),
}

/// Collects the parts of a change in the order of their offsets.
pub(super) struct Changing<'a> {
    deliveries: &'a Deliveries,
    delivery_count_limit: i16,
    dead_letters: bool,
    change: Change,
}

impl<'a> Changing<'a> {
    pub(super) fn new(deliveries: &'a Deliveries, delivery_count_limit: i16, dead_letters: bool) -> Self {
        Self { deliveries, delivery_count_limit, dead_letters, change: Change::default() }
    }

    /// Decides what becomes of a run that a member holds.
    pub(super) fn settle(&mut self, run: &Run<&Delivery>, outcome: Outcome) {
        let member = match &run.value.state {
            State::Acquired(lock) => Some(lock.member.clone()),
            _ => None,
        };
        let count = run.value.count;
        match outcome {
            Outcome::Accept => self.mark(run, Fate::Acknowledged),
            Outcome::Release if count < self.delivery_count_limit => self.mark(run, Fate::Available),
            Outcome::Release => self.give_up(run, Reason::DeliveryLimit, member),
            Outcome::GiveUp(reason) => self.give_up(run, reason, member),
        }
    }

    /// Ends a run whose copy is done, or has failed.
    pub(super) fn end_copy(&mut self, run: &Run<&Delivery>, copy: &GivenUp, copied: bool) {
        self.mark(run, Fate::Archived);
        if !copied {
            push_given_up(&mut self.change.given_up, given_up(run, copy.reason, copy.member.clone()));
        }
    }

    pub(super) fn renew(&mut self, run: &Run<&Delivery>, until_ms: u64) {
        match self.change.renewals.last_mut() {
            Some(last) if last.last + 1 == run.first && last.until_ms == until_ms => last.last = run.last,
            _ => self.change.renewals.push(Renewal { first: run.first, last: run.last, until_ms }),
        }
    }

    /// The records below `start` are gone.
    pub(super) fn delete(&mut self, run: &Run<&Delivery>) {
        let member = match &run.value.state {
            State::Acquired(lock) => Some(lock.member.clone()),
            _ => None,
        };
        push_given_up(&mut self.change.given_up, given_up(run, Reason::Deleted, member));
    }

    /// The change. The start offset stays.
    pub(super) fn done(self) -> Change {
        let start = self.deliveries.start;
        self.finish(start)
    }

    /// The change, with a new start offset.
    pub(super) fn done_from(mut self, start: i64) -> Change {
        self.change.moves_start = true;
        self.finish(start)
    }

    fn finish(mut self, start: i64) -> Change {
        let finished = |run: &StateBatch| run.value.fate.is_final();
        let newly: i64 = self.change.update.batches.iter().filter(|run| finished(run)).map(Run::len).sum();
        let complete = self.deliveries.finished_from(start).saturating_add(newly);
        self.change.update.start_offset = start;
        self.change.update.delivery_complete_count = i32::try_from(complete).unwrap_or(i32::MAX);
        self.change
    }

    fn give_up(&mut self, run: &Run<&Delivery>, reason: Reason, member: Option<Arc<str>>) {
        let given_up = given_up(run, reason, member);
        if self.dead_letters && reason != Reason::Gap {
            self.mark(run, Fate::Archiving);
            push_given_up(&mut self.change.copies, given_up);
        } else {
            self.mark(run, Fate::Archived);
            push_given_up(&mut self.change.given_up, given_up);
        }
    }

    fn mark(&mut self, run: &Run<&Delivery>, fate: Fate) {
        let value = Mark { delivery_count: run.value.count, fate };
        match self.change.update.batches.last_mut() {
            Some(last) if last.value == value && last.last + 1 == run.first => last.last = run.last,
            _ => self.change.update.batches.push(Run { first: run.first, last: run.last, value }),
        }
    }
}

fn given_up(run: &Run<&Delivery>, reason: Reason, member: Option<Arc<str>>) -> GivenUp {
    GivenUp { first: run.first, last: run.last, delivery_count: run.value.count, reason, member }
}

/// Adds to a list, as part of the last one if that is alike and ends where this begins.
fn push_given_up(list: &mut Vec<GivenUp>, next: GivenUp) {
    match list.last_mut() {
        Some(last)
            if last.last + 1 == next.first
                && (last.delivery_count, last.reason, &last.member)
                    == (next.delivery_count, next.reason, &next.member) =>
        {
            last.last = next.last;
        }
        _ => list.push(next),
    }
}

impl Deliveries {
    /// Does what a change says. Its update is merged into the stored state by the caller.
    pub fn apply(&mut self, change: &Change) {
        for batch in &change.update.batches {
            let Mark { delivery_count, fate } = batch.value;
            let delivery = Delivery { state: State::Settled(fate), count: delivery_count };
            self.runs.set(batch.first.max(self.start), batch.last.min(self.end - 1), delivery);
        }
        for renewal in &change.renewals {
            self.prolong(renewal);
        }
        self.start_at(change.update.start_offset);
        self.advance();
    }

    fn prolong(&mut self, renewal: &Renewal) {
        let held: Vec<Run<Delivery>> = self
            .runs
            .within(renewal.first, renewal.last)
            .map(|run| Run { first: run.first, last: run.last, value: run.value.clone() })
            .collect();
        for run in held {
            if let State::Acquired(lock) = run.value.state {
                let lock = Lock { until_ms: renewal.until_ms, ..lock };
                let delivery = Delivery { state: State::Acquired(lock), count: run.value.count };
                self.runs.set(run.first, run.last, delivery);
            }
        }
    }

    /// Makes the start offset at least this.
    fn start_at(&mut self, start: i64) {
        if start > self.start {
            self.start = start.min(super::OFFSET_MAX);
            self.end = self.end.max(self.start);
            self.runs.drop_below(self.start);
        }
    }

    /// How many offsets from `start` on are finished.
    pub(super) fn finished_from(&self, start: i64) -> i64 {
        let parts = self.runs.within(start, super::OFFSET_MAX).filter(|run| run.value.state.is_final());
        parts.fold(0, |sum: i64, run| sum.saturating_add(length(run.first, run.last)))
    }
}
