//! What the store must hold: names of topics, and every batch that was ever sent, each different from all others.

mod keyed;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
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

/// What is promised of the topics of a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kind {
    /// `catena.acks.all=memory`: a loss of power, or a disk that fails, takes the end of a log, also what was acknowledged.
    pub is_memory: bool,
    /// Of records with the same key only the last one stays for sure.
    pub is_compacted: bool,
}

/// What is known of a log.
#[derive(Debug, Default)]
pub struct Log {
    /// By what producers wrote, without what brokers set.
    batches: HashMap<Bytes, State>,
    /// What is below the first is deleted; what is below the second may be.
    deleted: Range<i64>,
    /// Behind everything that was acknowledged.
    end: i64,
    /// Whether something in the middle may be missing: offsets that nobody used, or that went with a disk.
    has_gaps: bool,
}

/// What may have happened to the logs since the last look.
#[derive(Debug, Clone, Copy, Default)]
struct Past {
    /// What was acknowledged in memory only may be gone.
    memory_lost: bool,
    /// With a disk that failed: then also in the middle of a log.
    disk_failed: bool,
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
    kinds: BTreeMap<String, Kind>,
    logs: HashMap<Partition, Log>,
    past: Past,
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

    /// What is promised of topics of this name, from the beginning on.
    #[allow(dead_code)]
    pub fn set_kind(&mut self, name: &str, kind: Kind) {
        self.kinds.insert(name.to_owned(), kind);
    }

    /// What was acknowledged in memory may be gone at the next look; with a disk that fails also in the middle of a log.
    #[allow(dead_code)]
    pub fn memory_is_lost(&mut self, with_disk: bool) {
        self.past.memory_lost = true;
        self.past.disk_failed |= with_disk;
    }

    pub fn sent(&mut self, partition: Partition, batch: &Bytes) {
        self.log(partition).batches.entry(body(batch)).insert_entry(State::Sent(None));
    }

    pub fn appended(&mut self, partition: Partition, batch: &Bytes, offset: i64) {
        self.log(partition).batches.insert(body(batch), State::Sent(Some(offset)));
    }

    pub fn acknowledged(&mut self, partition: Partition, batch: &Bytes, offset: i64) {
        let log = self.log(partition);
        log.batches.insert(body(batch), State::Acknowledged(offset));
        log.end = log.end.max(offset + count(&body(batch)));
    }

    /// The records below `offset` are to be deleted.
    #[allow(dead_code)]
    pub fn deleting(&mut self, partition: Partition, offset: i64) {
        let deleted = &mut self.log(partition).deleted;
        deleted.end = deleted.end.max(offset);
    }

    /// The records below `offset` are deleted.
    #[allow(dead_code)]
    pub fn deleted(&mut self, partition: Partition, offset: i64) {
        let deleted = &mut self.log(partition).deleted;
        deleted.start = deleted.start.max(offset);
    }

    fn log(&mut self, partition: Partition) -> &mut Log {
        self.logs.entry(partition).or_default()
    }

    #[allow(dead_code)]
    /// Whether the batch is there for sure.
    pub fn is_acknowledged(&self, partition: Partition, batch: &Bytes) -> bool {
        let state = self.logs.get(&partition).and_then(|log| log.batches.get(&body(batch)));
        matches!(state, Some(State::Acknowledged(_)))
    }

    /// Compares what was just opened, and takes over what could not be known before.
    ///
    /// # Errors
    /// When something cannot be read; to be tried again with the next start.
    pub fn compare(&mut self, storage: &Storage) -> Result<(), StoreError> {
        self.compare_topics(storage, true);
        let topics = storage.topics();
        self.logs.retain(|partition, _| topics.iter().any(|topic| topic.id == partition.0));
        let past = std::mem::take(&mut self.past);
        for topic in &topics {
            let kind = self.kinds.get(&topic.name).copied().unwrap_or_default();
            for (index, log) in topic.partitions.iter().enumerate() {
                let known = self.logs.entry((topic.id, index)).or_default();
                known.has_gaps |= self.has_gaps || past.disk_failed && kind.is_memory;
                let compared = Compared { name: format!("{}-{index}", topic.name), log, kind, past };
                self.found += compared.compare(known)?;
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

/// A log that is compared with what is known of it.
struct Compared<'a> {
    name: String,
    log: &'a PartitionLog,
    kind: Kind,
    past: Past,
}

impl Compared<'_> {
    /// Compares; returns how many batches there are. What is found is there for good from now on.
    fn compare(&self, known: &mut Log) -> Result<usize, StoreError> {
        let name = &self.name;
        let present = read_all(name, self.log)?;
        let (start, end) = self.compare_offsets(known);
        let at = if self.kind.is_compacted { self.keyed(known, &present) } else { self.dense(known, &present) };
        for (batch, state) in &mut known.batches {
            let is_excused = |at: i64| {
                at + count(batch) <= start || self.past.memory_lost && self.kind.is_memory && at + count(batch) > end
            };
            match (at.get(batch), *state) {
                (Some(at), _) => *state = State::Acknowledged(*at),
                (None, State::Acknowledged(at)) if is_excused(at) => *state = State::Lost,
                (None, State::Acknowledged(_)) if self.kind.is_compacted => {}
                (None, State::Acknowledged(_)) if self.kind.is_memory && known.has_gaps => *state = State::Lost,
                (None, State::Acknowledged(at)) => panic!("{name}: lost, at {at}, of {start} to {end}"),
                (None, _) => *state = State::Lost,
            }
        }
        Ok(present.len())
    }

    /// The first offset and the one after the last.
    fn compare_offsets(&self, known: &mut Log) -> (i64, i64) {
        let (name, offsets) = (&self.name, self.log.offsets());
        let (start, end) = (offsets.log_start, offsets.log_end);
        assert_eq!(offsets.high_watermark, end, "{name}: everything is durable");
        assert!(start >= known.deleted.start, "{name}: begins at {start}, deleted up to {:?}", known.deleted);
        assert!(
            start <= known.deleted.end.max(known.deleted.start) || known.has_gaps,
            "{name}: begins at {start}, deleted up to {:?}",
            known.deleted
        );
        let may_shrink = self.kind.is_memory && (self.past.memory_lost || known.has_gaps);
        assert!(end >= known.end || may_shrink, "{name}: ends at {end}, had {}", known.end);
        known.end = end;
        known.deleted = start..start.max(known.deleted.end);
        (start, end)
    }

    /// Every offset is there, once; where each batch is.
    fn dense(&self, known: &Log, present: &[Bytes]) -> HashMap<Bytes, i64> {
        let (name, offsets) = (&self.name, self.log.offsets());
        let (mut next, mut is_there) = (offsets.log_start, HashMap::new());
        for batch in present {
            let header = BatchHeader::parse_whole(batch).unwrap();
            let is_cut = next == offsets.log_start && header.base_offset < next && next < header.next_offset();
            let follows = header.base_offset == next || known.has_gaps && header.base_offset > next;
            assert!(follows || is_cut, "{name}: {next} is missing, {} is there", header.base_offset);
            next = header.next_offset();
            self.compare_state(known, &body(batch), header.base_offset);
            let twice = is_there.insert(body(batch), header.base_offset);
            assert_eq!(twice, None, "{name}: a batch is there twice");
        }
        let is_whole = next == offsets.log_end || known.has_gaps && next < offsets.log_end;
        assert!(is_whole, "{name}: ends at {next}, not at {}", offsets.log_end);
        is_there
    }

    /// A batch may be at `at`.
    fn compare_state(&self, known: &Log, batch: &Bytes, at: i64) {
        let name = &self.name;
        match known.batches.get(batch) {
            None => panic!("{name}: never sent, at {at}"),
            Some(State::Lost) => panic!("{name}: back at {at}"),
            Some(State::Sent(None)) => {}
            Some(state @ (State::Sent(Some(known)) | State::Acknowledged(known))) => {
                assert_eq!(*known, at, "{name}: moved, {state:?}");
            }
        }
    }
}

/// Offsets of a batch of which only the body is known.
fn count(body: &[u8]) -> i64 {
    i64::from(i32::from_be_bytes(body[7..11].try_into().unwrap())) + 1
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
