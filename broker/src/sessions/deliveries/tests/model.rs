//! The naive model: a plain list with the state of each offset, and the obvious rule for each event, offset by offset.
//!
//! What must always hold: it shares no code with what it checks but the types of questions and answers.

use std::sync::Arc;

use super::super::*;

/// The state of one offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    Available(i16),
    Held(Arc<str>, u64, i16),
    Finished(Fate, i16),
    Absent,
}

impl Cell {
    fn is_final(&self) -> bool {
        matches!(self, Self::Finished(Fate::Acknowledged | Fate::Archived, _) | Self::Absent)
    }
}

/// What became of one offset by a change.
pub type Marked = (i64, Fate, i16);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub start: i64,
    /// From `start` on.
    pub cells: Vec<Cell>,
}

impl Model {
    pub fn new(start: i64) -> Self {
        Self { start, cells: Vec::new() }
    }

    pub fn end(&self) -> i64 {
        self.start + self.cells.len() as i64
    }

    pub fn cell(&self, offset: i64) -> Option<&Cell> {
        usize::try_from(offset - self.start).ok().and_then(|at| self.cells.get(at))
    }

    fn set(&mut self, offset: i64, cell: Cell) {
        while self.end() <= offset {
            self.cells.push(Cell::Available(0));
        }
        self.cells[(offset - self.start) as usize] = cell;
    }

    pub fn advance(&mut self) {
        let finished = self.cells.iter().take_while(|cell| cell.is_final()).count();
        self.cells.drain(..finished);
        self.start += finished as i64;
    }

    pub fn finished_from(&self, start: i64) -> i64 {
        (start..self.end()).filter(|&offset| self.cell(offset).is_some_and(Cell::is_final)).count() as i64
    }

    pub fn next_fetch(&self, locks: i64) -> Option<i64> {
        let again = (self.start..self.end()).find(|&offset| matches!(self.cell(offset), Some(Cell::Available(_))));
        again.or((self.end() - self.start < locks).then_some(self.end()))
    }

    fn absent(&mut self, offset: i64) {
        if offset >= self.end() || (offset >= self.start && matches!(self.cell(offset), Some(Cell::Available(_)))) {
            self.set(offset, Cell::Absent);
        }
    }

    pub fn acquire(
        &mut self,
        member: &Arc<str>,
        fetched: Fetched<'_>,
        wish: Wish,
        now: u64,
        rules: &Rules,
    ) -> Vec<(i64, i16)> {
        let Some((left, last)) = self.allowed(fetched, wish, rules) else { return Vec::new() };
        let old_end = self.end();
        let half = ((f64::from(rules.delivery_count_limit) / 2.0).ceil() as i16).max(2);
        let is_suspect = |offset: &i64| matches!(self.cell(*offset), Some(Cell::Available(count)) if *count >= half);
        let suspects = ((fetched.batches[0].first..=last).filter(is_suspect).count() as i64).min(wish.batch_size);
        let exact = wish.mode == AcquireMode::RecordLimit;
        let limit = rules.delivery_count_limit;
        let mut taking = Taking { left, exact, careful: false, half, limit, suspects, got: Vec::new() };
        let mut next = fetched.from.max(self.start);
        for batch in fetched.batches {
            if taking.left <= 0 || batch.first > last {
                break;
            }
            (next..batch.first).for_each(|offset| self.absent(offset));
            let offsets: Vec<i64> = (batch.first.max(self.start)..=batch.last.min(last)).collect();
            if !batch.visible {
                offsets.iter().for_each(|&offset| self.absent(offset));
            } else if !self.take(&mut taking, batch, &offsets, member, now + rules.lock_duration_ms) {
                break;
            }
            if exact && self.end() > batch.first.max(old_end) {
                offsets.into_iter().filter(|&o| o >= self.end()).collect::<Vec<_>>().into_iter().for_each(|offset| {
                    self.set(offset, Cell::Available(0));
                });
            }
            if self.end() <= batch.last {
                break;
            }
            next = batch.last + 1;
        }
        self.advance();
        taking.got
    }

    /// How many records at most, and up to which.
    fn allowed(&self, fetched: Fetched<'_>, wish: Wish, rules: &Rules) -> Option<(i64, i64)> {
        let last = fetched.batches.last()?.last;
        let room = rules.record_locks_max - (self.end() - self.start);
        match () {
            () if wish.records_max <= 0 || last < self.start => None,
            () if room > 0 => Some((wish.records_max.min(room), last)),
            () if fetched.from < self.end() => {
                Some((wish.records_max.min(self.end() - fetched.from), last.min(self.end() - 1)))
            }
            () => None,
        }
    }

    /// Takes what may be taken of one batch. `false`: it does not go with what was taken before.
    fn take(
        &mut self,
        taking: &mut Taking,
        batch: &FetchedBatch,
        offsets: &[i64],
        member: &Arc<str>,
        until: u64,
    ) -> bool {
        let goes_with = |&offset: &i64| match self.cell(offset) {
            Some(Cell::Available(count)) => (*count >= taking.half) == taking.careful,
            Some(_) => true,
            None => !taking.careful,
        };
        if !taking.got.is_empty() && !offsets.iter().all(goes_with) {
            return false;
        }
        for &offset in offsets {
            let count = match self.cell(offset) {
                Some(Cell::Available(count)) => *count,
                None if !taking.careful => 0,
                _ => continue,
            };
            if !taking.takes(count, batch.last - batch.first + 1) {
                break;
            }
            self.set(offset, Cell::Held(member.clone(), until, count + 1));
            taking.got.push((offset, count + 1));
        }
        true
    }

    pub fn acknowledge(
        &self,
        member: &str,
        batches: &[AckBatch],
        rules: &Rules,
    ) -> Result<(Vec<Marked>, Vec<i64>), &'static str> {
        let (mut marks, mut renewed, mut decided) = (Vec::new(), Vec::new(), Vec::new());
        for batch in batches.iter().filter(|batch| batch.last >= self.start) {
            match () {
                () if self.cells.is_empty() => return Err("held"),
                () if batch.last >= self.end() => return Err("past"),
                () => {}
            }
            for offset in batch.first.max(self.start)..=batch.last {
                let Some(Cell::Held(holder, _, count)) = self.cell(offset) else { return Err("held") };
                if **holder != *member || decided.contains(&offset) {
                    return Err("held");
                }
                decided.push(offset);
                let at = if batch.types.len() == 1 { 0 } else { (offset - batch.first) as usize };
                match batch.types[at] {
                    AckType::Renew if rules.renew_allowed => renewed.push(offset),
                    AckType::Renew => return Err("held"),
                    AckType::Accept => marks.push((offset, Fate::Acknowledged, *count)),
                    AckType::Release => marks.push((offset, released(*count, rules), *count)),
                    AckType::Reject => marks.push((offset, given_up(rules), *count)),
                    AckType::Gap => marks.push((offset, Fate::Archived, *count)),
                }
            }
        }
        Ok((marks, renewed))
    }

    /// What releasing all records held like this makes of them.
    pub fn release(&self, rules: &Rules, ends: impl Fn(&str, u64) -> bool) -> Vec<Marked> {
        let held = (self.start..self.end()).filter_map(|offset| match self.cell(offset) {
            Some(Cell::Held(member, until, count)) if ends(member, *until) => Some((offset, *count)),
            _ => None,
        });
        held.map(|(offset, count)| (offset, released(count, rules), count)).collect()
    }

    pub fn archiving(&self, first: i64, last: i64) -> Vec<Marked> {
        let cells = (first..=last).filter_map(|offset| match self.cell(offset) {
            Some(Cell::Finished(Fate::Archiving, count)) => Some((offset, Fate::Archived, *count)),
            _ => None,
        });
        cells.collect()
    }

    pub fn apply(&mut self, marks: &[Marked]) {
        for &(offset, fate, count) in marks {
            let cell = if fate == Fate::Available { Cell::Available(count) } else { Cell::Finished(fate, count) };
            self.set(offset, cell);
        }
        self.advance();
    }

    pub fn renew(&mut self, offsets: &[i64], until: u64) {
        for &offset in offsets {
            let Some(Cell::Held(member, _, count)) = self.cell(offset).cloned() else { panic!("{offset} is not held") };
            self.set(offset, Cell::Held(member, until, count));
        }
    }

    pub fn cut_below(&mut self, log_start: i64) {
        while self.start < log_start {
            if !self.cells.is_empty() {
                self.cells.remove(0);
            }
            self.start += 1;
        }
    }
}

struct Taking {
    left: i64,
    exact: bool,
    careful: bool,
    half: i16,
    limit: i16,
    suspects: i64,
    got: Vec<(i64, i16)>,
}

impl Taking {
    /// Whether a record that was delivered so often is taken too.
    fn takes(&mut self, count: i16, batch_len: i64) -> bool {
        if self.limit > 2 && count >= self.limit - 1 {
            (self.left, self.exact) = (i64::from(self.got.is_empty()), true);
        } else if count >= self.half && !self.careful {
            let few = (self.suspects.max(batch_len) >> (count - self.half + 1)).max(1) - self.got.len() as i64;
            (self.left, self.exact, self.careful) = (if self.exact { self.left.min(few) } else { few }, true, true);
        }
        let takes = !self.exact || self.left > 0;
        self.left -= i64::from(takes);
        takes
    }
}

fn released(count: i16, rules: &Rules) -> Fate {
    if count < rules.delivery_count_limit { Fate::Available } else { given_up(rules) }
}

fn given_up(rules: &Rules) -> Fate {
    if rules.dead_letters { Fate::Archiving } else { Fate::Archived }
}
