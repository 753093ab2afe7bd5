//! All data of one broker: its stores, its topics, their logs.
//!
//! What must always hold: a topic is seen by readers only after every store that is alive knows it durably; changes of topics are made one
//! after the other.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use uuid::Uuid;

use crate::caretaker::Caretaker;
use crate::catalog::{ProducersRecord, Row, TopicRecord};
use crate::compaction::{CleanerStats, Cleaners, Work};
use crate::config::StorageOptions;
use crate::error::{DeleteRecordsError, OpenError, StoreError, TopicError};
use crate::fs::Space;
use crate::ids::{PartitionId, StoreId, new_topic_id};
use crate::log::PartitionLog;
use crate::log_configs::PartitionOf;
use crate::members::Members;
use crate::moving::Moves;
use crate::preferred::Preferred;
use crate::recovery::RecoveryReport;
use crate::steward::Steward;
use crate::store::StoreStats;
use crate::stores::Stores;
use crate::topics::{NewTopic, Topic, Topics};
use crate::{caretaker, start};

/// Producer ids taken from the catalogs at once.
const PRODUCER_ID_BLOCK: u64 = 1000;

/// All data of one broker.
pub struct Storage {
    shared: Arc<Shared>,
    producer_ids: Mutex<std::ops::Range<u64>>,
    steward: Mutex<Option<Steward>>,
    pub(crate) cleaners: Mutex<Option<Cleaners>>,
    pub(crate) caretaker: Mutex<Option<Caretaker>>,
}

/// What those who look after the data share with those who use them.
pub(crate) struct Shared {
    /// The stores.
    pub stores: Arc<Stores>,
    /// Settings.
    pub options: StorageOptions,
    /// The cluster's id.
    pub cluster_id: String,
    /// The topics.
    pub topics: RwLock<Topics>,
    /// Held while topics are changed, so that one change follows the other.
    pub changing: Mutex<()>,
    /// The stores with their threads.
    pub members: Members,
    /// What the cleaners share.
    pub cleaning: Arc<Work>,
    /// Partitions on their way to another store.
    pub moves: Moves,
    /// Where partitions that are still to come are to be.
    pub preferred: Preferred,
    /// The directories whose stores get no new partitions.
    pub cordoned: RwLock<Vec<PathBuf>>,
    /// The directories of the stores, as they were given.
    pub dirs: Vec<PathBuf>,
}

impl Storage {
    /// Opens or creates the stores in `dirs`, recovers them and takes a new broker epoch. A store that cannot be used is left out, unless it
    /// is the last one. Blocking.
    ///
    /// # Errors
    /// `OpenError`, in words for the operator.
    pub fn open(dirs: &[PathBuf], options: StorageOptions) -> Result<(Arc<Self>, RecoveryReport), OpenError> {
        let begun = Instant::now();
        let (shared, mut report) = start::open(dirs, options)?;
        let shared = Arc::new(shared);
        let io = |source| OpenError::Io { dir: dirs.first().cloned().unwrap_or_default(), source };
        let steward = Steward::start(&shared, dirs).map_err(io)?;
        let cleaners = Cleaners::start(&shared).map_err(io)?;
        let caretaker = Caretaker::start(&shared).map_err(io)?;
        report.elapsed = begun.elapsed();
        let storage = Self {
            shared,
            producer_ids: Mutex::new(0..0),
            steward: Mutex::new(Some(steward)),
            cleaners: Mutex::new(Some(cleaners)),
            caretaker: Mutex::new(Some(caretaker)),
        };
        Ok((Arc::new(storage), report))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The directories, as they were given.
    pub(crate) fn dirs(&self) -> &[PathBuf] {
        &self.shared.dirs
    }

    /// Whether the store in `dir` gets no new partitions.
    pub(crate) fn is_cordoned(&self, dir: &Path) -> bool {
        self.shared.cordoned().iter().any(|cordoned| cordoned == dir)
    }

    /// The store that takes part in `dir`, and the room there.
    pub(crate) fn store_in(&self, dir: &Path) -> Option<(StoreId, Option<Space>)> {
        let alive = self.shared.stores.alive();
        let store = alive.iter().find(|store| store.dir == dir)?;
        Some((store.id, store.fs.space(dir).ok()))
    }

    /// Where a partition is to be that is not there yet.
    pub(crate) fn prefer(&self, topic: &str, index: u32, dir: &Path) {
        self.shared.preferred.remember(topic, index, dir);
    }

    pub(crate) fn begin_move(&self, partition: PartitionId, store: StoreId) -> io::Result<()> {
        self.shared.moves.begin(&self.shared, partition, store)
    }

    pub(crate) fn move_target(&self, partition: PartitionId) -> Option<StoreId> {
        self.shared.moves.target(partition)
    }

    /// 22-character base64url id, made once with the first store (as Kafka's `cluster.id`).
    pub fn cluster_id(&self) -> &str {
        &self.shared.cluster_id
    }

    /// This start's epoch: 0 at the first, one more at each.
    pub fn broker_epoch(&self) -> i64 {
        i64::from(self.shared.stores.epoch)
    }

    /// Whether there is a store that takes new partitions, or none at all; not so if all that are there are cordoned (KIP-1066).
    pub fn takes_new_partitions(&self) -> bool {
        let alive = self.shared.stores.alive();
        alive.is_empty() || alive.iter().any(|store| !store.view().is_cordoned)
    }

    /// All topics by name, a snapshot.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.shared.read(Topics::all)
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.shared.read(|topics| topics.named(name))
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.shared.read(|topics| topics.with_id(id))
    }

    /// Another number after every change of the topics: whoever derives something from them sees whether it is stale.
    pub fn topics_version(&self) -> u64 {
        self.shared.read(Topics::version)
    }

    /// Creates topics, one catalog transaction for all; the answer of each in order. Blocking (one commit in each store).
    pub fn create_topics(&self, topics: Vec<NewTopic>) -> Vec<Result<Arc<Topic>, TopicError>> {
        let _changing = lock(&self.shared.changing);
        let home = match self.shared.stores.choose(None) {
            Ok(store) => store.id,
            Err(error) => return topics.into_iter().map(|_| Err(error.clone().into())).collect(),
        };
        let mut records: Vec<Result<TopicRecord, TopicError>> = Vec::with_capacity(topics.len());
        for new in topics {
            let taken = self.topic(&new.name).is_some() || records.iter().flatten().any(|other| other.name == new.name);
            records.push(if taken { Err(TopicError::Exists(new.name)) } else { Ok(self.record(new, home)) });
        }
        let rows: Vec<Row> = records.iter().flatten().cloned().map(Row::Topic).collect();
        if let Err(error) = self.announce(home, &rows) {
            return records.into_iter().map(|record| record.and(Err(error.clone().into()))).collect();
        }
        let made = |record: TopicRecord| self.put_topic(&record, Vec::new());
        records.into_iter().map(|record| record.map(made)).collect()
    }

    /// Deletes topics by id; their files are removed after `file.delete.delay.ms`. Blocking.
    pub fn delete_topics(&self, ids: &[Uuid]) -> Vec<Result<(), TopicError>> {
        let _changing = lock(&self.shared.changing);
        let known: Vec<Uuid> = ids.iter().copied().filter(|id| self.topic_by_id(*id).is_some()).collect();
        let gone: Vec<Row> = known.iter().copied().map(Row::TopicGone).collect();
        let home = known.first().and_then(|id| StoreId::of_topic(*id));
        if let Err(error) = home.map_or(Ok(()), |home| self.announce(home, &gone)) {
            return ids.iter().map(|_| Err(error.clone().into())).collect();
        }
        let delete = |id: &Uuid| {
            let topic = self.shared.write(|topics| topics.remove(*id)).ok_or(TopicError::Unknown)?;
            topic.partitions.iter().for_each(|log| log.delete());
            Ok(())
        };
        ids.iter().map(delete).collect()
    }

    /// Grows a topic to `total` partitions. Blocking.
    ///
    /// # Errors
    /// An unknown topic, fewer partitions than now, or stores that cannot do it.
    pub fn add_partitions(&self, id: Uuid, total: u32) -> Result<Arc<Topic>, TopicError> {
        let _changing = lock(&self.shared.changing);
        let topic = self.topic_by_id(id).ok_or(TopicError::Unknown)?;
        let now = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        if total < now {
            return Err(TopicError::FewerPartitions { now });
        }
        let record = topic.grown(total);
        let home = StoreId::of_topic(id).ok_or(TopicError::Unknown)?;
        self.announce(home, &[Row::Topic(record.clone())])?;
        Ok(self.put_topic(&record, topic.partitions.clone()))
    }

    /// A producer id that was never given out before, also not before a crash. Blocking now and then.
    ///
    /// # Errors
    /// When no catalog can be written.
    pub fn next_producer_id(&self) -> Result<i64, StoreError> {
        let mut block = lock(&self.producer_ids);
        if block.is_empty() {
            let first = self.shared.stores.take_producer_ids(PRODUCER_ID_BLOCK)?;
            *block = first..first + PRODUCER_ID_BLOCK;
        }
        let next = block.next().and_then(|id| i64::try_from(id).ok());
        next.ok_or_else(|| StoreError::Failed("producer ids are used up".into()))
    }

    /// Deletes the records of each log before the offset that comes with it (-1: all that are durable); the answer of each, in order, is
    /// where the log begins then. One transaction for all. Blocking.
    pub fn delete_records(&self, wanted: &[(Arc<PartitionLog>, i64)]) -> Vec<Result<i64, DeleteRecordsError>> {
        caretaker::delete_records(&self.shared, wanted)
    }

    /// Deletes what the settings of each log do not keep at `now_ms` (milliseconds since 1970), as the storage does by itself from time to
    /// time; returns how many logs were trimmed. Blocking.
    ///
    /// # Errors
    /// When a new log start cannot be made durable; what was trimmed before stays so.
    pub fn apply_retention(&self, now_ms: i64) -> Result<usize, StoreError> {
        caretaker::apply_retention(&self.shared, now_ms)
    }

    /// Counters since the start, store by store.
    pub fn stats(&self) -> Vec<StoreStats> {
        self.shared.stores.all().iter().map(|store| store.stats()).collect()
    }

    /// The cleaners in numbers, since the start.
    pub fn cleaner_stats(&self) -> CleanerStats {
        self.shared.cleaning.stats()
    }

    /// Commits what is pending, seals the open chains, removes the journals. The last call; a second one does nothing. Blocking.
    ///
    /// # Errors
    /// When something could not be made durable; the next start then recovers.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        self.shared.stores.close();
        drop(lock(&self.cleaners).take());
        drop(lock(&self.caretaker).take());
        drop(lock(&self.steward).take());
        self.shared.moves.stop();
        let logs = self.shared.logs();
        logs.iter().for_each(|log| log.await_writer());
        self.shared.members.seal_all(&logs, self.shared.stores.epoch)
    }

    fn announce(&self, home: StoreId, rows: &[Row]) -> Result<(), StoreError> {
        self.shared.stores.check_open()?;
        if rows.is_empty() { Ok(()) } else { self.shared.stores.announce(Some(home), rows) }
    }

    /// Writes down producers of logs.
    pub(crate) fn put_producers(&self, records: Vec<ProducersRecord>) -> Result<(), StoreError> {
        self.shared.stores.check_open()?;
        self.shared.stores.announce(None, &records.into_iter().map(Row::Producers).collect::<Vec<_>>())
    }

    fn record(&self, new: NewTopic, home: StoreId) -> TopicRecord {
        TopicRecord {
            id: new_topic_id(home),
            version: 1,
            created_epoch: self.shared.stores.epoch,
            name: new.name,
            partitions: new.partitions,
            internal: new.internal,
            configs: new.configs,
        }
    }

    /// Lets everybody see the topic that `record` says, with logs that exist already in front.
    fn put_topic(&self, record: &TopicRecord, partitions: Vec<Arc<PartitionLog>>) -> Arc<Topic> {
        let first = partitions.len();
        let topic = Arc::new(self.topic_of(record, partitions));
        self.shared.write(|topics| topics.put(&topic));
        // Who has changed the settings meanwhile may not have seen it.
        self.shared.options.log_config.refresh(&topic, first);
        topic
    }

    /// The topic as `record` says, with logs that exist already in front.
    fn topic_of(&self, record: &TopicRecord, mut partitions: Vec<Arc<PartitionLog>>) -> Topic {
        let first = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        let new_log = |index| {
            let id = PartitionId { topic: record.id, index };
            let (topic_id, topic, configs) = (record.id, record.name.as_str(), &record.configs);
            let config = self.shared.options.log_config.of(&PartitionOf { topic_id, topic, configs, index });
            let log = Arc::new(PartitionLog::new(self.shared.stores.clone(), id, config, &[], 0..0));
            self.settle_where_preferred(&record.name, &log);
            log
        };
        partitions.extend((first..record.partitions).map(new_log));
        Topic::new(record, partitions)
    }

    fn settle_where_preferred(&self, topic: &str, log: &Arc<PartitionLog>) {
        let dir = self.shared.preferred.take(topic, log.id().index);
        let alive = || self.shared.stores.alive().into_iter();
        let store = dir.and_then(|dir| alive().find(|store| store.dir == dir && !store.view().is_cordoned));
        // Without a chain this cannot fail.
        store.inspect(|store| drop(log.write_in_future(store)));
    }
}

impl Shared {
    /// The directories whose stores get no new partitions.
    pub fn cordoned(&self) -> Vec<PathBuf> {
        self.cordoned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All logs of all topics.
    pub fn logs(&self) -> Vec<Arc<PartitionLog>> {
        self.read(Topics::all).iter().flat_map(|topic| topic.partitions.clone()).collect()
    }

    /// The log of a partition.
    pub fn log(&self, id: PartitionId) -> Option<Arc<PartitionLog>> {
        let topic = self.read(|topics| topics.with_id(id.topic))?;
        topic.partitions.get(usize::try_from(id.index).ok()?).cloned()
    }

    fn read<T>(&self, look: impl FnOnce(&Topics) -> T) -> T {
        look(&self.topics.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Topics) -> T) -> T {
        change(&mut self.topics.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Storage {
    /// Without `shutdown` this is a crash as far as the data are concerned, but no thread stays behind.
    fn drop(&mut self) {
        self.shared.stores.close();
        drop(lock(&self.cleaners).take());
        drop(lock(&self.caretaker).take());
        drop(lock(&self.steward).take());
        self.shared.moves.stop();
        self.shared.members.stop();
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
