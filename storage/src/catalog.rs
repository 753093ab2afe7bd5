//! The catalog of a store: topics, chains, ids; a small transactional key-value file.
//!
//! What must always hold: what is acknowledged in a chain implies that the chain, and every segment of it that matters, is
//! here; each change is one transaction; a chain is never written for a topic that is not here (any more).
//!
//! After an error of the file system the database is opened anew at the next call: a full disk may have space again.

mod codec;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use uuid::Uuid;

use crate::error::StoreError;
use crate::ids::{ChainId, SegmentId};
use crate::segment::SegmentSummary;

pub use codec::TopicRecord;
use codec::{chain_key, decode_chain, decode_topic, encode_chain, encode_topic, partition_key};

const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
const TOPICS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("topics");
const CHAINS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("chains");
const PRODUCERS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("producers");

const BROKER_EPOCH: &str = "broker.epoch";
const NEXT_PRODUCER_ID: &str = "next.producer.id";
/// Memory the database may use for pages; everything in it is read once, at the start.
const CACHE_BYTES: usize = 1024 * 1024;

/// Which partition of which topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic.
    pub topic: Uuid,
    /// The partition's index.
    pub index: u32,
}

/// A chain as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRecord {
    /// Whose chain.
    pub partition: PartitionId,
    /// Its name.
    pub id: ChainId,
    /// Its first offset.
    pub start: i64,
    /// The offset after its last, once it is sealed.
    pub end: Option<i64>,
    /// Its segments in order.
    pub segments: Vec<SegmentSummary>,
}

impl ChainRecord {
    /// The names of its segments.
    pub fn segment_ids(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.iter().map(|segment| SegmentId { chain: self.id, base_offset: segment.base_offset })
    }
}

/// The producers of a partition as of some offset, encoded.
pub type ProducerBytes = (PartitionId, Vec<u8>);

/// The catalog.
pub struct Catalog {
    path: PathBuf,
    database: Mutex<Option<Database>>,
}

type Outcome<T> = Result<T, redb::Error>;

impl Catalog {
    /// Opens or creates the catalog in the file at `path`.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let catalog = Self { database: Mutex::new(Some(open(&path).map_err(|e| e.to_string())?)), path };
        let tables = |transaction: &WriteTransaction| {
            transaction.open_table(META)?;
            for table in [TOPICS, CHAINS, PRODUCERS] {
                transaction.open_table(table)?;
            }
            Ok(())
        };
        catalog.write(tables).map_err(|error| error.to_string())?;
        Ok(catalog)
    }

    /// Takes the next broker epoch; the first is 0.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_broker_epoch(&self) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let epoch = number(transaction, BROKER_EPOCH)?.map_or(0, |last| last + 1);
            transaction.open_table(META)?.insert(BROKER_EPOCH, epoch.to_be_bytes().as_slice())?;
            Ok(epoch)
        })
    }

    /// Takes `count` producer ids; returns the first.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_producer_ids(&self, count: u64) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let first = number(transaction, NEXT_PRODUCER_ID)?.unwrap_or(0);
            transaction.open_table(META)?.insert(NEXT_PRODUCER_ID, (first + count).to_be_bytes().as_slice())?;
            Ok(first)
        })
    }

    /// All topics.
    ///
    /// # Errors
    /// Of the store; an entry that cannot be read is an error too.
    pub fn topics(&self) -> Result<Vec<TopicRecord>, StoreError> {
        self.read_all(TOPICS, decode_topic)
    }

    /// All chains, by partition and in the order of their offsets.
    ///
    /// # Errors
    /// As `topics`.
    pub fn chains(&self) -> Result<Vec<ChainRecord>, StoreError> {
        self.read_all(CHAINS, decode_chain)
    }

    /// The producers of a partition, if some were written down.
    ///
    /// # Errors
    /// Of the store.
    pub fn producers(&self, partition: PartitionId) -> Result<Option<Vec<u8>>, StoreError> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(PRODUCERS)?;
            Ok(table.get(partition_key(partition).as_slice())?.map(|value| value.value().to_vec()))
        })
    }

    /// Writes down new or changed topics.
    ///
    /// # Errors
    /// Of the store; nothing has changed then.
    pub fn put_topics(&self, topics: &[TopicRecord]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut table = transaction.open_table(TOPICS)?;
            for topic in topics {
                table.insert(topic.id.as_bytes().as_slice(), encode_topic(topic).as_slice())?;
            }
            Ok(())
        })
    }

    /// Forgets topics with their chains and producers.
    ///
    /// # Errors
    /// Of the store; nothing has changed then.
    pub fn remove_topics(&self, ids: &[Uuid]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut topics = transaction.open_table(TOPICS)?;
            let mut others = [transaction.open_table(CHAINS)?, transaction.open_table(PRODUCERS)?];
            for id in ids {
                topics.remove(id.as_bytes().as_slice())?;
                let (first, last) = (id.as_bytes().to_vec(), [id.as_bytes().as_slice(), &[0xff; 12]].concat());
                for table in &mut others {
                    table.retain_in(first.as_slice()..=last.as_slice(), |_, _| false)?;
                }
            }
            Ok(())
        })
    }

    /// Writes down chains and producers, in one transaction; those of topics that are not here are left out, and a chain that
    /// ends where it begins is forgotten.
    ///
    /// # Errors
    /// Of the store; nothing has changed then.
    pub fn put_chains(&self, chains: &[ChainRecord], producers: &[ProducerBytes]) -> Result<(), StoreError> {
        self.write(|transaction| {
            let topics = transaction.open_table(TOPICS)?;
            let known = |id: Uuid| Ok::<_, redb::Error>(topics.get(id.as_bytes().as_slice())?.is_some());
            let mut table = transaction.open_table(CHAINS)?;
            for chain in chains {
                let key = chain_key(chain);
                if chain.end == Some(chain.start) {
                    table.remove(key.as_slice())?;
                } else if known(chain.partition.topic)? {
                    table.insert(key.as_slice(), encode_chain(chain).as_slice())?;
                }
            }
            let mut table = transaction.open_table(PRODUCERS)?;
            for (partition, bytes) in producers {
                if known(partition.topic)? {
                    table.insert(partition_key(*partition).as_slice(), bytes.as_slice())?;
                }
            }
            Ok(())
        })
    }

    fn read_all<T>(
        &self,
        table: TableDefinition<&'static [u8], &'static [u8]>,
        decode: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.with(|database| {
            let table = database.begin_read()?.open_table(table)?;
            let mut rows = Vec::new();
            for row in table.iter()? {
                let (key, value) = row?;
                rows.push(decode(key.value(), value.value()));
            }
            Ok(rows)
        })?;
        let damaged = || StoreError::Failed("an entry of the catalog cannot be read".into());
        rows.into_iter().map(|row| row.ok_or_else(damaged)).collect()
    }

    fn write<T>(&self, change: impl FnOnce(&WriteTransaction) -> Outcome<T>) -> Result<T, StoreError> {
        self.with(|database| {
            let transaction = database.begin_write()?;
            let value = change(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    /// Runs `call` on the open database; an error closes it, so that the next call opens it anew.
    fn with<T>(&self, call: impl FnOnce(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        let mut held = self.lock();
        let database = match held.take() {
            Some(database) => database,
            None => open(&self.path).map_err(|error| store_error(&error))?,
        };
        let outcome = call(&database);
        if outcome.is_ok() {
            *held = Some(database);
        }
        outcome.map_err(|error| store_error(&error))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Database>> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Outcome<Database> {
    Ok(Database::builder().set_cache_size(CACHE_BYTES).create(path)?)
}

fn number(transaction: &WriteTransaction, name: &str) -> Outcome<Option<u64>> {
    let table = transaction.open_table(META)?;
    let value = table.get(name)?;
    Ok(value.and_then(|value| value.value().first_chunk().map(|bytes| u64::from_be_bytes(*bytes))))
}

fn store_error(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => StoreError::of_write(error),
        other => StoreError::Failed(format!("catalog: {other}").into()),
    }
}

#[cfg(test)]
mod tests;
