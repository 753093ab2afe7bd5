//! The schemas of the bounds walk against `kafka-protocol`'s own coders, and the walk's limits.

mod support {
    pub mod sample;
}

use bytes::{Bytes, BytesMut};
use catena_protocol::bounds::{self, ARRAY_ELEMENTS_MAX, Field, Items, Kind, Problem, SCHEMAS, Schema};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::{Decodable, Encodable, Message};
use rand::SeedableRng;
use rand::rngs::StdRng;
use support::sample;

/// Decodes a body and encodes it again; how many bytes were not used, and the new bytes.
type Again = fn(&mut Bytes, i16) -> Result<Vec<u8>, String>;

/// One request type of `kafka-protocol`: what it can do, and the sizes of the structs in its arrays, in order.
struct Oracle {
    key: i16,
    newest: i16,
    again: Again,
    element_sizes: Vec<usize>,
}

fn oracle<T: Decodable + Encodable + Message>(key: ApiKey, element_sizes: &[usize]) -> Oracle {
    let again: Again = |body, version| {
        let message = T::decode(body, version).map_err(|error| error.to_string())?;
        let mut out = BytesMut::new();
        message.encode(&mut out, version).map_err(|error| error.to_string())?;
        Ok(out.to_vec())
    };
    Oracle { key: key as i16, newest: T::VERSIONS.max, again, element_sizes: element_sizes.to_vec() }
}

macro_rules! oracles {
    ($($key:ident $request:ident [$($module:ident::$element:ident),*];)*) => {
        vec![$(oracle::<$request>(ApiKey::$key, &[$(size_of::<$module::$element>()),*])),*]
    };
}

fn oracles() -> Vec<Oracle> {
    oracles! {
        Produce ProduceRequest [produce_request::TopicProduceData, produce_request::PartitionProduceData];
        Fetch FetchRequest [fetch_request::FetchTopic, fetch_request::FetchPartition, fetch_request::ForgottenTopic];
        ListOffsets ListOffsetsRequest [list_offsets_request::ListOffsetsTopic, list_offsets_request::ListOffsetsPartition];
        Metadata MetadataRequest [metadata_request::MetadataRequestTopic];
        OffsetCommit OffsetCommitRequest [offset_commit_request::OffsetCommitRequestTopic, offset_commit_request::OffsetCommitRequestPartition];
        OffsetFetch OffsetFetchRequest [offset_fetch_request::OffsetFetchRequestTopic, offset_fetch_request::OffsetFetchRequestGroup, offset_fetch_request::OffsetFetchRequestTopics];
        FindCoordinator FindCoordinatorRequest [];
        JoinGroup JoinGroupRequest [join_group_request::JoinGroupRequestProtocol];
        Heartbeat HeartbeatRequest [];
        LeaveGroup LeaveGroupRequest [leave_group_request::MemberIdentity];
        SyncGroup SyncGroupRequest [sync_group_request::SyncGroupRequestAssignment];
        DescribeGroups DescribeGroupsRequest [];
        ListGroups ListGroupsRequest [];
        ApiVersions ApiVersionsRequest [];
        CreateTopics CreateTopicsRequest [create_topics_request::CreatableTopic, create_topics_request::CreatableReplicaAssignment, create_topics_request::CreatableTopicConfig];
        DeleteTopics DeleteTopicsRequest [delete_topics_request::DeleteTopicState];
        DeleteRecords DeleteRecordsRequest [delete_records_request::DeleteRecordsTopic, delete_records_request::DeleteRecordsPartition];
        InitProducerId InitProducerIdRequest [];
        OffsetForLeaderEpoch OffsetForLeaderEpochRequest [offset_for_leader_epoch_request::OffsetForLeaderTopic, offset_for_leader_epoch_request::OffsetForLeaderPartition];
        DescribeConfigs DescribeConfigsRequest [describe_configs_request::DescribeConfigsResource];
        AlterConfigs AlterConfigsRequest [alter_configs_request::AlterConfigsResource, alter_configs_request::AlterableConfig];
        AlterReplicaLogDirs AlterReplicaLogDirsRequest [alter_replica_log_dirs_request::AlterReplicaLogDir, alter_replica_log_dirs_request::AlterReplicaLogDirTopic];
        DescribeLogDirs DescribeLogDirsRequest [describe_log_dirs_request::DescribableLogDirTopic];
        CreatePartitions CreatePartitionsRequest [create_partitions_request::CreatePartitionsTopic, create_partitions_request::CreatePartitionsAssignment];
        DeleteGroups DeleteGroupsRequest [];
        IncrementalAlterConfigs IncrementalAlterConfigsRequest [incremental_alter_configs_request::AlterConfigsResource, incremental_alter_configs_request::AlterableConfig];
        AlterPartitionReassignments AlterPartitionReassignmentsRequest [alter_partition_reassignments_request::ReassignableTopic, alter_partition_reassignments_request::ReassignablePartition];
        ListPartitionReassignments ListPartitionReassignmentsRequest [list_partition_reassignments_request::ListPartitionReassignmentsTopics];
        OffsetDelete OffsetDeleteRequest [offset_delete_request::OffsetDeleteRequestTopic, offset_delete_request::OffsetDeleteRequestPartition];
        DescribeCluster DescribeClusterRequest [];
        ConsumerGroupHeartbeat ConsumerGroupHeartbeatRequest [consumer_group_heartbeat_request::TopicPartitions];
        ConsumerGroupDescribe ConsumerGroupDescribeRequest [];
        ListConfigResources ListConfigResourcesRequest [];
        DescribeTopicPartitions DescribeTopicPartitionsRequest [describe_topic_partitions_request::TopicRequest];
        ShareGroupHeartbeat ShareGroupHeartbeatRequest [];
        ShareGroupDescribe ShareGroupDescribeRequest [];
        ShareFetch ShareFetchRequest [share_fetch_request::FetchTopic, share_fetch_request::FetchPartition, share_fetch_request::AcknowledgementBatch, share_fetch_request::ForgottenTopic];
        ShareAcknowledge ShareAcknowledgeRequest [share_acknowledge_request::AcknowledgeTopic, share_acknowledge_request::AcknowledgePartition, share_acknowledge_request::AcknowledgementBatch];
        InitializeShareGroupState InitializeShareGroupStateRequest [initialize_share_group_state_request::InitializeStateData, initialize_share_group_state_request::PartitionData];
        ReadShareGroupState ReadShareGroupStateRequest [read_share_group_state_request::ReadStateData, read_share_group_state_request::PartitionData];
        WriteShareGroupState WriteShareGroupStateRequest [write_share_group_state_request::WriteStateData, write_share_group_state_request::PartitionData, write_share_group_state_request::StateBatch];
        DeleteShareGroupState DeleteShareGroupStateRequest [delete_share_group_state_request::DeleteStateData, delete_share_group_state_request::PartitionData];
        ReadShareGroupStateSummary ReadShareGroupStateSummaryRequest [read_share_group_state_summary_request::ReadStateSummaryData, read_share_group_state_summary_request::PartitionData];
        DescribeShareGroupOffsets DescribeShareGroupOffsetsRequest [describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestGroup, describe_share_group_offsets_request::DescribeShareGroupOffsetsRequestTopic];
        AlterShareGroupOffsets AlterShareGroupOffsetsRequest [alter_share_group_offsets_request::AlterShareGroupOffsetsRequestTopic, alter_share_group_offsets_request::AlterShareGroupOffsetsRequestPartition];
        DeleteShareGroupOffsets DeleteShareGroupOffsetsRequest [delete_share_group_offsets_request::DeleteShareGroupOffsetsRequestTopic];
    }
}

fn seeded() -> StdRng {
    let seed = rand::random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Every schema with its oracle, in every version that both know.
fn for_each_version(mut check: impl FnMut(&'static Schema, &Oracle, i16)) {
    let oracles = oracles();
    assert_eq!(oracles.len(), SCHEMAS.len());
    for (schema, oracle) in SCHEMAS.iter().zip(&oracles) {
        assert_eq!(schema.key, oracle.key, "{}", schema.name);
        for version in schema.versions.min..=schema.versions.max.min(oracle.newest) {
            check(schema, oracle, version);
        }
    }
}

#[test]
fn schemas_describe_what_the_decoders_read_and_the_encoders_write() {
    let mut rng = seeded();
    for_each_version(|schema, oracle, version| {
        for _ in 0..50 {
            let body = sample::body(schema, version, &mut rng);
            let what = format!("{} v{version}: {body:02x?}", schema.name);
            assert_eq!(bounds::check(schema.key, version, &body), Ok(body.len()), "{what}");
            let mut rest = Bytes::from(body.clone());
            let again = (oracle.again)(&mut rest, version).unwrap_or_else(|error| panic!("{error}: {what}"));
            assert!(rest.is_empty(), "{} bytes left over: {what}", rest.len());
            assert!(again == body, "encoded differently: {again:02x?}: {what}");
        }
    });
}

#[test]
fn bytes_after_the_last_field_are_left_alone_and_missing_ones_noticed() {
    let mut rng = seeded();
    for_each_version(|schema, _, version| {
        let mut body = sample::body(schema, version, &mut rng);
        let len = body.len();
        for end in 0..len {
            assert!(bounds::check(schema.key, version, &body[..end]).is_err(), "{} v{version}", schema.name);
        }
        body.extend_from_slice(b"more");
        assert_eq!(bounds::check(schema.key, version, &body), Ok(len));
    });
}

#[test]
fn what_the_decoders_take_as_null_the_schemas_call_nullable() {
    let mut rng = seeded();
    let mut laxer = Vec::new();
    for_each_version(|schema, oracle, version| {
        for field in all_fields(schema.fields, version) {
            let can_be_null = matches!(field.kind, Kind::String | Kind::Bytes | Kind::Array(_));
            if !can_be_null || field.nullable.contain(version) || field.tag.is_some() {
                continue;
            }
            let body = sample::body_with_null(schema, version, &mut rng, field.name);
            let what = format!("{} v{version}, {}", schema.name, field.name);
            let Err(error) = bounds::check(schema.key, version, &body) else { panic!("{what}: null was accepted") };
            assert_eq!((error.field, error.problem), (field.name, Problem::Null), "{what}");
            if (oracle.again)(&mut Bytes::from(body), version).is_ok() {
                laxer.push(what);
            }
        }
    });
    // Nullable in later versions only; Kafka refuses null in these.
    let names = (0..=9).map(|version| format!("Metadata v{version}, Name"));
    let mut expected = vec!["Metadata v0, Topics".to_owned()];
    expected.extend(names);
    expected.push("OffsetFetch v1, Topics".to_owned());
    assert_eq!(laxer, expected);
}

fn all_fields(fields: &'static [Field], version: i16) -> Vec<&'static Field> {
    let here = fields.iter().filter(|field| field.versions.contain(version));
    here.flat_map(|field| {
        let inner = match field.kind {
            Kind::Struct(fields) | Kind::Array(Items::Struct(fields)) => all_fields(fields, version),
            _ => Vec::new(),
        };
        [field].into_iter().chain(inner)
    })
    .collect()
}

#[test]
fn decoded_structs_are_no_larger_than_they_are_charged() {
    fn charged(fields: &'static [Field]) -> Vec<usize> {
        let arrays = fields.iter().filter_map(|field| match field.kind {
            Kind::Array(items @ Items::Struct(fields)) => Some((items, fields)),
            _ => None,
        });
        arrays.flat_map(|(items, fields)| [items.decoded_size()].into_iter().chain(charged(fields))).collect()
    }
    for (schema, oracle) in SCHEMAS.iter().zip(oracles()) {
        let charged = charged(schema.fields);
        assert_eq!(charged.len(), oracle.element_sizes.len(), "{}", schema.name);
        for (charged, taken) in charged.iter().zip(oracle.element_sizes) {
            assert!(*charged >= taken, "{}: {taken} bytes are charged as {charged}", schema.name);
        }
    }
}

#[test]
fn counts_that_aborted_a_decoder_are_refused() {
    assert_eq!(problem(3, 0, &[0x7f, 0xff, 0xff, 0xff, 0xb6]), Problem::Elements(0x7fff_ffff));
    assert_eq!(problem(3, 12, &[0xff, 0xff, 0xff, 0xff, 0x0f]), Problem::Elements(0xffff_fffe));
}

#[test]
fn each_limit_holds() {
    let varint_33 = [0xff, 0xff, 0xff, 0xff, 0x1f];
    let cases: &[(&str, i16, i16, &[u8], Problem)] = &[
        ("an array beyond its end", 3, 1, &[0, 0, 0, 3, 0, 0], Problem::Missing(1)),
        ("a negative count", 3, 1, &[0xff, 0xff, 0xff, 0xfe], Problem::Negative),
        ("a null array", 3, 0, &[0xff; 4], Problem::Null),
        ("a null string", 3, 0, &[0, 0, 0, 1, 0xff, 0xff], Problem::Null),
        ("a string beyond its end", 12, 0, &[0, 5, b'a'], Problem::Missing(4)),
        ("a string that is no text", 12, 0, &[0, 1, 0xff], Problem::Text),
        ("a varint of 33 bits", 3, 9, &varint_33, Problem::Varint),
        ("a tag beyond its end", 60, 0, &[0, 1, 0, 9], Problem::Missing(9)),
        ("10,001 tags", 60, 0, &[0, 0x91, 0x4e], Problem::Tags(10_001)),
        ("a known tag that is too long", 1, 12, &fetch_with_cluster_id(3), Problem::TagLength(0)),
        ("a known tag that is too short", 1, 12, &fetch_with_cluster_id(1), Problem::TagLength(0)),
        ("a cursor that is there and not there", 75, 0, &[1, 0, 0, 0, 0, 2], Problem::Presence),
        ("a version without schema", 3, 14, &[], Problem::Unknown),
        ("an API without schema", 99, 0, &[], Problem::Unknown),
    ];
    for (case, key, version, body, expected) in cases {
        assert_eq!(problem(*key, *version, body), *expected, "{case}");
    }
    assert_eq!(bounds::check(1, 12, &fetch_with_cluster_id(2)), Ok(33));
}

/// A fetch whose cluster id "x" is said to take so many bytes.
fn fetch_with_cluster_id(len: u8) -> Vec<u8> {
    let mut body = vec![0; 4 * 4 + 1 + 8];
    body.extend_from_slice(&[1, 1, 1]);
    body.extend_from_slice(&[1, 0, len, 2, b'x']);
    body.resize(body.len() + 5, 0);
    body
}

fn problem(key: i16, version: i16, body: &[u8]) -> Problem {
    bounds::check(key, version, body).expect_err("out of bounds").problem
}

#[test]
fn arrays_end_at_a_million_elements() {
    let with = |count: usize| {
        let mut body = vec![0, 1, b'g', 0, 0, 0, 1, 0, 1, b't'];
        body.extend_from_slice(&(count as u32).to_be_bytes());
        body.resize(body.len() + 4 * count, 0);
        bounds::check(9, 1, &body).map_err(|error| error.problem)
    };
    assert!(with(ARRAY_ELEMENTS_MAX).is_ok());
    assert_eq!(with(ARRAY_ELEMENTS_MAX + 1), Err(Problem::Elements(ARRAY_ELEMENTS_MAX + 1)));
}

#[test]
fn small_elements_that_decode_to_large_ones_are_refused_in_bulk() {
    let metadata = |names: usize, name: &str| {
        let mut body = (names as u32).to_be_bytes().to_vec();
        for _ in 0..names {
            body.extend_from_slice(&(name.len() as u16).to_be_bytes());
            body.extend_from_slice(name.as_bytes());
        }
        bounds::check(3, 0, &body).map(drop).map_err(|error| error.problem)
    };
    assert_eq!(metadata(100_000, ""), Err(Problem::Memory));
    assert_eq!(metadata(3_000, "t123"), Ok(()), "three thousand topics with short names");
    assert_eq!(metadata(100_000, "a-topic-name"), Ok(()), "a hundred thousand with usual names");
}

#[test]
fn unknown_tags_are_charged_for() {
    let cluster = |tags: u16| {
        let mut body = vec![0, tags as u8 | 0x80, (tags >> 7) as u8];
        body.extend((0..tags).flat_map(|tag| [tag as u8 | 0x80, (tag >> 7) as u8 & 0x7f, 0]));
        bounds::check(60, 0, &body).map(drop).map_err(|error| error.problem)
    };
    assert_eq!(cluster(500), Ok(()));
    assert_eq!(cluster(9_999), Err(Problem::Memory));
}
