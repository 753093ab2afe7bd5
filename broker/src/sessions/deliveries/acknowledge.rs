//! What a member says became of the records it holds: accepted, released, rejected, not there, or still at work.
//!
//! What must always hold:
//! - One request is taken as a whole or not at all.
//! - Only who holds a record decides about it, once.
//! - Offsets below the start offset are ignored: they are finished already.

use super::change::{Changing, Outcome};
use super::runs::length;
use super::{Change, Deliveries, Delivery, Reason, Rules, Run, State};

/// How one record was acknowledged (KIP-932, KIP-1222).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckType {
    /// 0: no record is at the offset.
    Gap,
    /// 1: it is done.
    Accept,
    /// 2: it is to be delivered again.
    Release,
    /// 3: it is not to be delivered again.
    Reject,
    /// 4: the member is still at work.
    Renew,
}

impl AckType {
    /// The type with this number.
    pub fn from_id(id: i8) -> Option<Self> {
        match id {
            0 => Some(Self::Gap),
            1 => Some(Self::Accept),
            2 => Some(Self::Release),
            3 => Some(Self::Reject),
            4 => Some(Self::Renew),
            _ => None,
        }
    }

    /// What it makes of a record. `None`: nothing, the lock lasts longer.
    fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Gap => Some(Outcome::GiveUp(Reason::Gap)),
            Self::Accept => Some(Outcome::Accept),
            Self::Release => Some(Outcome::Release),
            Self::Reject => Some(Outcome::GiveUp(Reason::Rejected)),
            Self::Renew => None,
        }
    }
}

/// Acknowledgements for `first..=last`: one type for all of them, or one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckBatch {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// One type, or as many as there are offsets.
    pub types: Vec<AckType>,
}

/// Why acknowledgements are refused. The texts are Kafka's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckError {
    /// The ranges or their types make no sense: INVALID_REQUEST, without a text.
    Malformed,
    /// Offsets that were never handed out: INVALID_REQUEST.
    PastTheEnd(&'static str),
    /// The member does not hold them: INVALID_RECORD_STATE.
    NotHeld(&'static str),
}

const NOT_FOUND: AckError =
    AckError::NotHeld("Batch record not found. The request batch offsets are not found in the cache.");
const FIRST_PAST_END: AckError =
    AckError::PastTheEnd("Batch record not found. The first offset in request is past acquired records.");
const LAST_PAST_END: AckError =
    AckError::PastTheEnd("Batch record not found. The last offset in request is past acquired records.");
const NOT_ACQUIRED: AckError =
    AckError::NotHeld("The batch cannot be acknowledged. The batch is not in the acquired state.");
const NOT_OWNER: AckError = AckError::NotHeld("Member is not the owner of batch record");
const NO_RENEWAL: AckError = AckError::NotHeld("Renewing acquisition locks is not enabled for the group.");

/// Whether the batches of one partition can be meant: in order, none reversed, with types for all offsets, and renewals
/// only where the request announces them (`KafkaApis.validateAcknowledgementBatches`). A batch may begin at the offset
/// at which the one before ends.
pub fn check(batches: &[AckBatch], may_renew: bool) -> Result<(), AckError> {
    let mut previous_last = -1;
    for batch in batches {
        let types_fit = match batch.types.len() {
            0 => false,
            1 => true,
            types => i64::try_from(types) == Ok(length(batch.first, batch.last)),
        };
        let in_order = batch.first <= batch.last && batch.first >= previous_last;
        if !in_order || !types_fit || (!may_renew && batch.types.contains(&AckType::Renew)) {
            return Err(AckError::Malformed);
        }
        previous_last = batch.last;
    }
    Ok(())
}

impl Deliveries {
    /// Decides about the acknowledgements of one member. The batches are those of one request, in its order; they
    /// have passed [`check`].
    pub fn acknowledge(
        &self,
        member: &str,
        batches: &[AckBatch],
        now_ms: u64,
        rules: &Rules,
    ) -> Result<Change, AckError> {
        let mut changing = Changing::new(self, rules.delivery_count_limit, rules.dead_letters);
        let mut decided_to = self.start;
        for batch in batches.iter().filter(|batch| batch.last >= self.start) {
            self.covers(batch)?;
            if batch.first < decided_to && decided_to > self.start {
                return Err(NOT_ACQUIRED);
            }
            for run in self.runs.within(batch.first.max(self.start), batch.last) {
                held_by(&run, member)?;
                self.decide(&mut changing, batch, &run, now_ms, rules)?;
            }
            decided_to = batch.last.saturating_add(1);
        }
        Ok(changing.done())
    }

    /// Whether all offsets of a batch were handed out once.
    fn covers(&self, batch: &AckBatch) -> Result<(), AckError> {
        if self.start == self.end {
            Err(NOT_FOUND)
        } else if batch.first >= self.end {
            Err(FIRST_PAST_END)
        } else if batch.last >= self.end {
            Err(LAST_PAST_END)
        } else {
            Ok(())
        }
    }

    /// Decides about the part of a batch that is one run, with each stretch of one type as a whole.
    fn decide(
        &self,
        changing: &mut Changing<'_>,
        batch: &AckBatch,
        run: &Run<&Delivery>,
        now_ms: u64,
        rules: &Rules,
    ) -> Result<(), AckError> {
        let until_ms = now_ms.saturating_add(rules.lock_duration_ms);
        for part in stretches(batch, run) {
            let run = Run { first: part.first, last: part.last, value: run.value };
            match part.value.outcome() {
                Some(outcome) => changing.settle(&run, outcome),
                None if rules.renew_allowed => changing.renew(&run, until_ms),
                None => return Err(NO_RENEWAL),
            }
        }
        Ok(())
    }
}

fn held_by(run: &Run<&Delivery>, member: &str) -> Result<(), AckError> {
    match &run.value.state {
        State::Acquired(lock) if *lock.member == *member => Ok(()),
        State::Acquired(_) => Err(NOT_OWNER),
        State::Settled(_) | State::Absent => Err(NOT_ACQUIRED),
    }
}

/// The offsets of a batch that lie in a run, cut where the type changes.
fn stretches(batch: &AckBatch, run: &Run<&Delivery>) -> Vec<Run<AckType>> {
    let first = batch.first.max(run.first);
    let last = batch.last.min(run.last);
    let [one] = batch.types[..] else { return cut_by_type(batch, first, last) };
    vec![Run { first, last, value: one }]
}

fn cut_by_type(batch: &AckBatch, first: i64, last: i64) -> Vec<Run<AckType>> {
    let skipped = usize::try_from(first.saturating_sub(batch.first)).unwrap_or(usize::MAX);
    let mut parts: Vec<Run<AckType>> = Vec::new();
    for (offset, &value) in (first..=last).zip(batch.types.iter().skip(skipped)) {
        match parts.last_mut() {
            Some(part) if part.value == value => part.last = offset,
            _ => parts.push(Run { first: offset, last: offset, value }),
        }
    }
    parts
}
