//! A copy of a catalog in memory, for those who only look.
//!
//! What must always hold: the file is read and nothing else; repairing is done to the copy. What is damaged is told, row by row where
//! that can be. A catalog that is being written may be copied in the middle of a change: then the copy is no catalog, and taking
//! another one helps.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, ReadableTable, StorageBackend};

use super::row::{Row, RowKey};
use super::{CACHE_BYTES, CatalogError, Counters, EVENTS, META, NEXT_BROKER_EPOCH, NEXT_PRODUCER_ID, Outcome, ROWS};
use crate::fs::{File, read_full};

/// Bytes read at a time.
const PIECE: usize = 256 * 1024;

/// What a catalog said when it was copied.
#[derive(Debug, Default)]
pub struct CatalogCopy {
    /// Its rows by key, those of producers too.
    pub rows: Vec<Row>,
    /// Keys of rows that cannot be read.
    pub unreadable: Vec<Vec<u8>>,
    /// The number of each event that is kept, and its row's key; `None` if that cannot be read.
    pub events: Vec<(u64, Option<RowKey>)>,
    /// Its counters.
    pub counters: Counters,
    /// Whether the checksums of all pages are right.
    pub is_whole: bool,
}

impl CatalogCopy {
    /// Copies the catalog in `file`.
    ///
    /// # Errors
    /// Of the file system, and when the copy is no catalog.
    pub fn take(file: &dyn File) -> Result<Self, CatalogError> {
        let backend = in_memory(file).map_err(CatalogError::Io)?;
        // The library believes what its checksums do not cover.
        match catch_unwind(AssertUnwindSafe(|| read(backend))) {
            Ok(outcome) => outcome.map_err(|error| CatalogError::Damaged(error.to_string())),
            Err(_) => Err(CatalogError::Damaged("its pages make no sense".to_owned())),
        }
    }
}

fn in_memory(file: &dyn File) -> io::Result<InMemoryBackend> {
    let (backend, len) = (InMemoryBackend::new(), file.len()?);
    backend.set_len(len)?;
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    while at < len {
        let wanted = piece.len().min(usize::try_from(len - at).unwrap_or(usize::MAX));
        let Some(part) = piece.get_mut(..wanted) else { break };
        match read_full(file, part, at)? {
            0 => break,
            read => {
                backend.write(at, part.get(..read).unwrap_or_default())?;
                at += read as u64;
            }
        }
    }
    Ok(backend)
}

fn read(backend: InMemoryBackend) -> Outcome<CatalogCopy> {
    // An empty one would be made into a new catalog.
    if backend.len()? == 0 {
        return Err(redb::Error::Corrupted("the file is empty".to_owned()));
    }
    let mut database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend)?;
    let mut copy = CatalogCopy { is_whole: database.check_integrity()?, ..CatalogCopy::default() };
    let transaction = database.begin_read()?;
    for entry in transaction.open_table(ROWS)?.iter()? {
        let (key, value) = entry?;
        match Row::decode(key.value(), value.value()) {
            Some(row) => copy.rows.push(row),
            None => copy.unreadable.push(key.value().to_vec()),
        }
    }
    for entry in transaction.open_table(EVENTS)?.iter()? {
        let (number, key) = entry?;
        copy.events.push((number.value(), RowKey::decode(key.value())));
    }
    let meta = transaction.open_table(META)?;
    let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |value| value.value()));
    copy.counters =
        Counters { next_broker_epoch: number(NEXT_BROKER_EPOCH)?, next_producer_id: number(NEXT_PRODUCER_ID)? };
    Ok(copy)
}
