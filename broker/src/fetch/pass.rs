//! One go over the partitions of a request: what each of them gives at once, and which would have to wait for a disk.
//!
//! What must always hold: nothing here waits; what was read from the disk for this request is used as it is, if it still fits.

use std::sync::Arc;

use catena_storage::{EpochEnd, LogOffsets, PartitionLog, ReadSlice, Storage};

use super::cold::{ColdRead, Outcome, share};
use super::plan::{Allowance, Budget, Decision, FetchError, Limits, LogFacts, decide};
use super::session::{Entry, FetchSet, Told, TopicKey};

/// Memory that reads from the disk take in one answer.
const AWAITED_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How often one answer waits for the disk.
const AWAITED_READS_MAX: usize = 64;

/// A partition's offsets and what was read.
pub struct PartitionRecords {
    /// Its offsets at the time of reading.
    pub offsets: LogOffsets,
    /// Whole batches; None at the end of the log.
    pub records: Option<ReadSlice>,
    /// Where the client's log parts from ours.
    pub diverging: Option<EpochEnd>,
}

/// Everything read in one go over the partitions.
pub struct Pass {
    /// The partitions there is something to say about, by their turns.
    pub found: Vec<(u64, Result<PartitionRecords, FetchError>)>,
    /// Bytes of records.
    pub bytes: usize,
    /// The first read that would have to wait for a disk.
    pub cold: Option<ColdRead>,
    /// Something the client must hear at once: an error or a divergence.
    urgent: bool,
}

/// What this request has had read from the disk.
#[derive(Default)]
pub struct Awaited {
    reads: Vec<(ColdRead, Outcome)>,
    bytes: usize,
}

impl Pass {
    /// Whether it is worth an answer before the client's patience ends.
    pub fn is_enough(&self, limits: &Limits) -> bool {
        self.urgent || self.bytes >= limits.bytes_min
    }

    /// Whether the client would hear anything.
    pub fn has_something(&self) -> bool {
        self.urgent || self.bytes > 0
    }
}

impl Awaited {
    /// Adds what came of a read. When it is much already, it is forgotten: the next pass finds it in the system's cache.
    pub fn add(&mut self, read: ColdRead, outcome: Outcome) {
        let bytes = outcome.as_ref().ok().and_then(Option::as_ref).map_or(0, |slice| slice.bytes.len());
        let keep = self.bytes == 0 || self.bytes + bytes <= AWAITED_BYTES_MAX;
        self.bytes += if keep { bytes } else { 0 };
        self.reads.push((read, if keep { outcome } else { outcome.map(|_| None) }));
    }

    /// Whether one answer has waited for the disk often enough.
    pub fn is_enough(&self) -> bool {
        self.reads.len() >= AWAITED_READS_MAX
    }

    fn find(&self, log: &Arc<PartitionLog>, offset: i64) -> Option<Outcome> {
        let known = self.reads.iter().rfind(|(read, _)| Arc::ptr_eq(&read.log, log) && read.offset == offset);
        known.map(|(_, outcome)| share(outcome))
    }
}

/// Reads what can be had at once, and what was awaited.
pub fn read_all(set: &mut FetchSet, storage: &Storage, limits: Limits, incremental: bool, awaited: &Awaited) -> Pass {
    let mut budget = Budget::new(limits.bytes_max);
    let mut pass = Pass { found: Vec::new(), bytes: 0, cold: None, urgent: false };
    for (turn, entry) in set.iter_mut() {
        let sources = Sources { storage, awaited, limits: &limits };
        let result = match sources.read_one(entry, &budget) {
            Ok(Found::Read(read)) => Ok(read),
            Ok(Found::Cold(read, nothing)) => {
                pass.cold.get_or_insert(read);
                Ok(nothing)
            }
            Err(error) => Err(error),
        };
        budget.spend(bytes_of(&result));
        pass.bytes += bytes_of(&result);
        pass.urgent |= result.as_ref().map_or(true, |read| read.diverging.is_some());
        if !incremental || is_news(&result, entry.told) {
            pass.found.push((turn, result));
        }
    }
    pass
}

/// What one partition gives.
enum Found {
    Read(PartitionRecords),
    /// Nothing without waiting for a disk.
    Cold(ColdRead, PartitionRecords),
}

/// Where records come from.
struct Sources<'a> {
    storage: &'a Storage,
    awaited: &'a Awaited,
    limits: &'a Limits,
}

impl Sources<'_> {
    fn read_one(&self, entry: &mut Entry, budget: &Budget) -> Result<Found, FetchError> {
        let log = find_log(entry, self.storage)?;
        let facts = LogFacts { leader_epoch: log.leader_epoch(), offsets: log.offsets() };
        let nothing = PartitionRecords { offsets: facts.offsets, records: None, diverging: None };
        match decide(&entry.want, &facts, self.limits.up_to, |epoch| log.end_offset_for_epoch(epoch)) {
            Decision::Refuse(error) => Err(error),
            Decision::AtEnd => Ok(Found::Read(nothing)),
            Decision::Diverging(end) => Ok(Found::Read(PartitionRecords { diverging: Some(end), ..nothing })),
            Decision::Read => match budget.allow(entry.want.bytes_max) {
                Some(allowance) => self.read_records(log, entry.want.fetch_offset, allowance, nothing),
                None => Ok(Found::Read(nothing)),
            },
        }
    }

    fn read_records(
        &self,
        log: Arc<PartitionLog>,
        offset: i64,
        Allowance { bytes_max, min_one_batch }: Allowance,
        nothing: PartitionRecords,
    ) -> Result<Found, FetchError> {
        let Limits { up_to, cold: strategy, .. } = *self.limits;
        let slice = match self.awaited.find(&log, offset).transpose()?.flatten() {
            // Others gave more than before.
            Some(slice) if slice.bytes.len() > bytes_max && !min_one_batch => return Ok(Found::Read(nothing)),
            Some(slice) => Some(slice),
            None => log.read_now(offset, bytes_max, min_one_batch, up_to)?,
        };
        Ok(match slice {
            Some(slice) => Found::Read(PartitionRecords { offsets: slice.offsets, records: Some(slice), ..nothing }),
            None => Found::Cold(ColdRead { log, offset, bytes_max, min_one_batch, up_to, strategy }, nothing),
        })
    }
}

/// The partition's log: the one found before, unless its topic was deleted since.
fn find_log(entry: &mut Entry, storage: &Storage) -> Result<Arc<PartitionLog>, FetchError> {
    if let Some(log) = entry.log.as_ref().filter(|log| !log.is_deleted()) {
        return Ok(log.clone());
    }
    entry.log = None;
    let topic = match &entry.key.topic {
        TopicKey::Name(name) => storage.topic(name).ok_or(FetchError::UnknownTopicOrPartition),
        TopicKey::Id(id) => storage.topic_by_id(*id).ok_or(FetchError::UnknownTopicId),
    }?;
    let index = usize::try_from(entry.key.partition).map_err(|_| FetchError::UnknownTopicOrPartition)?;
    let log = topic.partitions.get(index).ok_or(FetchError::UnknownTopicOrPartition)?;
    Ok(entry.log.insert(log.clone()).clone())
}

/// Bytes of records.
pub fn bytes_of(result: &Result<PartitionRecords, FetchError>) -> usize {
    result.as_ref().ok().and_then(|read| read.records.as_ref()).map_or(0, |slice| slice.bytes.len())
}

/// What a client that hears `result` knows then.
pub fn told_by(result: &Result<PartitionRecords, FetchError>, before: Told) -> Told {
    match result {
        Ok(read) => Told { high_watermark: read.offsets.high_watermark, log_start: read.offsets.log_start },
        Err(_) => Told { high_watermark: -1, ..before },
    }
}

fn is_news(result: &Result<PartitionRecords, FetchError>, told: Told) -> bool {
    match result {
        Ok(read) => read.diverging.is_some() || bytes_of(result) > 0 || told_by(result, told) != told,
        Err(_) => true,
    }
}
