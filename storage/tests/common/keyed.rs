//! A compacted log: which records may be gone.
//!
//! What must always hold: the last acknowledged record of a key is there, or a later one of the key is; a tombstone may be gone, if nothing
//! that it has deleted is back. Records are told apart by their timestamps, of which none is used twice.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::{BufMut, Bytes, BytesMut};
use catena_protocol::records::{Record, records};

use super::{Compared, Log, State};

/// A record of the last acknowledged ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Last {
    offset: i64,
    is_tombstone: bool,
}

impl Compared<'_> {
    /// Compares the records; where each batch is of which some are there.
    pub fn keyed(&self, known: &Log, present: &[Bytes]) -> HashMap<Bytes, i64> {
        let name = &self.name;
        let sent = sent(known);
        let (mut at, mut next) = (HashMap::new(), i64::MIN);
        let mut newest: HashMap<Vec<u8>, i64> = HashMap::new();
        for record in present.iter().flat_map(|batch| records(batch).unwrap().map(Result::unwrap)) {
            let Record { offset, timestamp, key, .. } = record;
            assert!(offset >= next, "{name}: {offset} behind {next}");
            next = offset + 1;
            let (batch, index) = sent.get(&timestamp).unwrap_or_else(|| panic!("{name}: never sent, at {offset}"));
            self.compare_state(known, batch, offset - index);
            assert!(at.insert(batch.clone(), offset - index).is_none_or(|was| was == offset - index), "{name}: twice");
            newest.insert(key.unwrap().to_vec(), offset);
        }
        if !(self.kind.is_memory && known.has_gaps) {
            self.compare_keys(known, &newest);
        }
        at
    }

    fn compare_keys(&self, known: &Log, newest: &HashMap<Vec<u8>, i64>) {
        let (name, offsets) = (&self.name, self.log.offsets());
        let (last, may_be_gone) = self.last_of_keys(known);
        for (key, last) in last.iter().filter(|(_, last)| last.offset >= offsets.log_start) {
            let found = newest.get(key).copied();
            let is_gone = found.is_none() && (last.is_tombstone || may_be_gone.contains(key));
            assert!(
                is_gone || found >= Some(last.offset),
                "{name}: of key {key:?} {found:?} is there, not {last:?}, in {offsets:?}"
            );
        }
    }

    /// The last acknowledged record of each key, and keys that have a tombstone which may have been there.
    fn last_of_keys(&self, known: &Log) -> (BTreeMap<Vec<u8>, Last>, HashSet<Vec<u8>>) {
        let end = self.log.offsets().log_end;
        let (mut last, mut may_be_gone) = (BTreeMap::new(), HashSet::new());
        for (body, state) in &known.batches {
            let batch = whole(body);
            for (record, index) in records(&batch).unwrap().map(Result::unwrap).zip(0..) {
                let (key, is_tombstone) = (record.key.unwrap().to_vec(), record.value.is_none());
                match state {
                    State::Acknowledged(at) if at + index < end => {
                        let here = Last { offset: at + index, is_tombstone };
                        last.entry(key).and_modify(|last: &mut Last| *last = here.max(*last)).or_insert(here);
                    }
                    State::Sent(_) if is_tombstone => drop(may_be_gone.insert(key)),
                    _ => {}
                }
            }
        }
        (last, may_be_gone)
    }
}

/// The records of all batches that were sent, by timestamp: of which batch, and the how manieth.
fn sent(known: &Log) -> HashMap<i64, (Bytes, i64)> {
    let mut all = HashMap::new();
    for body in known.batches.keys() {
        let batch = whole(body);
        let stamps = records(&batch).unwrap().map(|record| record.unwrap().timestamp);
        all.extend(stamps.zip(0..).map(|(timestamp, index)| (timestamp, (body.clone(), index))));
    }
    all
}

/// A batch with this body, at offset 0.
fn whole(body: &Bytes) -> Bytes {
    let mut batch = BytesMut::with_capacity(body.len() + 16);
    batch.put_i64(0);
    batch.put_i32(body.len() as i32 + 4);
    batch.put_i32(-1);
    batch.extend_from_slice(body);
    batch.freeze()
}
