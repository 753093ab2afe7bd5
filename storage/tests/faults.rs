//! Every operation on the disk fails once, each in its turn: nobody panics, nobody waits for ever, nothing that was acknowledged is lost,
//! and nothing is acknowledged that did not happen.
//!
//! A fixed scenario of three starts is played once to count its operations by kind, then again for each kind, each occurrence (evenly
//! chosen ones where there are many) and each fault that such an operation can have. Want of space passes: what was refused for it
//! works a moment later. Any other fault may end the store until the next start. At the end the store is started on a healthy disk,
//! and once more after a loss of power.

mod common;
#[path = "common/model.rs"]
mod model;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use catena_storage::fs::faulty::{Fault, Operation};
use catena_storage::{
    AppendError, AppendOrigin, Appended, LogConfig, NewTopic, OpenError, ReadError, ReadUpTo, Storage, StorageOptions,
    StoreError, TopicError,
};

use common::machine::Machine;
use model::{Model, Name, Partition};

/// Occurrences of one kind of operation that are tried at most.
const OCCURRENCES_MAX: u64 = 100;
/// Scenarios at the same time: they mostly wait.
const AT_ONCE: usize = 6;
/// Nobody waits longer for an answer, nor for space.
const PATIENCE: Duration = Duration::from_secs(60);
const T0: i64 = 1_800_000_000_000;

/// A fault at some occurrence of a kind of operation.
#[derive(Debug, Clone, Copy)]
struct Turn {
    operation: Operation,
    occurrence: u64,
    fault: Fault,
}

/// What an operation of this kind can fail with.
fn faults_of(operation: Operation) -> &'static [Fault] {
    match operation {
        Operation::Open => &[Fault::Io, Fault::NoSpace, Fault::TooManyFiles],
        Operation::CreateDir | Operation::Rename | Operation::Allocate | Operation::SetLen => {
            &[Fault::Io, Fault::NoSpace]
        }
        Operation::Write => &[Fault::Io, Fault::NoSpace, Fault::Short],
        _ => &[Fault::Io],
    }
}

#[test]
fn each_operation_fails_in_its_turn_and_nothing_acknowledged_is_lost() {
    model::count_panics();
    let turns = turns(&counted());
    assert!(turns.len() > 300, "{} turns", turns.len());
    let next = AtomicUsize::new(0);
    let play = || {
        while let Some(turn) = turns.get(next.fetch_add(1, Ordering::Relaxed)) {
            let context = Context(*turn);
            Scenario::new(Some(*turn)).play();
            std::mem::forget(context);
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(play))));
    model::assert_no_panics();
}

/// How often each kind of operation happens.
fn counted() -> Vec<(Operation, u64)> {
    let mut scenario = Scenario::new(None);
    let disk = scenario.machine.disk.clone();
    scenario.play();
    Operation::ALL.into_iter().map(|operation| (operation, disk.count(operation))).collect()
}

fn turns(counts: &[(Operation, u64)]) -> Vec<Turn> {
    let mut turns = Vec::new();
    for (operation, count) in counts.iter().copied() {
        let tried = count.min(OCCURRENCES_MAX);
        for occurrence in (0..tried).map(|at| at * count / tried) {
            turns.extend(faults_of(operation).iter().map(|fault| Turn { operation, occurrence, fault: *fault }));
        }
    }
    turns
}

/// Says which turn it was when a scenario panics.
struct Context(Turn);

impl Drop for Context {
    fn drop(&mut self) {
        eprintln!("failed: {:?}", self.0);
    }
}

/// A store to which always the same happens.
struct Scenario {
    machine: Machine,
    model: Mutex<Model>,
}

/// Why a start does not go on.
struct Ended;

impl Scenario {
    fn new(turn: Option<Turn>) -> Self {
        let machine = Machine::new(1);
        if let Some(turn) = turn {
            machine.disk.fail(turn.operation, turn.occurrence, 1, turn.fault);
        }
        Self { machine, model: Mutex::default() }
    }

    fn play(&mut self) {
        let first = self.start();
        let _ = self.topics_and_rolls(&first);
        drop(first);
        for _ in 0..2 {
            let storage = self.start();
            let _ = self.more_of_both(&storage);
            tolerate(storage.shutdown());
        }
        self.machine.disk.mend();
        drop(self.start());
        self.power_loss();
        drop(self.start());
    }

    /// Starts and compares, at the second attempt if need be: nothing fails twice.
    fn start(&self) -> Arc<Storage> {
        self.attempt().or_else(|_| self.attempt()).unwrap_or_else(|error| panic!("no start: {error}"))
    }

    fn attempt(&self) -> Result<Arc<Storage>, String> {
        let storage = self.open().map_err(|error| error.to_string())?;
        self.model.lock().unwrap().compare(&storage).map_err(|error| error.to_string())?;
        Ok(storage)
    }

    fn power_loss(&mut self) {
        self.machine = self.machine.after_power_loss(self.machine.disk.operations());
    }

    fn open(&self) -> Result<Arc<Storage>, OpenError> {
        let log_config = LogConfig { segment_bytes: 6_000, index_interval_bytes: 500, ..LogConfig::default() }.into();
        self.machine.open(&StorageOptions { journal_segment_bytes: 16_384, log_config, ..StorageOptions::default() })
    }

    fn topics_and_rolls(&self, storage: &Arc<Storage>) -> Result<(), Ended> {
        self.create(storage, "kept", 2)?;
        self.create(storage, "gone", 1)?;
        self.append(storage, "gone", 0, 3)?;
        self.append(storage, "kept", 0, 12)?;
        self.append(storage, "kept", 1, 4)?;
        self.delete(storage, "gone")?;
        self.grow(storage, "kept", 3)?;
        self.append(storage, "kept", 2, 4)?;
        self.read(storage, "kept")
    }

    fn more_of_both(&self, storage: &Arc<Storage>) -> Result<(), Ended> {
        self.create(storage, "kept", 3)?;
        self.create(storage, "later", 1)?;
        self.append(storage, "kept", 0, 4)?;
        self.append(storage, "later", 0, 4)?;
        self.read(storage, "kept")
    }

    fn create(&self, storage: &Storage, name: &str, partitions: u32) -> Result<(), Ended> {
        let attempt = || {
            let new = NewTopic { name: name.into(), partitions, configs: BTreeMap::new(), internal: false };
            storage.create_topics(vec![new]).pop().unwrap()
        };
        if self.name(name) != Name::Free {
            assert!(matches!(attempt(), Err(TopicError::Exists(_) | TopicError::Store(_))), "{name} is there");
            return Ok(());
        }
        self.set_name(name, Name::Making(partitions));
        let made = store_error(until_there_is_space(
            attempt,
            |error| matches!(error, TopicError::Store(why) if why.may_pass()),
        ))?;
        self.set_name(name, Name::Taken(made.id, partitions));
        Ok(())
    }

    fn delete(&self, storage: &Storage, name: &str) -> Result<(), Ended> {
        let Name::Taken(id, partitions) = self.name(name) else { panic!("{name} is there") };
        self.set_name(name, Name::Leaving(id, partitions));
        let attempt = || storage.delete_topics(&[id]).pop().unwrap();
        store_error(until_there_is_space(attempt, |error| matches!(error, TopicError::Store(why) if why.may_pass())))?;
        self.set_name(name, Name::Free);
        Ok(())
    }

    fn grow(&self, storage: &Storage, name: &str, total: u32) -> Result<(), Ended> {
        let Name::Taken(id, partitions) = self.name(name) else { panic!("{name} is there") };
        self.set_name(name, Name::Growing(id, partitions, total));
        let attempt = || storage.add_partitions(id, total);
        store_error(until_there_is_space(attempt, |error| matches!(error, TopicError::Store(why) if why.may_pass())))?;
        self.set_name(name, Name::Taken(id, total));
        Ok(())
    }

    /// Appends batches; waits for every other one.
    fn append(&self, storage: &Storage, name: &str, partition: usize, count: usize) -> Result<(), Ended> {
        let topic = storage.topic(name).expect("a topic that is there");
        let mut waiting = Vec::new();
        for at in 0..count {
            let batch = batch(name, partition);
            waiting.push(self.send(&topic.partitions[partition], (topic.id, partition), batch)?);
            if at % 2 == 1 {
                waiting.drain(..).try_for_each(|sent| self.answer((topic.id, partition), sent))?;
            }
        }
        waiting.into_iter().try_for_each(|sent| self.answer((topic.id, partition), sent))
    }

    fn send(
        &self,
        log: &Arc<catena_storage::PartitionLog>,
        partition: Partition,
        batch: Bytes,
    ) -> Result<(Bytes, Appended), Ended> {
        self.model.lock().unwrap().sent(partition, &batch);
        let attempt = || log.append(batch.clone(), AppendOrigin::Client, T0);
        let appended =
            until_there_is_space(attempt, |error| matches!(error, AppendError::Store(why) if why.may_pass()));
        let appended = match appended {
            Err(AppendError::Store(StoreError::Failed(_))) => return Err(Ended),
            appended => appended.unwrap_or_else(|error| panic!("an append: {error}")),
        };
        self.model.lock().unwrap().appended(partition, &batch, appended.base_offset);
        Ok((batch, appended))
    }

    /// Waits for the answer. Want of space is one; the batch is durable a moment later.
    fn answer(&self, partition: Partition, (batch, appended): (Bytes, Appended)) -> Result<(), Ended> {
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let durable = async { tokio::time::timeout(PATIENCE, appended.commit.durable()).await };
        match waiting.block_on(durable).expect("an answer in time") {
            Ok(()) => {
                self.model.lock().unwrap().acknowledged(partition, &batch, appended.base_offset);
                Ok(())
            }
            Err(StoreError::Full | StoreError::NoFiles) => Ok(()),
            Err(StoreError::Failed(_)) => Err(Ended),
        }
    }

    /// Reads all of a topic.
    fn read(&self, storage: &Storage, name: &str) -> Result<(), Ended> {
        let topic = storage.topic(name).expect("a topic that is there");
        for log in &topic.partitions {
            let offsets = log.offsets();
            let mut next = offsets.log_start;
            while next < offsets.high_watermark {
                let bytes = match log.read(next, 3_000, true, ReadUpTo::HighWatermark) {
                    Err(ReadError::Store(_)) => return Err(Ended),
                    read => read.unwrap_or_else(|error| panic!("{name} at {next}: {error}")).bytes,
                };
                let mut batches = &bytes[..];
                assert!(!batches.is_empty(), "{name} at {next}: nothing");
                while let Ok(header) = catena_protocol::batch::BatchHeader::parse_whole(batches) {
                    next = header.next_offset();
                    batches = &batches[header.size()..];
                }
            }
        }
        Ok(())
    }

    fn name(&self, name: &str) -> Name {
        self.model.lock().unwrap().name(name)
    }

    fn set_name(&self, name: &str, state: Name) {
        self.model.lock().unwrap().set_name(name, state);
    }
}

/// Tries until the outcome is another one than that space is wanting: there is some.
fn until_there_is_space<T, E>(mut attempt: impl FnMut() -> Result<T, E>, is_full: impl Fn(&E) -> bool) -> Result<T, E> {
    let begun = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_full(&error) => assert!(begun.elapsed() < PATIENCE, "space is there again"),
            outcome => return outcome,
        }
        std::thread::yield_now();
    }
}

fn store_error<T>(outcome: Result<T, TopicError>) -> Result<T, Ended> {
    match outcome {
        Err(TopicError::Store(StoreError::Failed(_))) => Err(Ended),
        outcome => Ok(outcome.unwrap_or_else(|error| panic!("a change of topics: {error}"))),
    }
}

fn tolerate(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        assert!(!error.to_string().contains("panic"), "{error}");
    }
}

/// A batch like no other, about 800 bytes.
fn batch(name: &str, partition: usize) -> Bytes {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let text = format!("{name}-{partition} {} ", NEXT.fetch_add(1, Ordering::Relaxed));
    let value: Vec<u8> = text.bytes().cycle().take(700).collect();
    let mut builder = BatchBuilder::new();
    builder.push(T0, None, Some(&value));
    builder.build().unwrap()
}
