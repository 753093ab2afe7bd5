//! A log, a share partition, its stored state and the model of both, driven together and compared after each step.
//!
//! What must always hold: each record of the log ends once: accepted, announced as given up, copied, or absent.

use std::sync::Arc;

use super::super::*;
use super::model::{Cell, Marked, Model};

/// How the story of an offset ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Open,
    Accepted,
    Announced,
    Copied,
}

pub struct World {
    pub log: Vec<FetchedBatch>,
    pub log_end: i64,
    pub live: Deliveries,
    pub stored: Stored,
    pub model: Model,
    /// What the records say of each offset, and the start offset in them.
    durable: Vec<Option<(Fate, i16)>>,
    durable_start: i64,
    pub ends: Vec<End>,
    pub copies: Vec<GivenUp>,
    pub rules: Rules,
    pub now: u64,
}

impl World {
    pub fn new(rules: Rules) -> Self {
        let stored = Stored::initial(0, 0);
        Self {
            log: Vec::new(),
            log_end: 0,
            live: Deliveries::from_stored(&stored, 0),
            stored,
            model: Model::new(0),
            durable: Vec::new(),
            durable_start: 0,
            ends: Vec::new(),
            copies: Vec::new(),
            rules,
            now: 0,
        }
    }

    pub fn append(&mut self, gap: i64, len: i64, visible: bool) {
        let first = self.log_end + gap;
        self.log.push(FetchedBatch { first, last: first + len - 1, visible });
        self.log_end = first + len;
        self.ends.resize(self.log_end as usize, End::Open);
        self.durable.resize(self.log_end as usize, None);
    }

    pub fn read(&self, from: i64, batches: usize) -> Vec<FetchedBatch> {
        let first = self.log.partition_point(|batch| batch.last < from);
        self.log.iter().skip(first).take(batches).copied().collect()
    }

    pub fn acquire(&mut self, member: &Arc<str>, wish: Wish, batches: usize) -> Vec<Acquired> {
        let from = self.live.fetch_from(self.rules.record_locks_max);
        assert_eq!(from, self.model.next_fetch(self.rules.record_locks_max));
        let Some(from) = from else { return Vec::new() };
        let batches = self.read(from, batches);
        let fetched = Fetched { from, batches: &batches };
        let got = self.live.acquire(member, fetched, wish, self.now, &self.rules);
        let expected = self.model.acquire(member, fetched, wish, self.now, &self.rules);
        let each = |range: &Acquired| (range.first..=range.last).map(|o| (o, range.delivery_count)).collect::<Vec<_>>();
        assert_eq!(got.iter().flat_map(each).collect::<Vec<_>>(), expected);
        got
    }

    pub fn acknowledge(&mut self, member: &str, batches: &[AckBatch]) -> Result<(), AckError> {
        let decided = self.live.acknowledge(member, batches, self.now, &self.rules);
        match (&decided, self.model.acknowledge(member, batches, &self.rules)) {
            (Ok(change), Ok((marks, renewed))) => {
                self.model.renew(&renewed, self.now + self.rules.lock_duration_ms);
                self.happens(change, &marks, false);
            }
            (Err(AckError::NotHeld(_)), Err("held")) | (Err(AckError::PastTheEnd(_)), Err("past")) => {}
            (decided, expected) => panic!("{batches:?} by {member}: {decided:?}, not {expected:?}"),
        }
        decided.map(|_| ())
    }

    pub fn release(&mut self, member: &str) {
        let marks = self.model.release(&self.rules, |holder, _| holder == member);
        self.happens(&self.live.release(member, &self.rules), &marks, false);
    }

    pub fn expire(&mut self) {
        let now = self.now;
        let marks = self.model.release(&self.rules, |_, until| until <= now);
        self.happens(&self.live.expire(now, &self.rules), &marks, false);
        assert!(self.live.next_deadline_ms().is_none_or(|next| next > now));
    }

    pub fn copied(&mut self, copy: usize, ok: bool) {
        let copy = self.copies.swap_remove(copy);
        let marks = self.model.archiving(copy.first, copy.last);
        self.happens(&self.live.copied(&copy, ok), &marks, ok);
    }

    pub fn log_start_moves(&mut self, log_start: i64) {
        self.log.retain(|batch| batch.last >= log_start);
        let change = self.live.log_start_moved(log_start);
        self.names_who_had_them(&change);
        self.model.cut_below(log_start);
        self.happens(&change, &[], false);
    }

    /// A change is appended, merged and applied, on both sides.
    fn happens(&mut self, change: &Change, marks: &[Marked], copied: bool) {
        let each = |run: &StateBatch| {
            let Mark { delivery_count, fate } = run.value;
            (run.first..=run.last).map(|offset| (offset, fate, delivery_count)).collect::<Vec<_>>()
        };
        assert_eq!(change.update.batches.iter().flat_map(each).collect::<Vec<_>>(), marks);
        self.names_who_had_them(change);
        self.note_ends(change, marks, copied);
        let start = change.update.start_offset;
        let newly = marks.iter().filter(|(_, fate, _)| fate.is_final()).count() as i64;
        let complete = self.model.finished_from(start) + newly;
        assert_eq!(i64::from(change.update.delivery_complete_count), complete);
        self.model.apply(marks);
        if change.is_durable() {
            self.stored.merge(-1, &change.update);
            self.durable_start = change.update.start_offset;
            for &(offset, fate, count) in marks {
                self.durable[offset as usize] = Some((fate, count));
            }
        }
        self.copies.extend(change.copies.iter().cloned());
        self.live.apply(change);
    }

    fn note_ends(&mut self, change: &Change, marks: &[Marked], copied: bool) {
        let given_up = |offset: i64| change.given_up.iter().any(|run| (run.first..=run.last).contains(&offset));
        for &(offset, fate, _) in marks {
            match fate {
                Fate::Acknowledged => self.ends(offset, End::Accepted),
                Fate::Archived if copied => self.ends(offset, End::Copied),
                Fate::Archived => assert!(given_up(offset), "{offset} is archived and nobody hears of it"),
                Fate::Archiving => {
                    assert!(change.copies.iter().any(|run| (run.first..=run.last).contains(&offset)), "{offset}");
                }
                Fate::Available => {}
            }
        }
        for run in &change.given_up {
            (run.first..=run.last).for_each(|offset| self.ends(offset, End::Announced));
        }
    }

    /// What is given up out of a member's hands is announced with this member and the count of its deliveries.
    fn names_who_had_them(&self, change: &Change) {
        for run in change.given_up.iter().chain(&change.copies) {
            for offset in run.first..=run.last {
                if let Some(Cell::Held(member, _, count)) = self.model.cell(offset) {
                    assert_eq!((run.member.as_ref(), run.delivery_count), (Some(member), *count), "{offset}");
                }
            }
        }
    }

    fn ends(&mut self, offset: i64, end: End) {
        let known = &mut self.ends[offset as usize];
        assert_eq!(*known, End::Open, "{offset} ends a second time: {end:?}");
        *known = end;
    }

    /// The broker stops at once and starts again.
    pub fn crash(&mut self) {
        self.stored = Stored::from_snapshot(0, 0, &self.stored.snapshot());
        self.live = Deliveries::from_stored(&self.stored, 0);
        self.model = self.durable_model();
        self.copies = self.live.copies_to_resume(&self.rules);
        let resumed: i64 = self.copies.iter().map(|copy| copy.last - copy.first + 1).sum();
        assert_eq!(resumed, self.model.archiving(self.model.start, self.model.end()).len() as i64);
    }

    fn durable_model(&self) -> Model {
        let mut model = Model::new(self.durable_start);
        let marks = self.durable.iter().enumerate().skip(self.durable_start as usize);
        let marks: Vec<Marked> =
            marks.filter_map(|(offset, mark)| mark.map(|(fate, count)| (offset as i64, fate, count))).collect();
        model.apply(&marks);
        model
    }

    /// Offset by offset, what is known live and what a restart would know.
    pub fn compare(&self) {
        same(&self.live, &self.model);
        same(&Deliveries::from_stored(&self.stored, 0), &self.durable_model());
        assert_eq!(self.stored, Stored::from_snapshot(0, 0, &self.stored.snapshot()));
    }
}

fn same(live: &Deliveries, model: &Model) {
    assert_eq!((live.start(), live.end()), (model.start, model.end()));
    let mut next = model.start;
    for run in live.states(0, OFFSET_MAX) {
        assert_eq!(run.first, next, "runs tile the offsets");
        let cell = match &run.value.state {
            State::Settled(Fate::Available) => Cell::Available(run.value.count),
            State::Settled(fate) => Cell::Finished(*fate, run.value.count),
            State::Acquired(lock) => Cell::Held(lock.member.clone(), lock.until_ms, run.value.count),
            State::Absent => Cell::Absent,
        };
        for offset in run.first..=run.last {
            assert_eq!(Some(&cell), model.cell(offset), "{offset}");
        }
        next = run.last + 1;
    }
    assert_eq!(next, model.end());
}
