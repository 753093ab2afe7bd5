//! The catalog of a store: the rows it knows, its own and copies of the others', and the numbered events that announce its own; a
//! small transactional key-value file.
//!
//! What must always hold: what is acknowledged in a chain implies that the chain, and every segment of it that matters, is
//! here; each change is one transaction together with its events; a row is only ever replaced by a later one (`row`); nothing is
//! kept of a topic that is not here (any more).
//!
//! After want of space the database is opened anew at the next call. After any other error nothing is read or written until the next
//! start: what a failed sync has left on the disk may differ from what the system would show us.

mod backend;
mod change;
mod codec;
mod copy;
mod events;
mod row;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

use crate::error::StoreError;
use crate::fs::{FileSystem, Open, is_want_of_room};
use crate::ids::{PartitionId, StoreId};
use crate::reserve::Reserve;

pub use copy::CatalogCopy;
#[allow(unused_imports, reason = "the stores' exchange of rows needs all of them")]
pub use events::News;
#[allow(unused_imports, reason = "as above")]
pub use row::{
    ChainRecord, LeaderEpoch, PartitionRecord, ProducersRecord, ReservationRecord, Row, RowKey, StoreRecord,
    TopicRecord,
};

use backend::Backend;
use change::Change;

type Bytes = &'static [u8];

const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const ROWS: TableDefinition<Bytes, Bytes> = TableDefinition::new("rows");
/// Number of the event -> key of the row.
const EVENTS: TableDefinition<u64, Bytes> = TableDefinition::new("events");
/// Another store -> the number of its last event that is applied here.
const FOLLOWED: TableDefinition<u32, u64> = TableDefinition::new("followed");

const NEXT_BROKER_EPOCH: &str = "next.broker.epoch";
const NEXT_PRODUCER_ID: &str = "next.producer.id";
const LAST_EVENT: &str = "last.event";
/// Memory the database may use for pages; everything in it is read once, at the start.
const CACHE_BYTES: usize = 1024 * 1024;

/// The catalog.
pub struct Catalog {
    fs: Arc<dyn FileSystem>,
    path: PathBuf,
    store: StoreId,
    database: Mutex<Held>,
    given_up: Arc<AtomicBool>,
    reserve: Reserve,
}

/// The database, between calls.
enum Held {
    Open(Database),
    Closed,
    Failed(Arc<str>),
}

/// What every reachable store counts, so that no number is given twice whichever of them is there the next time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// The next broker epoch.
    pub next_broker_epoch: u64,
    /// The next producer id.
    pub next_producer_id: u64,
}

type Outcome<T> = Result<T, redb::Error>;

impl Catalog {
    /// Opens or creates the catalog of `store` in the file at `path`.
    ///
    /// # Errors
    /// Of the file system, and when the file is no catalog.
    pub fn open(fs: Arc<dyn FileSystem>, path: PathBuf, store: StoreId) -> Result<Self, CatalogError> {
        let reserve = Reserve::new(fs.clone(), path.parent().unwrap_or(&path));
        let catalog = Self { fs, path, store, database: Mutex::new(Held::Closed), given_up: Arc::default(), reserve };
        let opened = match catalog.open_database() {
            Err(redb::Error::Io(error)) if is_want_of_room(&error) && catalog.reserve.give_up() => {
                catalog.open_database()
            }
            opened => opened,
        };
        *catalog.lock() = Held::Open(opened.map_err(CatalogError::of)?);
        let tables = |transaction: &WriteTransaction| {
            transaction.open_table(META)?;
            transaction.open_table(ROWS)?;
            transaction.open_table(EVENTS)?;
            transaction.open_table(FOLLOWED)?;
            Ok(())
        };
        if !catalog.try_with(has_tables).map_err(CatalogError::of)? {
            catalog.try_write(tables).map_err(CatalogError::of)?;
        }
        Ok(catalog)
    }

    /// The room that is kept for it.
    pub fn reserve(&self) -> &Reserve {
        &self.reserve
    }

    /// Whose catalog it is.
    pub fn store(&self) -> StoreId {
        self.store
    }

    /// Nothing is read or written from now on, whoever still has it: the store has failed, and may be opened anew.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
        *self.lock() = Held::Failed("the store has failed".into());
    }

    /// The counters as they stand. Of several stores the largest count.
    ///
    /// # Errors
    /// Of the store.
    pub fn counters(&self) -> Result<Counters, StoreError> {
        self.with(|database| {
            let meta = database.begin_read()?.open_table(META)?;
            let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |value| value.value()));
            Ok(Counters { next_broker_epoch: number(NEXT_BROKER_EPOCH)?, next_producer_id: number(NEXT_PRODUCER_ID)? })
        })
    }

    /// Takes the next broker epoch, or `at_least` if that is larger; the first is 0. With several stores: the largest of
    /// their counters, taken in each.
    ///
    /// # Errors
    /// Of the store.
    pub fn next_broker_epoch(&self, at_least: u64) -> Result<u64, StoreError> {
        self.take(NEXT_BROKER_EPOCH, at_least, 1)
    }

    /// Takes `count` producer ids from the next one on, or from `at_least` if that is larger; returns the first. With several
    /// stores as `next_broker_epoch`.
    ///
    /// # Errors
    /// Of the store.
    pub fn take_producer_ids(&self, at_least: u64, count: u64) -> Result<u64, StoreError> {
        self.take(NEXT_PRODUCER_ID, at_least, count)
    }

    fn take(&self, name: &str, at_least: u64, count: u64) -> Result<u64, StoreError> {
        self.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            let first = meta.get(name)?.map_or(0, |value| value.value()).max(at_least);
            meta.insert(name, first.saturating_add(count))?;
            Ok(first)
        })
    }

    /// All rows but those of producers, by key, tombstones too.
    ///
    /// # Errors
    /// Of the store; a row that cannot be read is an error too.
    pub fn rows(&self) -> Result<Vec<Row>, StoreError> {
        Ok(self.everything()?.rows)
    }

    /// The row with this key.
    ///
    /// # Errors
    /// As `rows`.
    pub fn row(&self, key: &RowKey) -> Result<Option<Row>, StoreError> {
        let key = key.encode();
        self.with(|database| read_row(&database.begin_read()?.open_table(ROWS)?, &key))
    }

    /// All stores that are known.
    ///
    /// # Errors
    /// As `rows`.
    pub fn stores(&self) -> Result<Vec<StoreRecord>, StoreError> {
        let store = |row| if let Row::Store(store) = row { Some(store) } else { None };
        self.of_kind(codec::STORE, store)
    }

    /// All topics.
    ///
    /// # Errors
    /// As `rows`.
    pub fn topics(&self) -> Result<Vec<TopicRecord>, StoreError> {
        let topic = |row| if let Row::Topic(topic) = row { Some(topic) } else { None };
        self.of_kind(codec::TOPIC, topic)
    }

    /// The chains of this store, by partition and in the order of their ids.
    ///
    /// # Errors
    /// As `rows`.
    pub fn own_chains(&self) -> Result<Vec<ChainRecord>, StoreError> {
        let own = |row| if let Row::Chain(chain) = row { Some(chain) } else { None };
        self.of_kind(codec::CHAIN, |row| own(row).filter(|chain| chain.id.store == self.store))
    }

    /// What only grows in partitions, of those that have something.
    ///
    /// # Errors
    /// As `rows`.
    pub fn partitions(&self) -> Result<Vec<PartitionRecord>, StoreError> {
        let partition = |row| if let Row::Partition(partition) = row { Some(partition) } else { None };
        self.of_kind(codec::PARTITION, partition)
    }

    /// The producers of a partition, if some were written down.
    ///
    /// # Errors
    /// As `rows`.
    pub fn producers(&self, partition: PartitionId) -> Result<Option<ProducersRecord>, StoreError> {
        match self.row(&RowKey::Producers(partition))? {
            Some(Row::Producers(producers)) => Ok(Some(producers)),
            _ => Ok(None),
        }
    }

    /// Writes down the rows that are later than what is here, each with an event for the other stores, in one transaction. Left out
    /// are rows of topics that are not here. Chains of this store are always later; a chain that was never written is forgotten.
    ///
    /// # Errors
    /// Of the store; nothing has changed then.
    pub fn apply(&self, rows: &[Row]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut change = Change::begin(transaction, self.store)?;
            change.announce(rows)?;
            change.finish(transaction)
        })
    }

    /// Writes down the rows that are later than what is here, and announces nothing: what the union of the stores has and this
    /// one lacks.
    ///
    /// # Errors
    /// As `apply`.
    pub fn learn(&self, rows: &[Row]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(|transaction| Change::begin(transaction, self.store)?.learn(rows))
    }

    /// As `learn`, with rows that the store `from` announced, up to and with its event `up_to`.
    ///
    /// # Errors
    /// As `apply`.
    pub fn follow(&self, from: StoreId, up_to: u64, rows: &[Row]) -> Result<(), StoreError> {
        self.write(|transaction| {
            Change::begin(transaction, self.store)?.learn(rows)?;
            transaction.open_table(FOLLOWED)?.insert(from.get(), up_to)?;
            Ok(())
        })
    }

    /// Forgets tombstones that every store has seen.
    ///
    /// # Errors
    /// As `apply`.
    pub fn forget(&self, tombstones: &[RowKey]) -> Result<(), StoreError> {
        if tombstones.is_empty() {
            return Ok(());
        }
        self.write(|transaction| Change::begin(transaction, self.store)?.forget(tombstones))
    }

    fn of_kind<T>(&self, kind: u8, pick: impl Fn(Row) -> Option<T>) -> Result<Vec<T>, StoreError> {
        self.with(|database| {
            let rows = database.begin_read()?.open_table(ROWS)?;
            let mut found = Vec::new();
            for entry in rows.range([kind].as_slice()..[kind + 1].as_slice())? {
                let (key, value) = entry?;
                found.extend(pick(decoded(key.value(), value.value())?));
            }
            Ok(found)
        })
    }

    fn write<T>(&self, change: impl Fn(&WriteTransaction) -> Outcome<T>) -> Result<T, StoreError> {
        self.try_write(change).map_err(|error| store_error(&error))
    }

    fn with<T>(&self, call: impl FnOnce(&Database) -> Outcome<T>) -> Result<T, StoreError> {
        self.try_with(call).map_err(|error| store_error(&error))
    }

    /// One transaction. On a full disk it is tried once more with the room that the store keeps for that.
    fn try_write<T>(&self, change: impl Fn(&WriteTransaction) -> Outcome<T>) -> Outcome<T> {
        let attempt = || {
            self.try_with(|database| {
                let transaction = database.begin_write()?;
                let value = change(&transaction)?;
                transaction.commit()?;
                Ok(value)
            })
        };
        match attempt() {
            Err(redb::Error::Io(error)) if is_want_of_room(&error) && self.reserve.give_up() => attempt(),
            outcome => outcome,
        }
    }

    /// Runs `call` on the open database; an error closes it.
    fn try_with<T>(&self, call: impl FnOnce(&Database) -> Outcome<T>) -> Outcome<T> {
        let mut held = self.lock();
        let outcome = match std::mem::replace(&mut *held, Held::Closed) {
            Held::Open(database) => call(&database).map(|value| (database, value)),
            Held::Closed => self.open_database().and_then(|database| call(&database).map(|value| (database, value))),
            Held::Failed(reason) => Err(redb::Error::Io(std::io::Error::other(reason.to_string()))),
        };
        match outcome {
            Ok((database, value)) => {
                *held = Held::Open(database);
                Ok(value)
            }
            Err(error) => {
                if let StoreError::Failed(reason) = store_error(&error) {
                    *held = Held::Failed(reason);
                }
                Err(error)
            }
        }
    }

    fn open_database(&self) -> Outcome<Database> {
        let file = self.fs.open(&self.path, Open::WriteOrCreate)?;
        Ok(Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(Backend { file, given_up: self.given_up.clone() })?)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a catalog cannot be opened.
#[derive(Debug)]
pub enum CatalogError {
    /// The system refuses.
    Io(std::io::Error),
    /// The file is no catalog.
    Damaged(String),
}

impl CatalogError {
    fn of(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if error.kind() != std::io::ErrorKind::InvalidData => Self::Io(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

fn has_tables(database: &Database) -> Outcome<bool> {
    match database.begin_read()?.open_table(FOLLOWED) {
        Ok(_) => Ok(true),
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn read_row(rows: &impl ReadableTable<Bytes, Bytes>, key: &[u8]) -> Outcome<Option<Row>> {
    rows.get(key)?.map(|value| decoded(key, value.value())).transpose()
}

fn decoded(key: &[u8], value: &[u8]) -> Outcome<Row> {
    Row::decode(key, value).ok_or_else(|| redb::Error::Corrupted("a row cannot be read".into()))
}

fn store_error(error: &redb::Error) -> StoreError {
    match error {
        redb::Error::Io(error) => StoreError::of_write(error),
        other => StoreError::Failed(format!("catalog: {other}").into()),
    }
}

#[cfg(test)]
mod tests;
