//! The committed offsets of one group, and what commits, deletions and the passage of time do to them.
//!
//! What must always hold: decisions return records; offsets change only through `put` and `remove`, which `apply` of a
//! record calls. A topic without offsets is not kept.
//!
//! Source: Apache Kafka, `OffsetMetadataManager`, `OffsetExpirationConditionImpl`.

use std::collections::BTreeMap;

use catena_protocol::group_records::{OffsetCommit, OffsetKey, Record};
use uuid::Uuid;

use super::membership::Membership;
use super::types::{
    CommitEvent, CommittedOffset, DeleteOffsetsEvent, GroupError, PartitionCommit, PartitionResults, TopicOffsets,
    TopicPartitions, TopicResults,
};

/// "Keep it as long as the broker keeps offsets", in OffsetCommit.
const DEFAULT_RETENTION: i64 = -1;
const NO_LEADER_EPOCH: i32 = -1;

/// Offsets by topic and partition.
#[derive(Debug, Default)]
pub struct Offsets {
    topics: BTreeMap<String, BTreeMap<i32, OffsetCommit>>,
}

impl Offsets {
    /// Stores an offset.
    pub fn put(&mut self, topic: &str, partition: i32, offset: OffsetCommit) {
        match self.topics.get_mut(topic) {
            Some(partitions) => partitions.insert(partition, offset),
            None => self.topics.entry(topic.to_owned()).or_default().insert(partition, offset),
        };
    }

    /// Forgets an offset.
    pub fn remove(&mut self, topic: &str, partition: i32) {
        let Some(partitions) = self.topics.get_mut(topic) else { return };
        partitions.remove(&partition);
        if partitions.is_empty() {
            self.topics.remove(topic);
        }
    }

    fn get(&self, topic: &str, partition: i32) -> Option<&OffsetCommit> {
        self.topics.get(topic)?.get(&partition)
    }

    /// The offsets asked for, or all.
    pub fn fetch(&self, asked: Option<&[TopicPartitions]>) -> Vec<TopicOffsets> {
        let Some(asked) = asked else { return self.all() };
        let of_topic = |topic: &TopicPartitions| TopicOffsets {
            name: topic.name.clone(),
            partitions: topic.partitions.iter().map(|at| (*at, self.get(&topic.name, *at).map(shown))).collect(),
        };
        asked.iter().map(of_topic).collect()
    }

    fn all(&self) -> Vec<TopicOffsets> {
        let of_topic = |(name, partitions): (&String, &BTreeMap<i32, OffsetCommit>)| TopicOffsets {
            name: name.clone(),
            partitions: partitions.iter().map(|(at, offset)| (*at, Some(shown(offset)))).collect(),
        };
        self.topics.iter().map(of_topic).collect()
    }

    /// The tombstones of offsets that may be deleted, and what to answer for each partition.
    pub fn delete(&self, event: &DeleteOffsetsEvent, group: &Membership) -> (Vec<Record>, PartitionResults) {
        let mut records = Vec::new();
        let mut results = Vec::with_capacity(event.topics.len());
        for TopicPartitions { name, partitions } in &event.topics {
            let subscribed = group.is_subscribed(name);
            let result = if subscribed { Err(GroupError::GroupSubscribedToTopic) } else { Ok(()) };
            let there = partitions.iter().filter(|at| !subscribed && self.get(name, **at).is_some());
            records.extend(there.map(|at| tombstone(&event.group_id, name, *at)));
            let partitions = partitions.iter().map(|at| (*at, result)).collect();
            results.push(TopicResults { name: name.clone(), partitions });
        }
        (records, results)
    }

    /// The tombstones of all offsets.
    pub fn delete_all(&self, group_id: &str) -> Vec<Record> {
        self.tombstones(group_id, |_, _| true)
    }

    /// The tombstones of a topic's offsets.
    pub fn delete_topic(&self, group_id: &str, topic: &str) -> Vec<Record> {
        self.tombstones(group_id, |name, _| name == topic)
    }

    /// The tombstones of offsets that were not used for `retention_ms`.
    pub fn expire(&self, group_id: &str, group: &Membership, now_ms: i64, retention_ms: i64) -> Vec<Record> {
        self.tombstones(group_id, |topic, offset| {
            !group.is_subscribed(topic) && is_expired(offset, group, now_ms, retention_ms)
        })
    }

    /// Number of offsets.
    pub fn len(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    fn tombstones(&self, group_id: &str, chosen: impl Fn(&str, &OffsetCommit) -> bool) -> Vec<Record> {
        let mut records = Vec::new();
        for (topic, partitions) in &self.topics {
            let gone = partitions.iter().filter(|(_, offset)| chosen(topic, offset));
            records.extend(gone.map(|(at, _)| tombstone(group_id, topic, *at)));
        }
        records
    }
}

/// The records of a commit, and what to answer for each partition; `may` says which of them may be committed.
pub fn commit(
    event: &CommitEvent,
    now_ms: i64,
    may: impl Fn(Uuid, i32) -> Result<(), GroupError>,
) -> (Vec<Record>, PartitionResults) {
    let retention_ms = Some(event.retention_time_ms).filter(|retention_ms| *retention_ms != DEFAULT_RETENTION);
    let expire_timestamp_ms = retention_ms.map(|retention_ms| now_ms.saturating_add(retention_ms));
    let mut records = Vec::new();
    let mut results = Vec::with_capacity(event.topics.len());
    for topic in &event.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let result =
                may(topic.topic_id, asked.partition).and_then(|()| check_metadata(asked, event.metadata_bytes_max));
            partitions.push((asked.partition, result));
            if result.is_ok() {
                let key = key(&event.group_id, &topic.name, asked.partition);
                let value = committed(asked, topic.topic_id, now_ms, expire_timestamp_ms);
                records.push(Record::Offset(key, Some(value)));
            }
        }
        results.push(TopicResults { name: topic.name.clone(), partitions });
    }
    (records, results)
}

/// As Java counts characters.
fn check_metadata(asked: &PartitionCommit, max: usize) -> Result<(), GroupError> {
    let length = asked.metadata.as_ref().map_or(0, |metadata| metadata.encode_utf16().count());
    if length > max { Err(GroupError::OffsetMetadataTooLarge) } else { Ok(()) }
}

fn committed(asked: &PartitionCommit, topic_id: Uuid, now_ms: i64, expire: Option<i64>) -> OffsetCommit {
    OffsetCommit {
        offset: asked.offset,
        leader_epoch: Some(asked.leader_epoch).filter(|epoch| *epoch != NO_LEADER_EPOCH),
        metadata: asked.metadata.clone().unwrap_or_default(),
        commit_timestamp_ms: now_ms,
        expire_timestamp_ms: expire,
        topic_id,
    }
}

fn is_expired(offset: &OffsetCommit, group: &Membership, now_ms: i64, retention_ms: i64) -> bool {
    let Some(since_ms) = group.unused_since_ms(offset.commit_timestamp_ms) else { return false };
    match offset.expire_timestamp_ms {
        Some(expires_at_ms) => now_ms >= expires_at_ms,
        None => now_ms.saturating_sub(since_ms) >= retention_ms,
    }
}

fn shown(offset: &OffsetCommit) -> CommittedOffset {
    CommittedOffset {
        offset: offset.offset,
        leader_epoch: offset.leader_epoch.unwrap_or(NO_LEADER_EPOCH),
        metadata: offset.metadata.clone(),
        topic_id: offset.topic_id,
    }
}

fn tombstone(group_id: &str, topic: &str, partition: i32) -> Record {
    Record::Offset(key(group_id, topic, partition), None)
}

fn key(group_id: &str, topic: &str, partition: i32) -> OffsetKey {
    OffsetKey { group: group_id.to_owned(), topic: topic.to_owned(), partition }
}
