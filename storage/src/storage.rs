//! All data of one broker: its store, its topics, their logs.
//!
//! What must always hold: a topic is seen by readers only after the catalog has it durably; changes of topics are made one
//! after the other; names and ids are unique.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use uuid::Uuid;

use crate::catalog::{ChainRecord, Row, RowKey, TopicRecord};
use crate::committer::Committer;
use crate::config::{LogConfig, StorageOptions};
use crate::error::{OpenError, StoreError, TopicError};
use crate::fs::File;
use crate::ids::{self, PartitionId};
use crate::log::PartitionLog;
use crate::open::{self, Opened};
use crate::recovery::{self, RecoveryReport};
use crate::store::{Store, StoreStats};
use crate::{shutdown, sweep};

/// Producer ids taken from the catalog at once.
const PRODUCER_ID_BLOCK: u64 = 1000;

/// A topic that is to be.
#[derive(Debug, Clone)]
pub struct NewTopic {
    /// Its name, checked by the caller.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// Settings by name, checked by the caller.
    pub configs: BTreeMap<String, String>,
    /// Whether it is one of the coordinators' own.
    pub internal: bool,
}

/// A topic and its partition logs; replaced as a whole when partitions are added.
pub struct Topic {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Settings by name, as they were given.
    pub configs: BTreeMap<String, String>,
    /// Whether it is one of the coordinators' own.
    pub internal: bool,
    /// Its logs, by partition.
    pub partitions: Vec<Arc<PartitionLog>>,
}

/// All data of one broker.
pub struct Storage {
    store: Arc<Store>,
    options: StorageOptions,
    cluster_id: String,
    topics: RwLock<Topics>,
    /// Held while topics are changed, so that one change follows the other.
    changing: Mutex<()>,
    producer_ids: Mutex<std::ops::Range<u64>>,
    committer: Mutex<Option<Committer>>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
    _lock: Arc<dyn File>,
}

#[derive(Default)]
struct Topics {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

impl Topics {
    fn put(&mut self, topic: &Arc<Topic>) {
        self.by_name.insert(topic.name.clone(), topic.clone());
        self.by_id.insert(topic.id, topic.clone());
    }

    fn remove(&mut self, id: Uuid) -> Option<Arc<Topic>> {
        let topic = self.by_id.remove(&id)?;
        self.by_name.remove(&topic.name);
        Some(topic)
    }
}

impl Storage {
    /// Opens or creates the store in `dir`, recovers it and takes a new broker epoch. Blocking.
    ///
    /// # Errors
    /// `OpenError`, in words for the operator.
    pub fn open(dir: &Path, options: StorageOptions) -> Result<(Arc<Self>, RecoveryReport), OpenError> {
        let begun = Instant::now();
        let io = |source| OpenError::Io { dir: dir.to_owned(), source };
        let damaged = |error: StoreError| OpenError::Damaged { dir: dir.to_owned(), reason: error.to_string() };
        options.fs.create_dir_all(dir).map_err(io)?;
        let Opened { lock, catalog, identity } = open::open(&options.fs, dir, None)?;
        let epoch = catalog.next_broker_epoch(0).map_err(damaged)?;
        let epoch =
            u32::try_from(epoch).map_err(|_| damaged(StoreError::Failed("broker epochs are used up".into())))?;
        let mut report = RecoveryReport::default();
        let chains = recovery::recover(&*options.fs, dir, &catalog, &mut report).map_err(io)?;
        let records = catalog.topics().map_err(damaged)?;
        let store = Arc::new(Store::new(options.fs.clone(), dir.to_owned(), catalog, epoch));
        let topics = load_topics(&store, &options, records, chains);
        let committer = Committer::start(&store, options.journal_segment_bytes).map_err(io)?;
        let sweeper = sweep::start(&store).map_err(io)?;
        let storage = Self {
            store,
            options,
            cluster_id: identity.cluster_id,
            topics: RwLock::new(topics),
            changing: Mutex::new(()),
            producer_ids: Mutex::new(0..0),
            committer: Mutex::new(Some(committer)),
            sweeper: Mutex::new(Some(sweeper)),
            _lock: lock,
        };
        report.elapsed = begun.elapsed();
        Ok((Arc::new(storage), report))
    }

    /// 22-character base64url id, made once with the store (as Kafka's `cluster.id`).
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// This start's epoch: 0 at the first, one more at each.
    pub fn broker_epoch(&self) -> i64 {
        i64::from(self.store.epoch)
    }

    /// All topics by name, a snapshot.
    pub fn topics(&self) -> Vec<Arc<Topic>> {
        self.read(|topics| topics.by_name.values().cloned().collect())
    }

    /// The topic of this name.
    pub fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.read(|topics| topics.by_name.get(name).cloned())
    }

    /// The topic with this id.
    pub fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read(|topics| topics.by_id.get(&id).cloned())
    }

    /// Creates topics, one catalog transaction for all; the answer of each in order. Blocking (one commit).
    pub fn create_topics(&self, topics: Vec<NewTopic>) -> Vec<Result<Arc<Topic>, TopicError>> {
        let _changing = lock(&self.changing);
        let mut records: Vec<Result<TopicRecord, TopicError>> = Vec::with_capacity(topics.len());
        for new in topics {
            let taken = self.topic(&new.name).is_some() || records.iter().flatten().any(|other| other.name == new.name);
            records.push(if taken { Err(TopicError::Exists(new.name)) } else { Ok(self.record(new)) });
        }
        let good: Vec<TopicRecord> = records.iter().flatten().cloned().collect();
        if let Err(error) = self.put(&good) {
            return records.into_iter().map(|record| record.and(Err(error.clone().into()))).collect();
        }
        let made = |record: TopicRecord| {
            let topic = Arc::new(self.topic_of(&record, Vec::new()));
            self.write(|topics| topics.put(&topic));
            topic
        };
        records.into_iter().map(|record| record.map(made)).collect()
    }

    /// Deletes topics by id; their files are removed before this returns. Blocking.
    pub fn delete_topics(&self, ids: &[Uuid]) -> Vec<Result<(), TopicError>> {
        let _changing = lock(&self.changing);
        let known: Vec<Uuid> = ids.iter().copied().filter(|id| self.topic_by_id(*id).is_some()).collect();
        if !known.is_empty() {
            let removed = self.store.check_writable().and_then(|()| {
                self.store.catalog.apply(&known.iter().map(|id| Row::TopicGone(*id)).collect::<Vec<_>>())
            });
            if let Err(error) = removed {
                return ids.iter().map(|_| Err(error.clone().into())).collect();
            }
        }
        let delete = |id: &Uuid| {
            let topic = self.write(|topics| topics.remove(*id)).ok_or(TopicError::Unknown)?;
            topic.partitions.iter().for_each(|log| log.delete());
            Ok(())
        };
        ids.iter().map(delete).collect()
    }

    /// Grows a topic to `total` partitions. Blocking.
    ///
    /// # Errors
    /// An unknown topic, fewer partitions than now, or a store that cannot do it.
    pub fn add_partitions(&self, id: Uuid, total: u32) -> Result<Arc<Topic>, TopicError> {
        let _changing = lock(&self.changing);
        let topic = self.topic_by_id(id).ok_or(TopicError::Unknown)?;
        let now = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        if total < now {
            return Err(TopicError::FewerPartitions { now });
        }
        let Some(Row::Topic(known)) = self.store.catalog.row(&RowKey::Topic(id))? else {
            return Err(TopicError::Unknown);
        };
        let record = TopicRecord { version: known.version + 1, partitions: total, ..known };
        self.put(std::slice::from_ref(&record))?;
        let grown = Arc::new(self.topic_of(&record, topic.partitions.clone()));
        self.write(|topics| topics.put(&grown));
        Ok(grown)
    }

    /// A producer id that was never given out before, also not before a crash. Blocking now and then.
    ///
    /// # Errors
    /// When the catalog cannot be written.
    pub fn next_producer_id(&self) -> Result<i64, StoreError> {
        let mut block = lock(&self.producer_ids);
        if block.is_empty() {
            self.store.check_writable()?;
            let first = self.store.catalog.take_producer_ids(0, PRODUCER_ID_BLOCK)?;
            *block = first..first + PRODUCER_ID_BLOCK;
        }
        let next = block.next().and_then(|id| i64::try_from(id).ok());
        next.ok_or_else(|| StoreError::Failed("producer ids are used up".into()))
    }

    /// Counters since the start.
    pub fn stats(&self) -> StoreStats {
        self.store.stats()
    }

    /// Commits what is pending, seals the open chains, removes the journal. The last call; a second one does nothing. Blocking.
    ///
    /// # Errors
    /// When something could not be made durable; the next start then recovers.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        let Some(committer) = lock(&self.committer).take() else { return Ok(()) };
        let logs: Vec<_> = self.topics().iter().flat_map(|topic| topic.partitions.clone()).collect();
        self.store.close();
        logs.iter().for_each(|log| log.await_writer());
        self.stop_threads(committer);
        self.store.check_writable()?;
        shutdown::seal_all(&self.store, logs)
    }

    fn stop_threads(&self, committer: Committer) {
        self.store.commits.stop();
        committer.join();
        if lock(&self.sweeper).take().is_some_and(|sweeper| sweeper.join().is_err()) {
            tracing::error!("the sweeper has panicked");
        }
    }

    fn put(&self, records: &[TopicRecord]) -> Result<(), StoreError> {
        self.store.check_writable()?;
        self.store.catalog.apply(&records.iter().cloned().map(Row::Topic).collect::<Vec<_>>())
    }

    fn record(&self, new: NewTopic) -> TopicRecord {
        TopicRecord {
            id: ids::new_topic_id(self.store.id),
            version: 1,
            created_epoch: self.store.epoch,
            name: new.name,
            partitions: new.partitions,
            internal: new.internal,
            configs: new.configs,
        }
    }

    /// The topic as `record` says, with logs that exist already in front.
    fn topic_of(&self, record: &TopicRecord, mut partitions: Vec<Arc<PartitionLog>>) -> Topic {
        let config = self.log_config(&record.configs);
        let first = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
        let new_log = |index| {
            let id = PartitionId { topic: record.id, index };
            Arc::new(PartitionLog::new(self.store.clone(), id, config.clone(), &[]))
        };
        partitions.extend((first..record.partitions).map(new_log));
        topic(record, partitions)
    }

    fn log_config(&self, configs: &BTreeMap<String, String>) -> LogConfig {
        (self.options.log_config)(configs, &self.options.log_defaults)
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
        self.store.close();
        if let Some(committer) = lock(&self.committer).take() {
            self.stop_threads(committer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn topic(record: &TopicRecord, partitions: Vec<Arc<PartitionLog>>) -> Topic {
    Topic {
        id: record.id,
        name: record.name.clone(),
        configs: record.configs.clone(),
        internal: record.internal,
        partitions,
    }
}

/// The topics of the catalog with the chains of their partitions; chains come ordered by partition.
fn load_topics(
    store: &Arc<Store>,
    options: &StorageOptions,
    records: Vec<TopicRecord>,
    chains: Vec<ChainRecord>,
) -> Topics {
    let mut by_partition: HashMap<PartitionId, Vec<ChainRecord>> = HashMap::new();
    for chain in chains {
        by_partition.entry(chain.partition).or_default().push(chain);
    }
    let mut topics = Topics::default();
    for record in records {
        let config = (options.log_config)(&record.configs, &options.log_defaults);
        let log = |index| {
            let id = PartitionId { topic: record.id, index };
            let chains = by_partition.remove(&id).unwrap_or_default();
            Arc::new(PartitionLog::new(store.clone(), id, config.clone(), &chains))
        };
        let partitions = (0..record.partitions).map(log).collect();
        topics.put(&Arc::new(topic(&record, partitions)));
    }
    topics
}
