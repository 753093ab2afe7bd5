//! What the store must hold: names of topics, and every batch that was ever sent, each different from all others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use catena_protocol::batch::BatchHeader;
use catena_storage::{PartitionLog, ReadError, ReadUpTo, Storage, StoreError, Topic};
use uuid::Uuid;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// From now on panics of all threads are counted, also those of the store's own, which nobody joins in a test.
pub fn count_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        before(info);
    }));
}

/// Fails if some thread has panicked.
pub fn assert_no_panics() {
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "threads that have panicked");
}

/// A partition of a topic.
pub type Partition = (Uuid, usize);

/// What is known of a topic's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// There is no such topic.
    Free,
    /// Its creation, with so many partitions, was not answered.
    Making(u32),
    /// The topic is there, with so many partitions.
    Taken(Uuid, u32),
    /// A growth from one number of partitions to another was not answered.
    Growing(Uuid, u32, u32),
    /// Its deletion was not answered.
    Leaving(Uuid, u32),
}

/// What is known of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may be there; at this offset, if the append has said one.
    Sent(Option<i64>),
    /// It is there.
    Acknowledged(i64),
    /// It was not there after a start, so that it must not come back.
    Lost,
}

/// What the store must hold.
#[derive(Debug, Default)]
pub struct Model {
    names: BTreeMap<String, Name>,
    /// By what producers wrote, without what brokers set.
    batches: HashMap<Partition, HashMap<Bytes, State>>,
    cluster_id: Option<String>,
    broker_epoch: Option<i64>,
    has_gaps: bool,
    /// Batches found by all looks, for the test to know that it tests something.
    pub found: usize,
}

/// A batch without base offset and leader epoch.
fn body(batch: &Bytes) -> Bytes {
    batch.slice(16..)
}

impl Model {
    pub fn name(&self, name: &str) -> Name {
        self.names.get(name).copied().unwrap_or(Name::Free)
    }

    pub fn set_name(&mut self, name: &str, state: Name) {
        self.names.insert(name.to_owned(), state);
    }

    #[allow(dead_code)]
    /// Topics that are there, or were when somebody last heard.
    pub fn taken(&self) -> Vec<(Uuid, u32)> {
        let taken = |name: &Name| match *name {
            Name::Taken(id, partitions) | Name::Growing(id, partitions, _) => Some((id, partitions)),
            _ => None,
        };
        self.names.values().filter_map(taken).collect()
    }

    pub fn sent(&mut self, partition: Partition, batch: &Bytes) {
        self.batches.entry(partition).or_default().entry(body(batch)).insert_entry(State::Sent(None));
    }

    pub fn appended(&mut self, partition: Partition, batch: &Bytes, offset: i64) {
        self.batches.entry(partition).or_default().insert(body(batch), State::Sent(Some(offset)));
    }

    pub fn acknowledged(&mut self, partition: Partition, batch: &Bytes, offset: i64) {
        self.batches.entry(partition).or_default().insert(body(batch), State::Acknowledged(offset));
    }

    #[allow(dead_code)]
    /// Whether the batch is there for sure.
    pub fn is_acknowledged(&self, partition: Partition, batch: &Bytes) -> bool {
        let state = self.batches.get(&partition).and_then(|batches| batches.get(&body(batch)));
        matches!(state, Some(State::Acknowledged(_)))
    }

    /// Compares what was just opened, and takes over what could not be known before.
    ///
    /// # Errors
    /// When something cannot be read; to be tried again with the next start.
    pub fn compare(&mut self, storage: &Storage) -> Result<(), StoreError> {
        self.compare_topics(storage, true);
        let topics = storage.topics();
        self.batches.retain(|partition, _| topics.iter().any(|topic| topic.id == partition.0));
        for topic in &topics {
            for (index, log) in topic.partitions.iter().enumerate() {
                let batches = self.batches.entry((topic.id, index)).or_default();
                self.found += compare_log(&format!("{}-{index}", topic.name), log, batches, self.has_gaps)?;
            }
        }
        Ok(())
    }

    /// Compares what can be known while a store is away. From now on offsets may have gaps.
    #[allow(dead_code)]
    pub fn compare_without_a_store(&mut self, storage: &Storage) {
        self.compare_topics(storage, false);
        self.has_gaps = true;
    }

    fn compare_topics(&mut self, storage: &Storage, is_whole: bool) {
        let id = storage.cluster_id().to_owned();
        assert_eq!(*self.cluster_id.get_or_insert(id.clone()), id, "the cluster's id");
        assert!(self.broker_epoch < Some(storage.broker_epoch()), "the broker epoch {}", storage.broker_epoch());
        self.broker_epoch = Some(storage.broker_epoch());
        let topics = storage.topics();
        for topic in &topics {
            assert!(self.names.contains_key(&topic.name), "a ghost: {}", topic.name);
        }
        for (name, state) in &mut self.names {
            let now = compare_name(name, *state, topics.iter().find(|topic| topic.name == *name));
            // The store that is away may know of a change that was not answered.
            if is_whole || matches!(state, Name::Free | Name::Taken(..)) {
                *state = now;
            }
        }
    }
}

/// The state of a name now that the topic of this name, if there is one, is known.
fn compare_name(name: &str, state: Name, found: Option<&Arc<Topic>>) -> Name {
    let now = found.map(|topic| (topic.id, topic.partitions.len() as u32));
    let expected = match (state, now) {
        (Name::Free, now) => now.is_none(),
        (Name::Making(partitions), now) => now.is_none_or(|now| now.1 == partitions),
        (Name::Taken(id, partitions), now) => now == Some((id, partitions)),
        (Name::Growing(id, from, to), now) => now == Some((id, from)) || now == Some((id, to)),
        (Name::Leaving(id, partitions), now) => now.is_none() || now == Some((id, partitions)),
    };
    assert!(expected, "topic {name} was {state:?} and is {now:?}");
    now.map_or(Name::Free, |(id, partitions)| Name::Taken(id, partitions))
}

/// Compares a log; returns how many batches it holds.
fn compare_log(
    name: &str,
    log: &PartitionLog,
    batches: &mut HashMap<Bytes, State>,
    has_gaps: bool,
) -> Result<usize, StoreError> {
    let offsets = log.offsets();
    let present = read_all(name, log)?;
    let mut next = offsets.log_start;
    for batch in &present {
        let header = BatchHeader::parse_whole(batch).unwrap();
        assert!(header.base_offset == next || has_gaps && header.base_offset > next, "{name}: {next} is missing");
        next = header.next_offset();
        let state =
            batches.get(&body(batch)).unwrap_or_else(|| panic!("{name}: never sent, at {}", header.base_offset));
        let (State::Sent(Some(at)) | State::Acknowledged(at)) = *state else {
            assert_ne!(*state, State::Lost, "{name}: back at {}", header.base_offset);
            continue;
        };
        assert_eq!(at, header.base_offset, "{name}: moved, {state:?}");
    }
    assert_eq!(offsets.high_watermark, offsets.log_end, "{name}: everything is durable");
    assert!(next == offsets.log_end || has_gaps && next < offsets.log_end, "{name}: everything can be read");
    let is_there: HashMap<Bytes, i64> = present.iter().map(|batch| (body(batch), base_offset(batch))).collect();
    assert_eq!(is_there.len(), present.len(), "{name}: a batch is there twice");
    for (batch, state) in batches {
        match (is_there.get(batch), &state) {
            (Some(at), _) => *state = State::Acknowledged(*at),
            (None, State::Acknowledged(at)) => panic!("{name}: lost, at {at} of {next}"),
            (None, _) => *state = State::Lost,
        }
    }
    Ok(present.len())
}

fn base_offset(batch: &[u8]) -> i64 {
    i64::from_be_bytes(batch[..8].try_into().unwrap())
}

/// All batches of a log, in order.
fn read_all(name: &str, log: &PartitionLog) -> Result<Vec<Bytes>, StoreError> {
    let (mut found, mut next) = (Vec::new(), log.offsets().log_start);
    loop {
        let mut bytes = match log.read(next, 10_000, true, ReadUpTo::HighWatermark) {
            Ok(read) => read.bytes,
            Err(ReadError::Store(error)) => return Err(error),
            Err(error) => panic!("{name}: at {next}: {error}"),
        };
        if bytes.is_empty() {
            return Ok(found);
        }
        while !bytes.is_empty() {
            let header =
                BatchHeader::parse_whole(&bytes).unwrap_or_else(|error| panic!("{name}: at {next}: {error:?}"));
            next = header.next_offset();
            let batch = bytes.split_to(header.size());
            // One without records tells a reader to go on behind a gap.
            found.extend((header.record_count > 0).then_some(batch));
        }
    }
}
