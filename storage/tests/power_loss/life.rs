//! One life of a store: what an operator does, and which errors are fine.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use catena_storage::fs::faulty::FaultyFileSystem;
use catena_storage::{DeleteRecordsError, NewTopic, Storage, TopicError};
use rand::RngExt;
use rand::rngs::StdRng;

use super::model::{Kind, Model, Name};
use super::settings::{self, LOOK_INTERVAL, Strategies};

/// Names of topics; few, so that they are used again.
pub const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Partitions of a topic at most.
const PARTITIONS_MAX: u32 = 5;
/// Nobody waits longer for a store to come back.
const PATIENCE: Duration = Duration::from_secs(60);
/// One life of a store.
pub struct Life {
    pub storage: Arc<Storage>,
    pub lacking: Lacking,
    pub disk: FaultyFileSystem,
    pub model: Arc<Mutex<Model>>,
    pub kinds: [Kind; NAMES.len()],
    pub deletes: bool,
    pub strategies: Strategies,
    /// Whether a sync may fail in the only store.
    pub is_failing: bool,
    /// Whether a store may have no room.
    pub is_filled: bool,
}

/// Which stores may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// All are there, always.
    None,
    /// One may fail in the middle of a life.
    Sometimes,
    /// As before, and one may be away at a start. Then nobody knows what of it was not acknowledged: there are no idempotent producers.
    AtStarts,
}

impl Life {
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    /// An error is fine without power, or if it says that records were lost with their store before they were acknowledged, or a
    /// producer hears that of the batches in between.
    pub fn tolerate(&self, error: &str) {
        let says = |texts: &[&str]| texts.iter().any(|text| error.contains(text));
        let is_fine = self.disk.is_off()
            || self.is_failing
            || self.lacking != Lacking::None && says(&["lost with their store", "out of order sequence"])
            || self.is_filled && says(&["no space"])
            || self.kinds.iter().any(|kind| kind.is_compacted) && says(&["out of order sequence"]);
        assert!(is_fine, "{error}");
    }

    /// Waits until all stores take part; not without power.
    pub fn is_whole_again(&self) -> bool {
        let begun = Instant::now();
        let is_whole = || self.storage.stats().iter().all(|store| !store.failed);
        while !is_whole() && !self.disk.is_off() {
            assert!(begun.elapsed() < PATIENCE, "the store is there again");
            std::thread::sleep(LOOK_INTERVAL);
        }
        is_whole()
    }

    /// Whether an answer counts. Without power nobody hears one; that a store has no power looks to us as if it alone had failed, so that
    /// another one would answer for it and then be the one that is away.
    pub fn is_heard(&self) -> bool {
        self.lacking != Lacking::AtStarts || !self.disk.is_off()
    }

    /// Whether a log may lose what it knows of producers: then they must not send again what is there.
    pub fn forgets_producers(&self) -> bool {
        self.lacking != Lacking::None || self.deletes
    }

    pub fn new_producer_id(&self) -> Option<i64> {
        let id = self.storage.next_producer_id();
        id.map_err(|error| self.tolerate(&format!("a producer id: {error}"))).ok()
    }

    /// Creates, deletes or grows a topic, deletes records, or changes how partitions are committed.
    pub fn operate(&self, dice: &mut StdRng) {
        if dice.random_bool(0.3) {
            self.strategies.turn();
            return self.storage.refresh_log_configs();
        }
        if self.deletes && dice.random_bool(0.3) {
            return self.delete_records(dice);
        }
        let name = NAMES[dice.random_range(0..NAMES.len())];
        let partitions = dice.random_range(1..=PARTITIONS_MAX);
        let state = self.model().name(name);
        match state {
            Name::Free => self.create(name, partitions),
            Name::Taken(id, now) if partitions > now => {
                self.model().set_name(name, Name::Growing(id, now, partitions));
                let outcome = self.storage.add_partitions(id, partitions).map(drop);
                self.answered(name, outcome, Name::Taken(id, partitions));
            }
            Name::Taken(id, now) => {
                self.model().set_name(name, Name::Leaving(id, now));
                let outcome = self.storage.delete_topics(&[id]).pop().unwrap();
                self.answered(name, outcome, Name::Free);
            }
            _ => {}
        }
    }

    /// Deletes the front of a log.
    fn delete_records(&self, dice: &mut StdRng) {
        let taken = self.model().taken();
        let Some((id, partitions)) = taken.get(dice.random_range(0..taken.len().max(1))).copied() else { return };
        let index = dice.random_range(0..partitions as usize);
        let Some(topic) = self.storage.topic_by_id(id) else { return };
        let Some(log) = topic.partitions.get(index) else { return };
        let offsets = log.offsets();
        let up_to = dice.random_range(offsets.log_start..=offsets.high_watermark);
        self.model().deleting((id, index), up_to);
        match self.storage.delete_records(&[(log.clone(), up_to)]).pop().unwrap() {
            Ok(log_start) if self.is_heard() => {
                assert!(log_start >= up_to, "{log_start}, not {up_to}");
                self.model().deleted((id, index), log_start);
            }
            Ok(_) => {}
            Err(DeleteRecordsError::OutOfRange { .. }) if self.lacking != Lacking::None => {}
            Err(error) => self.tolerate(&format!("deleting records: {error}")),
        }
    }

    fn create(&self, name: &str, partitions: u32) {
        self.model().set_name(name, Name::Making(partitions));
        let kind = NAMES
            .iter()
            .zip(self.kinds)
            .find(|(other, _)| **other == name)
            .map_or_else(Kind::default, |(_, kind)| kind);
        let new = NewTopic { name: name.into(), partitions, configs: settings::of_topic(kind), internal: false };
        match self.storage.create_topics(vec![new]).pop().unwrap() {
            Ok(topic) if self.is_heard() => self.model().set_name(name, Name::Taken(topic.id, partitions)),
            Ok(_) => {}
            Err(error) => self.tolerate(&format!("topic {name}: {error}")),
        }
    }

    fn answered(&self, name: &str, outcome: Result<(), TopicError>, state: Name) {
        match outcome {
            Ok(()) if self.is_heard() => self.model().set_name(name, state),
            Ok(()) => {}
            Err(error) => self.tolerate(&format!("topic {name}: {error}")),
        }
    }
}
