//! What a store announces to the others, in order.
//!
//! What must always hold: who applies everything from the number it has noted on knows every row that was announced, in its state
//! of now: an event names a row, and the row is read when the event is. So the events take little room, and a row that is
//! no more is told by its tombstone.

use redb::{Database, ReadableDatabase, ReadableTable};

use super::row::Row;
use super::{Catalog, EVENTS, FOLLOWED, LAST_EVENT, META, Outcome, ROWS, codec, decoded, read_row};
use crate::error::StoreError;
use crate::ids::StoreId;

/// How many events `news` takes at once.
const NEWS_MAX: usize = 1024;

/// What a store has announced after some event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// The number of the last event accounted for.
    pub up_to: u64,
    /// The rows.
    pub rows: Vec<Row>,
}

impl Catalog {
    /// At most `max` events after number `after`, in order; `None` when some of those are not there any more.
    ///
    /// # Errors
    /// Of the store; a row that cannot be read is an error too.
    pub fn events(&self, after: u64, max: usize) -> Result<Option<Vec<(u64, Row)>>, StoreError> {
        self.with(|database| events(database, after, max))
    }

    /// What a store that has followed up to `after` has to learn next, all rows if it has missed too much; `None` if nothing is new.
    ///
    /// # Errors
    /// As `events`.
    pub fn news(&self, after: u64) -> Result<Option<News>, StoreError> {
        let Some(events) = self.events(after, NEWS_MAX)? else { return self.everything().map(Some) };
        let up_to = events.last().map(|(number, _)| *number);
        Ok(up_to.map(|up_to| News { up_to, rows: events.into_iter().map(|(_, row)| row).collect() }))
    }

    /// All rows as of the last event, but those of producers: they are large, and wanted one by one.
    ///
    /// # Errors
    /// As `events`.
    pub fn everything(&self) -> Result<News, StoreError> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            let up_to = transaction.open_table(META)?.get(LAST_EVENT)?.map_or(0, |value| value.value());
            let mut rows = Vec::new();
            for entry in transaction.open_table(ROWS)?.range(..[codec::PRODUCERS].as_slice())? {
                let (key, value) = entry?;
                rows.push(decoded(key.value(), value.value())?);
            }
            Ok(News { up_to, rows })
        })
    }

    /// The number of the last event of the store `from` that is applied here; 0 if none is.
    ///
    /// # Errors
    /// Of the store.
    pub fn followed(&self, from: StoreId) -> Result<u64, StoreError> {
        self.with(|database| {
            let followed = database.begin_read()?.open_table(FOLLOWED)?;
            Ok(followed.get(from.get())?.map_or(0, |value| value.value()))
        })
    }
}

fn events(database: &Database, after: u64, max: usize) -> Outcome<Option<Vec<(u64, Row)>>> {
    let transaction = database.begin_read()?;
    let last = transaction.open_table(META)?.get(LAST_EVENT)?.map_or(0, |value| value.value());
    let (events, rows) = (transaction.open_table(EVENTS)?, transaction.open_table(ROWS)?);
    let first = events.first()?.map_or(last + 1, |(number, _)| number.value());
    // Somebody who has seen more than there is has seen another history.
    if after.saturating_add(1) < first || after > last {
        return Ok(None);
    }
    let mut found = Vec::new();
    for entry in events.range(after + 1..)? {
        if found.len() == max {
            break;
        }
        let (number, key) = entry?;
        // What was forgotten since then needs no telling: everybody has seen that it is gone.
        found.extend(read_row(&rows, key.value())?.map(|row| (number.value(), row)));
    }
    Ok(Some(found))
}
