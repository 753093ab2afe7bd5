//! OffsetFetch (9), versions 1 to 10: what groups have committed.
//!
//! v2 adds an error of the whole group, and null instead of topics to ask for all that is committed; v5 the leader
//! epoch, v7 "only stable offsets" (always so here: there are no transactions); v8 asks for several groups at once, v9
//! names the asking member of a consumer group, v10 names topics by id.
//!
//! A partition without a committed offset, and a group that does not exist, is answered with offset -1 and no error.
//! Topics whose id is unknown are answered last; a topic that has offsets but no id any more is left out.
//!
//! Source: Apache Kafka, `KafkaApis.handleOffsetFetchRequest`, `OffsetMetadataManager.fetchOffsets`,
//! `OffsetFetchResponse`.

use catena_protocol::error_code::ErrorCode;
use catena_protocol::messages::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use catena_storage::Storage;
use kafka_protocol::protocol::StrBytes;
use uuid::Uuid;

use crate::broker::{Broker, RequestContext};
use crate::errors;
use crate::groups::{CommittedOffset, FetchOffsetsEvent, TopicOffsets, TopicPartitions};

const GROUP_ERROR_SINCE: i16 = 2;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 10;

/// Answers for each group, in the order asked.
pub async fn handle(broker: &Broker, context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let by_id = context.api_version >= IDS_SINCE;
    let asked = request.groups.into_iter().map(|group| Asked::new(&broker.storage, group, by_id));
    let fetching: Vec<_> = asked.map(|asked| (broker.groups.fetch_offsets(asked.event()), asked)).collect();
    let mut groups = Vec::with_capacity(fetching.len());
    for (fetching, asked) in fetching {
        groups.push(match fetching.await {
            Ok(topics) if by_id => asked.found_by_id(&broker.storage, topics),
            Ok(topics) => asked.found(topics),
            Err(error) => asked.failed(context.api_version, errors::group(error)),
        });
    }
    OffsetFetchResponse { throttle_time_ms: 0, groups }
}

/// One group of a request.
struct Asked {
    group_id: StrBytes,
    member_id: Option<StrBytes>,
    member_epoch: i32,
    /// Topics that exist, by name; None for all.
    topics: Option<Vec<OffsetFetchRequestTopics>>,
    /// Topics whose id is unknown.
    unknown: Vec<OffsetFetchRequestTopics>,
}

impl Asked {
    fn new(storage: &Storage, group: OffsetFetchRequestGroup, by_id: bool) -> Self {
        let mut unknown = Vec::new();
        let named = |mut topic: OffsetFetchRequestTopics| match storage.topic_by_id(topic.topic_id) {
            Some(found) => {
                topic.name = StrBytes::from_string(found.name.to_string());
                Some(topic)
            }
            None => {
                unknown.push(topic);
                None
            }
        };
        let topics = match group.topics {
            Some(topics) if by_id => Some(topics.into_iter().filter_map(named).collect()),
            topics => topics,
        };
        let OffsetFetchRequestGroup { group_id, member_id, member_epoch, .. } = group;
        Self { group_id, member_id, member_epoch, topics, unknown }
    }

    fn event(&self) -> FetchOffsetsEvent {
        let topic = |topic: &OffsetFetchRequestTopics| TopicPartitions {
            name: topic.name.to_string(),
            partitions: topic.partition_indexes.clone(),
        };
        FetchOffsetsEvent {
            group_id: self.group_id.to_string(),
            member_id: self.member_id.as_ref().map(ToString::to_string),
            member_epoch: self.member_epoch,
            topics: self.topics.as_ref().map(|topics| topics.iter().map(topic).collect()),
        }
    }

    fn found(self, topics: Vec<TopicOffsets>) -> OffsetFetchResponseGroup {
        self.answer(topics.into_iter().map(|topic| offsets(Uuid::nil(), topic)).collect())
    }

    fn found_by_id(mut self, storage: &Storage, mut topics: Vec<TopicOffsets>) -> OffsetFetchResponseGroup {
        for (asked, topic) in self.topics.iter().flatten().zip(&mut topics) {
            forget_others(asked.topic_id, topic);
        }
        let known = topics.into_iter().filter_map(|topic| Some(offsets(storage.topic(&topic.name)?.id, topic)));
        let unknown = std::mem::take(&mut self.unknown).into_iter();
        let topics = known.chain(unknown.map(|topic| refused(topic, ErrorCode::UnknownTopicId))).collect();
        self.answer(topics)
    }

    /// The error of a group: once, or, for clients that have no place for it, with each partition.
    fn failed(mut self, version: i16, error: ErrorCode) -> OffsetFetchResponseGroup {
        if version >= GROUP_ERROR_SINCE {
            return OffsetFetchResponseGroup { error_code: error.code(), ..self.answer(Vec::new()) };
        }
        let topics = self.topics.take().unwrap_or_default();
        self.answer(topics.into_iter().map(|topic| refused(topic, error)).collect())
    }

    fn answer(self, topics: Vec<OffsetFetchResponseTopics>) -> OffsetFetchResponseGroup {
        OffsetFetchResponseGroup { group_id: self.group_id, topics, error_code: ErrorCode::None.code() }
    }
}

/// Leaves out what was committed for another topic of the same name, before this one was made.
fn forget_others(topic_id: Uuid, topic: &mut TopicOffsets) {
    let is_other = |offset: &mut CommittedOffset| !offset.topic_id.is_nil() && offset.topic_id != topic_id;
    topic.partitions.iter_mut().for_each(|(_, offset)| drop(offset.take_if(is_other)));
}

fn offsets(topic_id: Uuid, topic: TopicOffsets) -> OffsetFetchResponseTopics {
    let partitions = topic.partitions.into_iter().map(|(index, offset)| partition(index, offset)).collect();
    OffsetFetchResponseTopics { name: StrBytes::from_string(topic.name), topic_id, partitions }
}

fn partition(partition_index: i32, offset: Option<CommittedOffset>) -> OffsetFetchResponsePartitions {
    let nothing = OffsetFetchResponsePartitions::nothing(partition_index, ErrorCode::None.code());
    match offset {
        Some(committed) => OffsetFetchResponsePartitions {
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(StrBytes::from_string(committed.metadata)),
            ..nothing
        },
        None => nothing,
    }
}

fn refused(topic: OffsetFetchRequestTopics, error: ErrorCode) -> OffsetFetchResponseTopics {
    let partition = |index| OffsetFetchResponsePartitions::nothing(index, error.code());
    let partitions = topic.partition_indexes.into_iter().map(partition).collect();
    OffsetFetchResponseTopics { name: topic.name, topic_id: topic.topic_id, partitions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_of_an_older_topic_of_the_same_name_are_left_out() {
        let (now, before) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let committed = |topic_id| CommittedOffset { offset: 5, leader_epoch: -1, metadata: String::new(), topic_id };
        let all =
            vec![(0, Some(committed(now))), (1, Some(committed(before))), (2, Some(committed(Uuid::nil()))), (3, None)];
        let mut topic = TopicOffsets { name: "t".into(), partitions: all };
        forget_others(now, &mut topic);
        let left: Vec<_> = topic.partitions.iter().map(|(index, offset)| (*index, offset.is_some())).collect();
        assert_eq!(left, [(0, true), (1, false), (2, true), (3, false)]);
    }
}
