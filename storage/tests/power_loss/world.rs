//! The lives of one store: what happens in each, how it ends, and what is left for the next.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use catena_storage::fs::faulty::{Fault, FaultyFileSystem, Operation};
use catena_storage::{
    AcksAll, CleanerOptions, CleanupPolicy, DeleteRecordsError, LogConfig, NewTopic, Storage, StorageOptions,
    TopicError,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::common::machine::Machine;
use super::model::{Kind, Model, Name};
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
/// One of so many syncs of a life fails, if one does.
const SYNCS_MAX: u64 = 60;
/// How often the stores are looked after, and what can be compacted is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Nobody waits longer for a store to come back.
const PATIENCE: Duration = Duration::from_secs(60);
/// Settings of topics.
const COMPACT: &str = "compact";
const MEMORY: &str = "memory";

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
    kinds: [Kind; NAMES.len()],
    /// Whether records are deleted, or compacted.
    deletes: bool,
    /// What happened, in words, for who has to find out why a round failed.
    story: String,
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
    kinds: [Kind; NAMES.len()],
    deletes: bool,
    /// Whether a sync may fail in the only store.
    is_failing: bool,
    /// Whether a store may have no room.
    is_filled: bool,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    PowerLost,
    /// The process dies; the system goes on.
    Killed,
    /// A sync fails at some time, and the process dies.
    Failed,
    Stopped,
}

impl World {
    pub fn new(dice: &mut StdRng) -> Self {
        let log_defaults = log_defaults(dice);
        let journal_segment_bytes = 4096 * dice.random_range(2..16);
        let stores = dice.random_range(1..=STORES_MAX);
        let lacking = match dice.random_range(0..3) {
            1 if stores > 1 => Lacking::Sometimes,
            2 if stores > 1 => Lacking::AtStarts,
            _ => Lacking::None,
        };
        let idempotent = lacking != Lacking::AtStarts;
        // Half of the rounds have nothing but what the default promises.
        let share = if dice.random_bool(0.5) { 0.0 } else { 0.4 };
        let kinds = NAMES.map(|_| Kind { is_memory: dice.random_bool(share), is_compacted: dice.random_bool(share) });
        let mut model = Model::default();
        NAMES.iter().zip(kinds).for_each(|(name, kind)| model.set_kind(name, kind));
        Self {
            kinds,
            deletes: dice.random_bool(0.5) || kinds.iter().any(|kind| kind.is_compacted),
            machine: Machine::new(stores),
            lacking,
            lost: None,
            is_made: false,
            model: Arc::new(Mutex::new(model)),
            producers: [false, idempotent, idempotent].map(Producer::new).into(),
            story: format!("{stores} stores, {lacking:?} lacking, {kinds:?}"),
            options: StorageOptions {
                journal_segment_bytes,
                log_defaults,
                log_config,
                look_interval: LOOK_INTERVAL,
                cleaner: cleaner(kinds.iter().any(|kind| kind.is_compacted)),
                ..StorageOptions::default()
            },
        }
    }

    /// A life: start, compare, work, end.
    pub fn live(&mut self, dice: &mut StdRng) {
        let end = match dice.random_range(0..10) {
            0 => End::Stopped,
            1 => End::Killed,
            2 if self.machine.data_dirs().len() == 1 => End::Failed,
            _ => End::PowerLost,
        };
        let mut life = self.start(dice);
        self.story += &format!("; life {end:?}");
        if end == End::PowerLost && dice.random_bool(0.8) {
            let operations = LIFE_OPERATIONS_MAX >> dice.random_range(0..7);
            self.machine.disk.power_off_after(dice.random_range(1..=operations));
        }
        if end == End::Failed {
            life.is_failing = true;
            self.machine.disk.fail(Operation::Sync, dice.random_range(0..SYNCS_MAX), 1, Fault::Io);
            self.memory_is_lost(true);
        }
        self.work(&mut life, dice);
        if end == End::Stopped {
            let outcome = life.storage.shutdown();
            assert!(outcome.is_ok() || self.lost.is_some() || life.is_filled, "a clean stop: {outcome:?}");
        }
        if matches!(end, End::PowerLost | End::Stopped) {
            self.machine.disk.power_off();
            drop(life);
            self.machine = self.machine.after_power_loss(dice.random());
            self.memory_is_lost(false);
        }
    }

    /// What was acknowledged in memory may be gone, and with it what brokers know of producers.
    fn memory_is_lost(&mut self, with_disk: bool) {
        self.model.lock().unwrap().memory_is_lost(with_disk);
        if self.kinds.iter().any(|kind| kind.is_memory) {
            self.producers.iter_mut().for_each(Producer::start_over);
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
            self.memory_is_lost(false);
            self.story += "; power lost at a start";
        }
        self.machine.disk.mend();
        let is_away = self.lacking == Lacking::AtStarts && self.is_made && dice.random_bool(0.3);
        if is_away {
            self.lose_a_store(dice);
        }
        self.story += &format!("; start, without a store: {is_away}");
        let storage = self.machine.open(&self.options).unwrap_or_else(|error| panic!("a start fails: {error}"));
        if is_away {
            self.model.lock().unwrap().compare_without_a_store(&storage);
        } else {
            self.model.lock().unwrap().compare(&storage).unwrap();
            self.lost = None;
            self.is_made = true;
        }
        Life {
            storage,
            lacking: self.lacking,
            disk: self.machine.disk.clone(),
            model: self.model.clone(),
            kinds: self.kinds,
            deletes: self.deletes,
            is_failing: false,
            is_filled: false,
        }
    }

    /// A store is gone. Not one after the other: what only the first one has missed, nobody could tell it.
    fn lose_a_store(&mut self, dice: &mut StdRng) {
        let at = self.lost.unwrap_or(dice.random_range(0..STORES_MAX));
        self.lost = Some(at);
        self.memory_is_lost(true);
        self.machine.lose_store(at);
    }

    /// Producers and an operator, side by side, until the power is gone or they are done.
    fn work(&mut self, life: &mut Life, dice: &mut StdRng) {
        let mut own_dice = || StdRng::seed_from_u64(dice.random());
        let mut operator = own_dice();
        if life.model().taken().is_empty() {
            life.operate(&mut operator);
        }
        let loses = self.lacking != Lacking::None && self.lost.is_none() && operator.random_bool(0.5);
        if loses {
            self.memory_is_lost(true);
        }
        life.is_filled = self.lost.is_none() && !loses && operator.random_bool(0.2);
        let life = &*life;
        self.story += &format!(" ({} filled)", life.is_filled);
        let Self { producers, machine, lost, story, .. } = self;
        std::thread::scope(|scope| {
            for producer in producers {
                let mut dice = own_dice();
                scope.spawn(move || producer.run(life, 100, &mut dice));
            }
            (0..operator.random_range(0..6)).for_each(|_| life.operate(&mut operator));
            if life.is_filled {
                machine.fill_store(operator.random_range(0..STORES_MAX));
            }
            if loses {
                *lost = lose_and_return(machine, life, &mut operator, story);
            }
            (0..operator.random_range(0..3)).for_each(|_| life.operate(&mut operator));
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.story);
        }
    }
}

/// A store fails; it may come back, and then it, or another one, may fail once more. Which store is away in the end?
fn lose_and_return(machine: &Machine, life: &Life, dice: &mut StdRng, story: &mut String) -> Option<usize> {
    loop {
        let at = dice.random_range(0..STORES_MAX);
        machine.lose_store(at);
        *story += &format!(" lost {at}");
        if dice.random_bool(0.5) {
            return Some(at);
        }
        (0..dice.random_range(0..3)).for_each(|_| life.operate(dice));
        machine.give_back_store(at);
        if !life.is_whole_again() {
            return Some(at);
        }
        *story += " and back";
        if dice.random_bool(0.5) {
            return None;
        }
    }
}

fn log_defaults(dice: &mut StdRng) -> LogConfig {
    LogConfig {
        segment_bytes: dice.random_range(5_000..40_000),
        index_interval_bytes: dice.random_range(100..4_000),
        max_message_bytes: 1 << 20,
        timestamp_after_max_ms: i64::MAX,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 0,
        file_delete_delay_ms: 0,
        flush_messages: if dice.random_bool(0.5) { i64::MAX } else { 10 },
        ..LogConfig::default()
    }
}

fn cleaner(enabled: bool) -> CleanerOptions {
    let dedupe_buffer_bytes = 1 << 16;
    CleanerOptions { enabled, dedupe_buffer_bytes, backoff: LOOK_INTERVAL, ..CleanerOptions::default() }
}

/// The settings of a topic.
fn log_config(configs: &BTreeMap<String, String>, defaults: &LogConfig) -> LogConfig {
    let mut config = defaults.clone();
    if configs.contains_key(COMPACT) {
        // Deleted by nobody but an operator: there is no limit.
        config.cleanup = CleanupPolicy { compact: true, delete: true };
        config.retention_ms = None;
    }
    if configs.contains_key(MEMORY) {
        config.acks_all = AcksAll::Memory;
    }
    config
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
    fn is_whole_again(&self) -> bool {
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

    /// Creates, deletes or grows a topic, or deletes records.
    fn operate(&self, dice: &mut StdRng) {
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
        let wanted = [(COMPACT, kind.is_compacted), (MEMORY, kind.is_memory)];
        let configs = wanted.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name.to_string(), String::new()));
        let new = NewTopic { name: name.into(), partitions, configs: configs.collect(), internal: false };
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
