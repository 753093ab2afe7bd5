//! OffsetCommit, OffsetFetch, OffsetDelete.

use uuid::Uuid;

use super::GroupError;

/// OffsetCommit. Topics must exist; the handler has checked that.
#[derive(Debug, Clone)]
pub struct CommitEvent {
    /// The group; may be empty.
    pub group_id: String,
    /// The member; empty for a consumer without group management.
    pub member_id: String,
    /// `group.instance.id`.
    pub group_instance_id: Option<String>,
    /// The member's generation; negative for a consumer without group management.
    pub generation: i32,
    /// `retention_time_ms` of versions 2 to 4; -1 when not given.
    pub retention_time_ms: i64,
    /// Version 9 and newer know `GroupIdNotFound`; older clients get `IllegalGeneration` instead.
    pub knows_group_id_not_found: bool,
    /// Longest metadata of an offset, bytes (`offset.metadata.max.bytes`).
    pub metadata_bytes_max: usize,
    /// What to commit.
    pub topics: Vec<TopicCommit>,
}

/// Commits of one topic.
#[derive(Debug, Clone)]
pub struct TopicCommit {
    /// Name.
    pub name: String,
    /// Its id, kept with the offsets: those of a topic that is made anew under the same name are told from them.
    pub topic_id: Uuid,
    /// Partitions.
    pub partitions: Vec<PartitionCommit>,
}

/// Commit of one partition.
#[derive(Debug, Clone)]
pub struct PartitionCommit {
    /// Index.
    pub partition: i32,
    /// The next offset to be consumed.
    pub offset: i64,
    /// Leader epoch of the last consumed record; -1 when unknown.
    pub leader_epoch: i32,
    /// Anything; null counts as empty.
    pub metadata: Option<String>,
}

/// Answer per topic and partition, in the order asked.
pub type PartitionResults = Vec<TopicResults>;

/// Answers of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicResults {
    /// Name.
    pub name: String,
    /// Partition index and its result.
    pub partitions: Vec<(i32, Result<(), GroupError>)>,
}

/// Answer to OffsetCommit; an error is that of every partition.
pub type CommitReply = Result<PartitionResults, GroupError>;

/// Partitions of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPartitions {
    /// Name.
    pub name: String,
    /// Indexes.
    pub partitions: Vec<i32>,
}

/// OffsetFetch for one group.
#[derive(Debug, Clone)]
pub struct FetchOffsetsEvent {
    /// The group; may be empty.
    pub group_id: String,
    /// The member that asks, if it says so (version 9 and newer).
    pub member_id: Option<String>,
    /// Its epoch; negative if it does not say.
    pub member_epoch: i32,
    /// What to look up; `None` is everything the group has.
    pub topics: Option<Vec<TopicPartitions>>,
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to be consumed.
    pub offset: i64,
    /// -1 when unknown.
    pub leader_epoch: i32,
    /// Never null.
    pub metadata: String,
    /// Id of the topic when it was committed; nil where the record does not say.
    pub topic_id: Uuid,
}

/// Offsets of one topic, in the order asked for; `None` where nothing is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicOffsets {
    /// Name.
    pub name: String,
    /// Index and offset.
    pub partitions: Vec<(i32, Option<CommittedOffset>)>,
}

/// Answer to OffsetFetch for one group. A group that does not exist has no offsets.
pub type FetchOffsetsReply = Result<Vec<TopicOffsets>, GroupError>;

/// OffsetDelete.
#[derive(Debug, Clone)]
pub struct DeleteOffsetsEvent {
    /// The group.
    pub group_id: String,
    /// What to forget.
    pub topics: Vec<TopicPartitions>,
}

/// Answer to OffsetDelete.
pub type DeleteOffsetsReply = Result<PartitionResults, GroupError>;
