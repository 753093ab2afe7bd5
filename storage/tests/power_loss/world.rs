//! The lives of one store: what happens in each, how it ends, and what is left for the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use catena_storage::fs::faulty::FaultyFileSystem;
use catena_storage::{LogConfig, NewTopic, Storage, StorageOptions, TopicError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::common::machine::Machine;
use super::model::{Model, Name};
use super::producer::Producer;

/// Stores at most.
const STORES_MAX: usize = 3;
/// Names of topics; few, so that they are used again.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Partitions of a topic at most.
const PARTITIONS_MAX: u32 = 5;
/// Starts are cut short within so many operations: more than one takes.
const START_OPERATIONS_MAX: u64 = 150;
/// Operations of a life that loses power in the middle.
const LIFE_OPERATIONS_MAX: u64 = 1_500;

/// A store and everything that was ever done to it.
pub struct World {
    machine: Machine,
    model: Arc<Mutex<Model>>,
    producers: Vec<Producer>,
    options: StorageOptions,
    lacking: Lacking,
    /// The store that has missed something since all were there at a start.
    lost: Option<usize>,
    /// Whether all stores were there at some start: each knows the others.
    is_made: bool,
}

/// Which stores may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lacking {
    /// All are there, always.
    None,
    /// One may fail in the middle of a life.
    Sometimes,
    /// As before, and one may be away at a start. Then nobody knows what of it was not acknowledged: there are no idempotent producers.
    AtStarts,
}

/// One life of a store.
pub struct Life {
    pub storage: Arc<Storage>,
    lacking: Lacking,
    disk: FaultyFileSystem,
    model: Arc<Mutex<Model>>,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PowerLost,
    Killed,
    Stopped,
}

impl World {
    pub fn new(dice: &mut StdRng) -> Self {
        let log_defaults = LogConfig {
            segment_bytes: dice.random_range(5_000..40_000),
            index_interval_bytes: dice.random_range(100..4_000),
            max_message_bytes: 1 << 20,
            ..LogConfig::default()
        };
        let journal_segment_bytes = 4096 * dice.random_range(2..16);
        let stores = dice.random_range(1..=STORES_MAX);
        let lacking = match dice.random_range(0..3) {
            1 if stores > 1 => Lacking::Sometimes,
            2 if stores > 1 => Lacking::AtStarts,
            _ => Lacking::None,
        };
        let idempotent = lacking != Lacking::AtStarts;
        Self {
            machine: Machine::new(stores),
            lacking,
            lost: None,
            is_made: false,
            model: Arc::default(),
            producers: [false, idempotent, idempotent].map(Producer::new).into(),
            options: StorageOptions { journal_segment_bytes, log_defaults, ..StorageOptions::default() },
        }
    }

    /// A life: start, compare, work, end.
    pub fn live(&mut self, dice: &mut StdRng) {
        let end = match dice.random_range(0..10) {
            0 => End::Stopped,
            1 => End::Killed,
            _ => End::PowerLost,
        };
        let life = self.start(dice);
        if end == End::PowerLost && dice.random_bool(0.8) {
            let operations = LIFE_OPERATIONS_MAX >> dice.random_range(0..7);
            self.machine.disk.power_off_after(dice.random_range(1..=operations));
        }
        self.work(&life, dice);
        if end == End::Stopped {
            let outcome = life.storage.shutdown();
            assert!(outcome.is_ok() || self.lost.is_some(), "a clean stop: {outcome:?}");
        }
        if end != End::Killed {
            self.machine.disk.power_off();
        }
        drop(life);
        if end != End::Killed {
            self.machine = self.machine.after_power_loss(dice.random());
        }
    }

    /// The last start of a round.
    pub fn look(&mut self, dice: &mut StdRng) {
        self.start(dice).storage.shutdown().unwrap();
        self.start(dice);
    }

    /// Starts; sometimes the power goes before that is done, several times over.
    fn start(&mut self, dice: &mut StdRng) -> Life {
        while dice.random_bool(0.4) {
            self.machine.disk.power_off_after(dice.random_range(1..START_OPERATIONS_MAX));
            let opened = self.machine.open(&self.options);
            self.machine.disk.power_off();
            drop(opened);
            self.machine = self.machine.after_power_loss(dice.random());
        }
        self.machine.disk.mend();
        let is_away = self.lacking == Lacking::AtStarts && self.is_made && dice.random_bool(0.3);
        if is_away {
            self.lose_a_store(dice);
        }
        let storage = self.machine.open(&self.options).unwrap_or_else(|error| panic!("a start fails: {error}"));
        if is_away {
            self.model.lock().unwrap().compare_without_a_store(&storage);
        } else {
            self.model.lock().unwrap().compare(&storage).unwrap();
            self.lost = None;
            self.is_made = true;
        }
        Life { storage, lacking: self.lacking, disk: self.machine.disk.clone(), model: self.model.clone() }
    }

    /// A store is gone. Not one after the other: what only the first one has missed, nobody could tell it.
    fn lose_a_store(&mut self, dice: &mut StdRng) {
        let at = self.lost.unwrap_or(dice.random_range(0..STORES_MAX));
        self.lost = Some(at);
        self.machine.lose_store(at);
    }

    /// Producers and an operator, side by side, until the power is gone or they are done.
    fn work(&mut self, life: &Life, dice: &mut StdRng) {
        let mut own_dice = || StdRng::seed_from_u64(dice.random());
        let mut operator = own_dice();
        if life.model().taken().is_empty() {
            life.operate(&mut operator);
        }
        std::thread::scope(|scope| {
            for producer in &mut self.producers {
                let mut dice = own_dice();
                scope.spawn(move || producer.run(life, 100, &mut dice));
            }
            (0..operator.random_range(0..6)).for_each(|_| life.operate(&mut operator));
            if self.lacking != Lacking::None && self.lost.is_none() && operator.random_bool(0.5) {
                let at = operator.random_range(0..STORES_MAX);
                self.lost = Some(at);
                self.machine.lose_store(at);
            }
            (0..operator.random_range(0..3)).for_each(|_| life.operate(&mut operator));
        });
    }
}

impl Life {
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }

    /// An error is fine without power, or if it says that records were lost with their store before they were acknowledged, or a
    /// producer hears that of the batches in between.
    pub fn tolerate(&self, error: &str) {
        let of_loss = ["lost with their store", "out of order sequence"].iter().any(|text| error.contains(text));
        assert!(self.disk.is_off() || self.lacking != Lacking::None && of_loss, "{error}");
    }

    /// Whether an answer counts. Without power nobody hears one; that a store has no power looks to us as if it alone had failed, so that
    /// another one would answer for it and then be the one that is away.
    pub fn is_heard(&self) -> bool {
        self.lacking != Lacking::AtStarts || !self.disk.is_off()
    }

    /// Whether a log may lose what it knows of producers, with a store: then they must not send again what is there.
    pub fn may_forget_producers(&self) -> bool {
        self.lacking != Lacking::None
    }

    pub fn new_producer_id(&self) -> Option<i64> {
        let id = self.storage.next_producer_id();
        id.map_err(|error| self.tolerate(&format!("a producer id: {error}"))).ok()
    }

    /// Creates, deletes or grows a topic.
    fn operate(&self, dice: &mut StdRng) {
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

    fn create(&self, name: &str, partitions: u32) {
        self.model().set_name(name, Name::Making(partitions));
        let new = NewTopic { name: name.into(), partitions, configs: BTreeMap::new(), internal: false };
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
