//! One transaction on the rows: what is put, what goes with it, what is announced.
//!
//! What must always hold:
//! - A row is replaced by a later one only, and rows of a topic are there only while the topic is.
//! - With a topic go its partitions, chains, reservations and producers; with a chain that is sealed or gone its reservation.
//! - Each announced row has an event of its own, numbered without gaps; the newest `EVENTS_MAX` are kept.
//! - A tombstone is kept while another store is known, which may not have seen it; alone a store needs none.

use redb::{ReadableTable, Table, WriteTransaction};
use uuid::Uuid;

use super::row::{Row, RowKey};
use super::{Bytes, EVENTS, LAST_EVENT, META, Outcome, ROWS, codec, read_row};
use crate::ids::StoreId;

/// How many events are kept; who has missed more takes all rows.
pub const EVENTS_MAX: u64 = 8192;

/// A transaction on the rows.
pub struct Change<'t> {
    store: StoreId,
    rows: Table<'t, Bytes, Bytes>,
    events: Table<'t, u64, Bytes>,
    last_event: u64,
}

impl<'t> Change<'t> {
    pub fn begin(transaction: &'t WriteTransaction, store: StoreId) -> Outcome<Self> {
        let last_event = transaction.open_table(META)?.get(LAST_EVENT)?.map_or(0, |value| value.value());
        Ok(Self { store, rows: transaction.open_table(ROWS)?, events: transaction.open_table(EVENTS)?, last_event })
    }

    /// Puts rows with their events.
    pub fn announce(&mut self, rows: &[Row]) -> Outcome<()> {
        for row in in_order(rows) {
            let number = self.last_event + 1;
            let key = row.key().encode();
            let row = versioned(row.clone(), self.store, number);
            let announced = row.is_announced();
            if self.put(row)? && announced {
                self.events.insert(number, key.as_slice())?;
                self.last_event = number;
            }
        }
        Ok(())
    }

    /// Puts rows without events.
    pub fn learn(&mut self, rows: &[Row]) -> Outcome<()> {
        for row in in_order(rows) {
            self.put(row.clone())?;
        }
        Ok(())
    }

    /// Removes tombstones.
    pub fn forget(&mut self, tombstones: &[RowKey]) -> Outcome<()> {
        for key in tombstones {
            let key = key.encode();
            if read_row(&self.rows, &key)?.is_some_and(|row| row.is_tombstone()) {
                self.rows.remove(key.as_slice())?;
            }
        }
        Ok(())
    }

    /// Writes the number of the last event, and removes old events.
    pub fn finish(mut self, transaction: &WriteTransaction) -> Outcome<()> {
        self.events.retain_in(..=self.last_event.saturating_sub(EVENTS_MAX), |_, _| false)?;
        transaction.open_table(META)?.insert(LAST_EVENT, self.last_event)?;
        Ok(())
    }

    /// Whether the row was put: it is later than what is here, and its topic is here.
    fn put(&mut self, row: Row) -> Outcome<bool> {
        let row = without_empty_chain(row);
        let key = row.key();
        if !self.has_owner(&key)? || self.is_settled(&key)? {
            return Ok(false);
        }
        let bytes = key.encode();
        let row = match read_row(&self.rows, &bytes)? {
            Some(old) if !row.supersedes(&old) => return Ok(false),
            Some(old) => row.merged(&old),
            None => row,
        };
        self.remove_dependent(&row)?;
        if row.is_tombstone() && !self.knows_others()? {
            self.rows.remove(bytes.as_slice())?;
        } else {
            self.rows.insert(bytes.as_slice(), row.encode_value().as_slice())?;
        }
        Ok(true)
    }

    fn has_owner(&self, key: &RowKey) -> Outcome<bool> {
        let Some(topic) = key.owner() else { return Ok(true) };
        Ok(matches!(read_row(&self.rows, &RowKey::Topic(topic).encode())?, Some(Row::Topic(_))))
    }

    /// Whether it is a reservation for a chain that needs none any more.
    fn is_settled(&self, key: &RowKey) -> Outcome<bool> {
        let RowKey::Reservation(partition, chain) = key else { return Ok(false) };
        Ok(match read_row(&self.rows, &RowKey::Chain(*partition, *chain).encode())? {
            Some(Row::Chain(chain)) => chain.end.is_some(),
            gone => gone.is_some(),
        })
    }

    fn remove_dependent(&mut self, row: &Row) -> Outcome<()> {
        match row {
            Row::TopicGone(id) => self.remove_topic(*id),
            Row::Chain(chain) if chain.end.is_none() => Ok(()),
            Row::Chain(_) | Row::ChainGone(..) => {
                if let RowKey::Chain(partition, chain) = row.key() {
                    self.rows.remove(RowKey::Reservation(partition, chain).encode().as_slice())?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn remove_topic(&mut self, id: Uuid) -> Outcome<()> {
        for kind in codec::OF_TOPICS {
            let (first, last) = codec::of_topic(kind, id);
            self.rows.retain_in(first.as_slice()..=last.as_slice(), |_, _| false)?;
        }
        Ok(())
    }

    fn knows_others(&self) -> Outcome<bool> {
        let own = RowKey::Store(self.store).encode();
        for entry in self.rows.range([codec::STORE].as_slice()..[codec::STORE + 1].as_slice())? {
            if entry?.0.value() != own {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Stores and topics first: the other rows are left out where their topic is not known.
fn in_order(rows: &[Row]) -> impl Iterator<Item = &Row> {
    let owned = |row: &&Row| row.key().owner().is_some();
    rows.iter().filter(move |row| !owned(row)).chain(rows.iter().filter(owned))
}

/// A chain of `store` itself has no other writer than its catalog: what is written now is later than what was.
fn versioned(mut row: Row, store: StoreId, number: u64) -> Row {
    if let Row::Chain(chain) = &mut row
        && chain.id.store == store
    {
        chain.version = number;
    }
    row
}

fn without_empty_chain(row: Row) -> Row {
    match row {
        Row::Chain(chain) if chain.is_empty() => Row::ChainGone(chain.partition, chain.id),
        row => row,
    }
}
