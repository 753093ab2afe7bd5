//! A producer: a few batches in flight; one that is idempotent sends again, after a crash, what was not acknowledged.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use catena_protocol::records::BatchBuilder;
use catena_storage::{AppendError, AppendOrigin, Appended, CommitTicket};
use rand::RngExt;
use rand::rngs::StdRng;

use super::life::Life;
use super::model::Partition;

/// The time of the tests, milliseconds since 1970.
const T0: i64 = 1_800_000_000_000;
/// Batches in flight at most; a log remembers so many of an idempotent producer.
const IN_FLIGHT_MAX: usize = 5;
/// Records of a batch at most.
const RECORDS_MAX: i32 = 4;
/// Keys of records.
const KEYS: u8 = 8;
/// The share of records without a value.
const TOMBSTONES: f64 = 0.1;
/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A producer over many lives of a store.
#[derive(Debug)]
pub struct Producer {
    idempotent: bool,
    id: Option<i64>,
    sequences: HashMap<Partition, i32>,
    /// Sent and not acknowledged, in order.
    unanswered: VecDeque<(Partition, Bytes)>,
}

/// A batch that was appended.
struct InFlight {
    partition: Partition,
    batch: Bytes,
    offset: i64,
    commit: CommitTicket,
}

/// No batch is like another one.
static NEXT_BATCH: AtomicI64 = AtomicI64::new(0);

impl Producer {
    /// Forgets what it has sent: brokers may have forgotten part of it.
    pub fn start_over(&mut self) {
        *self = Self::new(self.idempotent);
    }

    pub fn new(idempotent: bool) -> Self {
        Self { idempotent, id: None, sequences: HashMap::new(), unanswered: VecDeque::new() }
    }

    /// Sends up to `count` batches, until something fails.
    pub fn run(&mut self, life: &Life, count: usize, dice: &mut StdRng) {
        let waiting = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut in_flight = VecDeque::new();
        let mut again: VecDeque<_> = std::mem::take(&mut self.unanswered);
        // What a log knows of producers may be gone, with a store or with their records.
        if life.forgets_producers() {
            again.retain(|(partition, batch)| !life.model().is_acknowledged(*partition, batch));
        }
        for _ in 0..count {
            let next = again.pop_front().or_else(|| self.next_batch(life, dice));
            let Some((partition, batch)) = next else { break };
            if self.idempotent {
                self.unanswered.push_back((partition, batch.clone()));
            }
            match send(life, partition, &batch) {
                Some(Ok(appended)) => in_flight.push_back(InFlight::new(partition, batch, appended)),
                Some(Err(error)) => {
                    life.tolerate(&format!("an append: {error}"));
                    break;
                }
                None => drop(self.unanswered.pop_back()),
            }
            let waits = in_flight.len() >= IN_FLIGHT_MAX || dice.random_bool(0.3);
            let oldest = if waits { in_flight.pop_front() } else { None };
            if !oldest.is_none_or(|oldest| self.is_acknowledged(life, oldest, &waiting)) {
                break;
            }
        }
        in_flight.into_iter().for_each(|oldest| {
            self.is_acknowledged(life, oldest, &waiting);
        });
        self.unanswered.extend(again);
    }

    fn next_batch(&mut self, life: &Life, dice: &mut StdRng) -> Option<(Partition, Bytes)> {
        let topics = life.model().taken();
        let (topic, partitions) = *topics.get(dice.random_range(0..topics.len().max(1)))?;
        let partition = (topic, dice.random_range(0..partitions as usize));
        let mut builder = BatchBuilder::new();
        let records = dice.random_range(1..=RECORDS_MAX);
        if self.idempotent {
            let id = match self.id {
                Some(id) => id,
                None => *self.id.insert(life.new_producer_id()?),
            };
            let sequence = self.sequences.entry(partition).or_default();
            builder = builder.with_producer(id, 0, *sequence);
            *sequence += records;
        }
        let number = NEXT_BATCH.fetch_add(1, Ordering::Relaxed);
        let text = format!("batch {number} ");
        let len = if dice.random_bool(0.1) { dice.random_range(1..1_200) } else { dice.random_range(1..300) };
        let value: Vec<u8> = text.bytes().cycle().take(text.len() + len).collect();
        for at in 0..records {
            let key = [b'k', dice.random_range(0..KEYS)];
            let value = Some(&value[..]).filter(|_| !dice.random_bool(TOMBSTONES));
            // No record has the timestamp of another one.
            builder.push(T0 + number * i64::from(RECORDS_MAX) + i64::from(at), Some(&key), value);
        }
        Some((partition, builder.build().unwrap()))
    }

    /// Waits for the answer.
    fn is_acknowledged(&mut self, life: &Life, sent: InFlight, waiting: &tokio::runtime::Runtime) -> bool {
        let durable = async { tokio::time::timeout(PATIENCE, sent.commit.durable()).await };
        let answer = waiting.block_on(durable).expect("an answer in time");
        match &answer {
            Ok(()) if !life.is_heard() => {}
            Ok(()) => {
                life.model().acknowledged(sent.partition, &sent.batch, sent.offset);
                self.unanswered.retain(|(_, batch)| *batch != sent.batch);
            }
            Err(error) => life.tolerate(&format!("a commit: {error}")),
        }
        answer.is_ok()
    }
}

impl InFlight {
    fn new(partition: Partition, batch: Bytes, appended: Appended) -> Self {
        Self { partition, batch, offset: appended.base_offset, commit: appended.commit }
    }
}

/// Appends; `None` if the topic is no more.
fn send(life: &Life, partition: Partition, batch: &Bytes) -> Option<Result<Appended, AppendError>> {
    let log = life.storage.topic_by_id(partition.0)?.partitions.get(partition.1)?.clone();
    if !life.model().is_acknowledged(partition, batch) {
        life.model().sent(partition, batch);
    }
    match log.append(batch.clone(), AppendOrigin::Client, T0) {
        Err(AppendError::Deleted) => None,
        Ok(appended) if appended.duplicate => Some(Ok(appended)),
        Ok(appended) => {
            assert!(!life.model().is_acknowledged(partition, batch), "an acknowledged batch was appended again");
            life.model().appended(partition, batch, appended.base_offset);
            Some(Ok(appended))
        }
        Err(error) => Some(Err(error)),
    }
}
