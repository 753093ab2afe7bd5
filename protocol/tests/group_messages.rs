//! Messages of consumer groups and share groups against the bytes that Apache Kafka 4.4's classes write
//! (`golden/messages/kafka-4.4.0.txt`, printed by `compat-tests/java/messages`): those that are own code, those whose
//! newest version borrows an older layout, and those with a struct that may be null.

mod support {
    pub mod golden;
    pub mod sample;
}

use bytes::{Bytes, BytesMut};
use catena_protocol::bounds::{self, Schema};
use catena_protocol::message::{self, Request};
use catena_protocol::messages::describe_share_group_offsets::*;
use catena_protocol::messages::leaders::{LeaderIdAndEpoch, NodeEndpoint};
use catena_protocol::messages::read_share_group_state_summary::*;
use catena_protocol::messages::share_acknowledge::*;
use catena_protocol::messages::share_fetch::*;
use catena_protocol::messages::write_share_group_state::*;
use kafka_protocol::messages::{
    ConsumerGroupDescribeResponse, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse,
    DescribeShareGroupOffsetsRequest, GroupId, ReadShareGroupStateSummaryRequest, TopicName,
    WriteShareGroupStateResponse, consumer_group_describe_response as described, consumer_group_heartbeat_request,
    consumer_group_heartbeat_response, describe_share_group_offsets_request as describe,
    read_share_group_state_summary_request as read_summary, write_share_group_state_response as written,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::golden::{TOPIC_ID, assert_read, assert_written, golden, text};
use support::sample;

fn group() -> GroupId {
    GroupId(text("a-group"))
}

#[test]
fn consumer_group_heartbeat() {
    assert_read("ConsumerGroupHeartbeatRequest", 68, |version| {
        let owned = consumer_group_heartbeat_request::TopicPartitions::default()
            .with_topic_id(TOPIC_ID)
            .with_partitions(vec![3, 4]);
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(group())
            .with_member_id(text("a-member"))
            .with_member_epoch(5)
            .with_rack_id(Some(text("a-rack")))
            .with_rebalance_timeout_ms(60_000)
            .with_subscribed_topic_names(Some(vec![TopicName(text("t1")), TopicName(text("t2"))]))
            .with_subscribed_topic_regex((version >= 1).then(|| text("t.*")))
            .with_server_assignor(Some(text("uniform")))
            .with_topic_partitions(Some(vec![owned]))
    });
    assert_written("ConsumerGroupHeartbeatResponse", |_| {
        let topic = consumer_group_heartbeat_response::TopicPartitions::default()
            .with_topic_id(TOPIC_ID)
            .with_partitions(vec![3, 4]);
        let assignment = consumer_group_heartbeat_response::Assignment::default().with_topic_partitions(vec![topic]);
        ConsumerGroupHeartbeatResponse::default()
            .with_throttle_time_ms(9)
            .with_member_id(Some(text("a-member")))
            .with_member_epoch(5)
            .with_heartbeat_interval_ms(3_000)
            .with_assignment(Some(assignment))
    });
}

#[test]
fn consumer_group_describe() {
    assert_written("ConsumerGroupDescribeResponse", |version| {
        let topic = described::TopicPartitions::default()
            .with_topic_id(TOPIC_ID)
            .with_topic_name(TopicName(text("a-topic")))
            .with_partitions(vec![3]);
        let assignment = described::Assignment::default().with_topic_partitions(vec![topic]);
        let member = described::Member::default()
            .with_member_id(text("a-member"))
            .with_instance_id(Some(text("an-instance")))
            .with_member_epoch(5)
            .with_client_id(text("a-client"))
            .with_client_host(text("/127.0.0.1"))
            .with_subscribed_topic_names(vec![TopicName(text("a-topic"))])
            .with_subscribed_topic_regex(Some(text("t.*")))
            .with_assignment(assignment.clone())
            .with_target_assignment(assignment)
            .with_member_type(if version < 1 { -1 } else { 1 });
        let group = described::DescribedGroup::default()
            .with_group_id(group())
            .with_group_state(text("Stable"))
            .with_group_epoch(7)
            .with_assignment_epoch(6)
            .with_assignor_name(text("uniform"))
            .with_authorized_operations(264)
            .with_members(vec![member]);
        ConsumerGroupDescribeResponse::default().with_throttle_time_ms(9).with_groups(vec![group])
    });
}

fn acknowledgement(acknowledge_types: &[i8]) -> AcknowledgementBatch {
    AcknowledgementBatch { first_offset: 10, last_offset: 12, acknowledge_types: acknowledge_types.to_vec() }
}

fn leader() -> LeaderIdAndEpoch {
    LeaderIdAndEpoch { leader_id: 2, leader_epoch: 8 }
}

fn endpoint() -> NodeEndpoint {
    NodeEndpoint { node_id: 2, host: text("a-host"), port: 9092, rack: Some(text("a-rack")) }
}

fn share_fetch_request(version: i16) -> ShareFetchRequest {
    let partition =
        |partition_index, acknowledgement_batches| AcknowledgePartition { partition_index, acknowledgement_batches };
    let partitions = vec![partition(3, vec![acknowledgement(&[1, 0, 3])]), partition(4, vec![])];
    ShareFetchRequest {
        group_id: Some(text("a-group")),
        member_id: Some(text("a-member")),
        share_session_epoch: 5,
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1 << 20,
        max_records: 500,
        batch_size: 100,
        share_acquire_mode: if version < 2 { 0 } else { 1 },
        is_renew_ack: version >= 2,
        topics: vec![ShareFetchTopic { topic_id: TOPIC_ID, partitions }],
        forgotten_topics_data: vec![ForgottenTopic { topic_id: TOPIC_ID, partitions: vec![5] }],
    }
}

fn share_fetch_response(records: &Bytes) -> ShareFetchResponse<Bytes> {
    let acquired = ShareFetchPartition {
        partition_index: 3,
        error_code: 0,
        error_message: None,
        acknowledge_error_code: 0,
        acknowledge_error_message: None,
        current_leader: None,
        records: records.clone(),
        acquired_records: vec![AcquiredRecords { first_offset: 10, last_offset: 19, delivery_count: 2 }],
    };
    let elsewhere = ShareFetchPartition {
        partition_index: 4,
        error_code: 6,
        error_message: Some(text("not here")),
        acknowledge_error_code: 121,
        acknowledge_error_message: Some(text("not yours")),
        current_leader: Some(leader()),
        records: Bytes::new(),
        acquired_records: vec![],
    };
    ShareFetchResponse {
        throttle_time_ms: 9,
        error_code: 1,
        error_message: Some(text("a message")),
        acquisition_lock_timeout_ms: 30_000,
        responses: vec![ShareFetchTopicResponse { topic_id: TOPIC_ID, partitions: vec![acquired, elsewhere] }],
        node_endpoints: vec![endpoint()],
    }
}

#[test]
fn share_fetch() {
    assert_read("ShareFetchRequest", 78, share_fetch_request);
    let records = Bytes::from_static(b"some records");
    for (version, expected) in golden("ShareFetchResponse") {
        let mut out = BytesMut::new();
        let slices = share_fetch_response(&records).encode(version, &mut out).expect("encodes");
        let [(at, slice)] = slices.as_slice() else { panic!("one partition has records") };
        assert_eq!(slice.as_ptr(), records.as_ptr(), "records are not copied");
        assert_eq!([&out[..*at], slice, &out[*at..]].concat(), expected, "v{version}");
    }
}

#[test]
fn share_acknowledge() {
    assert_read("ShareAcknowledgeRequest", 79, |version| {
        let partition =
            AcknowledgePartition { partition_index: 3, acknowledgement_batches: vec![acknowledgement(&[2])] };
        ShareAcknowledgeRequest {
            group_id: Some(text("a-group")),
            member_id: Some(text("a-member")),
            share_session_epoch: 5,
            is_renew_ack: version >= 2,
            topics: vec![AcknowledgeTopic { topic_id: TOPIC_ID, partitions: vec![partition] }],
        }
    });
    assert_written("ShareAcknowledgeResponse", |_| {
        let partitions = vec![
            ShareAcknowledgePartition { partition_index: 3, ..ShareAcknowledgePartition::default() },
            ShareAcknowledgePartition {
                partition_index: 4,
                error_code: 6,
                error_message: Some(text("not here")),
                current_leader: Some(leader()),
            },
        ];
        ShareAcknowledgeResponse {
            throttle_time_ms: 9,
            error_code: 1,
            error_message: Some(text("a message")),
            acquisition_lock_timeout_ms: 30_000,
            responses: vec![ShareAcknowledgeTopicResponse { topic_id: TOPIC_ID, partitions }],
            node_endpoints: vec![endpoint()],
        }
    });
}

#[test]
fn write_share_group_state() {
    assert_read("WriteShareGroupStateRequest", 85, |version| {
        let batch = WriteStateBatch { first_offset: 10, last_offset: 19, delivery_state: 2, delivery_count: 3 };
        let partition = WriteStatePartition {
            partition: 3,
            state_epoch: 1,
            leader_epoch: 2,
            start_offset: 10,
            delivery_complete_count: if version < 1 { -1 } else { 4 },
            state_batches: vec![batch],
        };
        let topic = WriteStateData { topic_id: TOPIC_ID, partitions: vec![partition] };
        WriteShareGroupStateRequest { group_id: text("a-group"), topics: vec![topic] }
    });
    assert_written("WriteShareGroupStateResponse", |_| {
        let partition = written::PartitionResult::default()
            .with_partition(3)
            .with_error_code(74)
            .with_error_message(Some(text("fenced")));
        let topic = written::WriteStateResult::default().with_topic_id(TOPIC_ID).with_partitions(vec![partition]);
        WriteShareGroupStateResponse::default().with_results(vec![topic])
    });
}

#[test]
fn read_share_group_state_summary() {
    assert_read("ReadShareGroupStateSummaryRequest", 87, |_| {
        let partition = read_summary::PartitionData::default().with_partition(3).with_leader_epoch(2);
        let topic =
            read_summary::ReadStateSummaryData::default().with_topic_id(TOPIC_ID).with_partitions(vec![partition]);
        ReadShareGroupStateSummaryRequest::default().with_group_id(text("a-group")).with_topics(vec![topic])
    });
    assert_written("ReadShareGroupStateSummaryResponse", |_| {
        let partition = ReadStateSummaryPartition {
            partition: 3,
            error_code: 74,
            error_message: Some(text("fenced")),
            state_epoch: 1,
            leader_epoch: 2,
            start_offset: 10,
            delivery_complete_count: 4,
        };
        let topic = ReadStateSummaryResult { topic_id: TOPIC_ID, partitions: vec![partition] };
        ReadShareGroupStateSummaryResponse { results: vec![topic] }
    });
}

#[test]
fn describe_share_group_offsets() {
    assert_read("DescribeShareGroupOffsetsRequest", 90, |_| {
        let topic = describe::DescribeShareGroupOffsetsRequestTopic::default()
            .with_topic_name(TopicName(text("a-topic")))
            .with_partitions(vec![3, 4]);
        let some = describe::DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(group())
            .with_topics(Some(vec![topic]));
        let all = describe::DescribeShareGroupOffsetsRequestGroup::default()
            .with_group_id(GroupId(text("all-of-it")))
            .with_topics(None);
        DescribeShareGroupOffsetsRequest::default().with_groups(vec![some, all])
    });
    assert_written("DescribeShareGroupOffsetsResponse", |_| {
        let partition = DescribeShareGroupOffsetsPartition {
            partition_index: 3,
            start_offset: 1234,
            leader_epoch: 2,
            lag: 77,
            error_code: 3,
            error_message: Some(text("unknown")),
        };
        let topic = DescribeShareGroupOffsetsTopic {
            topic_name: text("a-topic"),
            topic_id: TOPIC_ID,
            partitions: vec![partition],
        };
        let group = DescribeShareGroupOffsetsGroup {
            group_id: text("a-group"),
            topics: vec![topic],
            error_code: 15,
            error_message: Some(text("a message")),
        };
        DescribeShareGroupOffsetsResponse { throttle_time_ms: 9, groups: vec![group] }
    });
}

/// Random bodies of every version are understood, and those cut short or with null in the wrong place refused.
fn assert_bounded<T: Request>(key: i16) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let schema: &Schema = bounds::SCHEMAS.iter().find(|schema| schema.key == key).expect("a schema");
    for version in schema.versions.min..=schema.versions.max {
        for _ in 0..200 {
            let body = Bytes::from(sample::body(schema, version, &mut rng));
            let what = format!("{} v{version}: {body:02x?}", schema.name);
            assert_eq!(bounds::check(key, version, &body), Ok(body.len()), "{what}");
            assert!(message::decode::<T>(key, version, body.clone()).is_ok(), "{what}");
            for end in 0..body.len() {
                assert!(message::decode::<T>(key, version, body.slice(..end)).is_err(), "{what} up to {end}");
                // The walk is not the only guard.
                assert!(T::decode_checked(body.slice(..end), version).is_err(), "{what} up to {end}");
            }
        }
    }
}

#[test]
fn requests_that_are_own_code_are_understood_whole_and_refused_when_cut_off() {
    assert_bounded::<ShareFetchRequest>(78);
    assert_bounded::<ShareAcknowledgeRequest>(79);
    assert_bounded::<WriteShareGroupStateRequest>(85);
}

#[test]
fn damaged_requests_are_refused_or_read_but_never_a_panic() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let bodies = |key, name| golden(name).into_iter().map(move |(version, body)| (key, version, body));
    let requests: Vec<_> = bodies(78, "ShareFetchRequest")
        .chain(bodies(79, "ShareAcknowledgeRequest"))
        .chain(bodies(85, "WriteShareGroupStateRequest"))
        .collect();
    for _ in 0..100_000 {
        let (key, version, body) = &requests[rng.random_range(0..requests.len())];
        let mut body = body.to_vec();
        for _ in 0..rng.random_range(1..4) {
            let at = rng.random_range(0..body.len());
            body[at] = if rng.random() { rng.random() } else { [0, 0x7f, 0x80, 0xff][rng.random_range(0..4)] };
        }
        let within = bounds::check(*key, *version, &body).is_ok();
        let read = is_read(*key, *version, body.into());
        assert!(read || !within, "API {key} v{version}: what the walk has let pass is understood");
    }
}

fn is_read(key: i16, version: i16, body: Bytes) -> bool {
    match key {
        78 => ShareFetchRequest::decode_checked(body, version).is_ok(),
        79 => ShareAcknowledgeRequest::decode_checked(body, version).is_ok(),
        _ => WriteShareGroupStateRequest::decode_checked(body, version).is_ok(),
    }
}
