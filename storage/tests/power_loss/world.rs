//! The lives of one store: what happens in each, how it ends, and what is left for the next.

use std::sync::{Arc, Mutex};

use catena_storage::StorageOptions;
use catena_storage::fs::faulty::{Fault, Operation};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::common::machine::Machine;
use super::life::{Lacking, Life, NAMES};
use super::model::{Kind, Model};
use super::producer::Producer;
use super::settings::{self, Strategies};

/// Stores at most.
const STORES_MAX: usize = 3;
/// Starts are cut short within so many operations: more than one takes.
const START_OPERATIONS_MAX: u64 = 150;
/// Operations of a life that loses power in the middle.
const LIFE_OPERATIONS_MAX: u64 = 1_500;
/// One of so many syncs of a life fails, if one does.
const SYNCS_MAX: u64 = 60;
/// A store and everything that was ever done to it.
pub struct World {
    machine: Machine,
    model: Arc<Mutex<Model>>,
    producers: Vec<Producer>,
    options: StorageOptions,
    strategies: Strategies,
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
        let (mut model, strategies) = (Model::default(), Strategies::default());
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
            options: settings::of_broker(&kinds, &strategies, dice),
            strategies,
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
            strategies: self.strategies.clone(),
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
