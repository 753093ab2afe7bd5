//! The topics of a broker and their logs, by name and by id.
//!
//! What must always hold: names and ids are unique; a topic is replaced as a whole, so whoever holds one sees it as it was.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::catalog::TopicRecord;
use crate::log::PartitionLog;

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
    /// The version of its row in the catalogs.
    pub(crate) version: u64,
    /// The broker epoch that made it.
    pub(crate) created_epoch: u32,
}

impl Topic {
    /// The topic of `record` with these logs.
    pub(crate) fn new(record: &TopicRecord, partitions: Vec<Arc<PartitionLog>>) -> Self {
        Self {
            id: record.id,
            name: record.name.clone(),
            configs: record.configs.clone(),
            internal: record.internal,
            partitions,
            version: record.version,
            created_epoch: record.created_epoch,
        }
    }

    /// Its row with `partitions` partitions, as the next version.
    pub(crate) fn grown(&self, partitions: u32) -> TopicRecord {
        TopicRecord {
            id: self.id,
            version: self.version + 1,
            created_epoch: self.created_epoch,
            name: self.name.clone(),
            partitions,
            internal: self.internal,
            configs: self.configs.clone(),
        }
    }
}

/// All topics.
#[derive(Default)]
pub struct Topics {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
    /// Counts the changes since the start.
    version: u64,
}

impl Topics {
    /// Adds a topic, or replaces the one with its id.
    pub fn put(&mut self, topic: &Arc<Topic>) {
        self.version += 1;
        self.by_name.insert(topic.name.clone(), topic.clone());
        self.by_id.insert(topic.id, topic.clone());
    }

    /// Takes a topic out.
    pub fn remove(&mut self, id: Uuid) -> Option<Arc<Topic>> {
        let topic = self.by_id.remove(&id)?;
        self.version += 1;
        self.by_name.remove(&topic.name);
        Some(topic)
    }

    /// Another number after every change.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All topics by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.by_name.values().cloned().collect()
    }

    /// The topic of this name.
    pub fn named(&self, name: &str) -> Option<Arc<Topic>> {
        self.by_name.get(name).cloned()
    }

    /// The topic with this id.
    pub fn with_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.by_id.get(&id).cloned()
    }
}
