//! A config topic as a list of records.
//!
//! What must always hold: nothing is left out: what cannot be understood is listed as that, with its key.

use catena_broker::config::record::{Author, Key, Record};
use catena_protocol::client::StoredRecord;
use jiff::Timestamp;

use super::client::Client;
use super::error::CliError;

/// The broker's own config topic.
pub const CONFIG_TOPIC: &str = "__config";
/// The partition of what rules.
pub const CONTROL: i32 = 0;
/// The partition of what is being tried.
pub const CANARY: i32 = 1;

/// A record of a config topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it was written, by its timestamp.
    pub written: Timestamp,
    /// What it is about, if that is understood.
    pub key: Option<Key>,
    /// What it says, or why it is not understood.
    pub content: Result<Record, String>,
}

impl Entry {
    /// Reads a record of this partition.
    pub fn read(partition: i32, stored: &StoredRecord) -> Self {
        let (key, value) = (stored.key.as_deref(), stored.value.as_deref());
        Self {
            partition,
            offset: stored.offset,
            written: Timestamp::from_millisecond(stored.timestamp).unwrap_or_default(),
            key: key.and_then(|key| Key::decode(key).ok()),
            content: Record::decode(key, value).map_err(|error| error.to_string()),
        }
    }

    /// When it was said: what the record says about that, else its timestamp.
    pub fn time(&self) -> Timestamp {
        let said = match &self.content {
            Ok(Record::Setting(_, Some(value)) | Record::Plain(_, Some(value))) => Some(value.time),
            Ok(Record::Verdict(_, Some(verdict))) => Some(verdict.time),
            Ok(Record::Rollout(_, Some(rollout))) => rollout.time,
            _ => None,
        };
        said.unwrap_or(self.written)
    }

    /// By whom, if that is said.
    pub fn author(&self) -> Option<&Author> {
        match self.content.as_ref().ok()? {
            Record::Setting(_, Some(value)) | Record::Plain(_, Some(value)) => Some(&value.author),
            Record::Verdict(_, Some(verdict)) => Some(&verdict.author),
            Record::Rollout(_, Some(rollout)) => rollout.author.as_ref(),
            _ => None,
        }
    }
}

/// Reads a partition of a config topic; nothing when there is no such topic yet.
pub fn read(client: &mut Client, topic: &str, partition: i32) -> Result<Vec<Entry>, CliError> {
    let stored = client.read(topic, partition)?.unwrap_or_default();
    Ok(stored.iter().map(|record| Entry::read(partition, record)).collect())
}

/// Reads control and canary of a config topic.
pub fn read_both(client: &mut Client, topic: &str) -> Result<Vec<Entry>, CliError> {
    let mut entries = read(client, topic, CONTROL)?;
    entries.extend(read(client, topic, CANARY)?);
    Ok(entries)
}
