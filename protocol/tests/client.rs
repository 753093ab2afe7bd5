//! The client without I/O: its requests as a server reads them, answers as servers write them, and answers that nobody should write.
//!
//! `SEED=… cargo test …` repeats a run.

mod batches;
mod memory;

use std::sync::{Mutex, MutexGuard};

use batches::{CODECS, with_payload};
use bytes::{BufMut, Bytes, BytesMut};
use catena_protocol::batch::{BatchHeader, HEADER_LEN};
use catena_protocol::client::*;
use catena_protocol::error_code::ErrorCode;
use catena_protocol::header::RequestHeader;
use catena_protocol::message::Response;
use catena_protocol::records::BatchBuilder;
use catena_protocol::{bounds, messages};
use kafka_protocol::messages as kafka;
use kafka_protocol::messages::{create_topics_response, describe_configs_response, metadata_response};
use kafka_protocol::protocol::{Decodable, StrBytes};
use memory::grown;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

const CORRELATION: i32 = 7;

fn text(text: &'static str) -> StrBytes {
    StrBytes::from_static_str(text)
}

/// The whole body of a request is what the server's description of it says.
fn assert_is_request<C: Call>(call: &C) {
    let mut frame = frame(call, CORRELATION, "me").expect("can be said").slice(LENGTH_BYTES..);
    let header = RequestHeader::parse(&frame).expect("a header");
    assert_eq!(header, RequestHeader { key: C::KEY, version: C::VERSION, correlation_id: CORRELATION });
    assert_eq!(&*header.take_client_id(&mut frame).expect("a name"), "me", "{}", C::NAME);
    assert_eq!(bounds::check(C::KEY, C::VERSION, &frame), Ok(frame.len()), "{}", C::NAME);
}

#[test]
fn requests_are_what_servers_expect() {
    let batch = [1, 2, 3];
    assert_is_request(&ApiVersions);
    assert_is_request(&Metadata { topic: "orders", create: true });
    assert_is_request(&Metadata { topic: "", create: false });
    assert_is_request(&CreateTopic { name: "t", partitions: 3, configs: &[("a", "b")], timeout_ms: 5 });
    assert_is_request(&DescribeConfigs { resource_type: 2, resource_name: "t", setting: None });
    assert_is_request(&DescribeConfigs { resource_type: 2, resource_name: "t", setting: Some("a") });
    assert_is_request(&Produce { topic: "t", partition: 1, batch: &batch, timeout_ms: 5 });
    assert_is_request(&EarliestOffset { topic: "t", partition: 1 });
    assert_is_request(&Fetch { topic: "t", partition: 1, offset: 9, bytes_max: 100, wait_ms_max: 5 });
}

#[test]
fn a_change_sets_what_has_a_value_and_deletes_what_has_none() {
    let changes = [("a", Some("b")), ("c", None)];
    let changes = changes.map(|(name, value)| Alteration { name: name.into(), value: value.map(str::to_owned) });
    let (resource_type, resource_name, validate_only) = (4, "", true);
    let call = IncrementalAlterConfigs { resource_type, resource_name, changes: &changes, validate_only };
    assert_is_request(&call);
    // Length, the fixed part of the header, the name with its length, no tagged fields.
    let mut body = frame(&call, CORRELATION, "me").expect("can be said").slice(LENGTH_BYTES + RequestHeader::LEN + 5..);
    let read = kafka::IncrementalAlterConfigsRequest::decode(&mut body, 1).expect("a request");
    assert!(body.is_empty() && read.validate_only);
    assert_eq!((read.resources[0].resource_type, &*read.resources[0].resource_name), (4, ""));
    let operations: Vec<_> = read.resources[0].configs.iter().map(|config| config.config_operation).collect();
    let values: Vec<_> = read.resources[0].configs.iter().map(|config| config.value.as_deref()).collect();
    assert_eq!((operations, values), (vec![0, 1], vec![Some("b"), None]));
}

fn body<C: Call>(response: &impl Response) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i32(CORRELATION);
    if C::TAGGED_HEADER {
        out.put_u8(0);
    }
    response.encode(C::VERSION, &mut out).expect("can be said");
    out.freeze()
}

fn versions_body() -> Bytes {
    let version = |key, min, max| {
        let version = kafka::api_versions_response::ApiVersion::default();
        version.with_api_key(key).with_min_version(min).with_max_version(max)
    };
    let keys = vec![version(0, 3, 13), version(3, 0, 11), version(32, 4, 4)];
    body::<ApiVersions>(&kafka::ApiVersionsResponse::default().with_api_keys(keys))
}

fn metadata_body() -> Bytes {
    let broker = metadata_response::MetadataResponseBroker::default();
    let broker = broker.with_node_id(4.into()).with_host(text("localhost")).with_port(9092);
    let partition = metadata_response::MetadataResponsePartition::default();
    let partition = partition.with_partition_index(1).with_leader_id(4.into()).with_replica_nodes(vec![4.into(); 3]);
    let topic = metadata_response::MetadataResponseTopic::default().with_partitions(vec![partition]);
    let topic = topic.with_name(Some(text("t").into())).with_topic_id(Uuid::from_u128(5));
    body::<Metadata>(&kafka::MetadataResponse::default().with_brokers(vec![broker]).with_topics(vec![topic]))
}

fn describe_body() -> Bytes {
    let synonym = describe_configs_response::DescribeConfigsSynonym::default();
    let synonym = synonym.with_name(text("log.x")).with_value(Some(text("8"))).with_source(5);
    let config = describe_configs_response::DescribeConfigsResourceResult::default().with_name(text("x"));
    let config = config.with_value(Some(text("9"))).with_config_source(1).with_synonyms(vec![synonym]);
    let secret = describe_configs_response::DescribeConfigsResourceResult::default().with_name(text("y"));
    let secret = secret.with_value(None).with_config_source(4).with_is_sensitive(true);
    let result = describe_configs_response::DescribeConfigsResult::default().with_configs(vec![config, secret]);
    body::<DescribeConfigs>(&kafka::DescribeConfigsResponse::default().with_results(vec![result]))
}

fn alter_body(code: ErrorCode) -> Bytes {
    let response = kafka::incremental_alter_configs_response::AlterConfigsResourceResponse::default();
    let response = response.with_error_code(code.code()).with_error_message(Some(text("because")));
    body::<IncrementalAlterConfigs>(&kafka::IncrementalAlterConfigsResponse::default().with_responses(vec![response]))
}

fn create_body(code: ErrorCode) -> Bytes {
    let topic = create_topics_response::CreatableTopicResult::default().with_topic_id(Uuid::from_u128(6));
    let config = create_topics_response::CreatableTopicConfigs::default().with_name(text("a"));
    let topic = topic.with_error_code(code.code()).with_error_message(None).with_configs(Some(vec![config]));
    body::<CreateTopic>(&kafka::CreateTopicsResponse::default().with_topics(vec![topic]))
}

fn produce_body(code: ErrorCode) -> Bytes {
    let error = messages::produce::BatchIndexAndErrorMessage {
        batch_index: 0,
        batch_index_error_message: Some(text("the share is 90")),
    };
    let partition = messages::produce::PartitionProduceResponse {
        error_code: code.code(),
        base_offset: 12,
        record_errors: if code == ErrorCode::None { vec![] } else { vec![error] },
        error_message: Some(text("one is wrong")),
        ..Default::default()
    };
    let topic = messages::produce::TopicProduceResponse { partition_responses: vec![partition], ..Default::default() };
    body::<Produce>(&messages::produce::ProduceResponse { responses: vec![topic], ..Default::default() })
}

fn offsets_body() -> Bytes {
    let partition = kafka::list_offsets_response::ListOffsetsPartitionResponse::default().with_offset(33);
    let topic = kafka::list_offsets_response::ListOffsetsTopicResponse::default().with_partitions(vec![partition]);
    body::<EarliestOffset>(&kafka::ListOffsetsResponse::default().with_topics(vec![topic]))
}

fn fetch_body(high_watermark: i64, records: &[u8]) -> Bytes {
    let partition = kafka::fetch_response::PartitionData::default().with_high_watermark(high_watermark);
    let partition = partition.with_records(Some(Bytes::copy_from_slice(records))).with_aborted_transactions(None);
    let topic = kafka::fetch_response::FetchableTopicResponse::default().with_partitions(vec![partition]);
    body::<Fetch>(&kafka::FetchResponse::default().with_responses(vec![topic]))
}

#[test]
fn versions_allow_what_lies_within_them() {
    let versions = answer::<ApiVersions>(CORRELATION, versions_body()).expect("an answer").expect("no refusal");
    assert!(versions.allow::<Produce>() && versions.allow::<DescribeConfigs>());
    assert!(!versions.allow::<Metadata>() && !versions.allow::<Fetch>());
}

#[test]
fn leaders_are_found() {
    let cluster = answer::<Metadata>(CORRELATION, metadata_body()).expect("an answer");
    assert_eq!(cluster.partitions, Ok(vec![PartitionLeader { partition: 1, leader: 4 }]));
    assert_eq!(cluster.node(4), Some(&Node { id: 4, host: "localhost".into(), port: 9092 }));
    assert_eq!(cluster.node(5), None);
}

#[test]
fn settings_are_read_with_what_stands_behind_them() {
    let settings = answer::<DescribeConfigs>(CORRELATION, describe_body()).expect("an answer").expect("no refusal");
    let behind = Synonym { name: "log.x".into(), value: Some("8".into()), source: Source::DEFAULT };
    assert_eq!(settings[0].synonyms, [behind]);
    assert_eq!((settings[0].value.as_deref(), settings[0].source.name()), (Some("9"), "DYNAMIC_TOPIC_CONFIG"));
    assert_eq!((settings[1].value.as_deref(), settings[1].sensitive), (None, true));
}

#[test]
fn refusals_carry_the_servers_words() {
    assert_eq!(answer::<IncrementalAlterConfigs>(CORRELATION, alter_body(ErrorCode::None)), Ok(Ok(())));
    let refused = |code| answer::<IncrementalAlterConfigs>(CORRELATION, alter_body(code)).expect("an answer");
    let refusal = refused(ErrorCode::InvalidConfig).expect_err("refused");
    assert_eq!(
        (refusal.error, refusal.to_string().as_str()),
        (Some(ErrorCode::InvalidConfig), "INVALID_CONFIG: because")
    );
    assert_eq!(answer::<CreateTopic>(CORRELATION, create_body(ErrorCode::None)), Ok(Ok(Uuid::from_u128(6))));
    let there = answer::<CreateTopic>(CORRELATION, create_body(ErrorCode::TopicAlreadyExists)).expect("an answer");
    assert_eq!(there.expect_err("refused").to_string(), "TOPIC_ALREADY_EXISTS");
    assert_eq!(answer::<Produce>(CORRELATION, produce_body(ErrorCode::None)), Ok(Ok(12)));
    let record = answer::<Produce>(CORRELATION, produce_body(ErrorCode::InvalidRecord)).expect("an answer");
    assert_eq!(record.expect_err("refused").to_string(), "INVALID_RECORD: the share is 90");
    assert_eq!(answer::<EarliestOffset>(CORRELATION, offsets_body()), Ok(Ok(33)));
}

#[test]
fn an_answer_to_another_request_is_not_taken() {
    let found = answer::<EarliestOffset>(CORRELATION + 1, offsets_body());
    assert_eq!(found, Err(Strange::Correlation { expected: CORRELATION + 1, found: CORRELATION }));
    assert!(answer::<EarliestOffset>(CORRELATION, Bytes::from_static(&[0, 0])).is_err());
    assert_eq!(answer_len([0, 0, 0, 9]), Ok(9));
    assert_eq!(answer_len([0x48, 0x54, 0x54, 0x50]), Err(Strange::Length(0x4854_5450)), "HTTP");
    assert_eq!(answer_len([0xff; 4]), Err(Strange::Length(-1)));
}

/// A batch at an offset, of records with these keys and values.
fn batch(offset: i64, records: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for (key, value) in records {
        builder.push(1_000, Some(key.as_bytes()), value.map(str::as_bytes));
    }
    at_offset(builder.build().expect("a batch").to_vec(), offset)
}

fn at_offset(mut batch: Vec<u8>, offset: i64) -> Vec<u8> {
    batch[..8].copy_from_slice(&offset.to_be_bytes());
    batch
}

/// The batch with its checksum set right.
fn sealed(mut batch: Vec<u8>) -> Vec<u8> {
    let header = BatchHeader::parse_whole(&batch).expect("a batch");
    header.seal(&mut batch).expect("not too long");
    batch
}

fn fetched(high_watermark: i64, batches: &[u8]) -> Fetched {
    answer::<Fetch>(CORRELATION, fetch_body(high_watermark, batches)).expect("an answer").expect("no refusal")
}

/// What a scan from `from` on keeps of these answers: offset and key.
fn scanned(from: i64, answers: &[Fetched]) -> Result<Vec<(i64, String)>, ScanError> {
    let mut scan = Scan::from(from);
    let mut answers = answers.iter();
    while let (Some(_), Some(fetched)) = (scan.fetch("t", 0), answers.next()) {
        scan.take(fetched)?;
    }
    assert!(scan.fetch("t", 0).is_none(), "the scan wants more than there is");
    let key = |record: StoredRecord| (record.offset, String::from_utf8(record.key.unwrap_or_default()).unwrap());
    Ok(scan.into_records().into_iter().map(key).collect())
}

fn keys(expected: &[(i64, &str)]) -> Result<Vec<(i64, String)>, ScanError> {
    Ok(expected.iter().map(|(offset, key)| (*offset, (*key).to_owned())).collect())
}

#[test]
fn a_partition_is_read_to_where_it_ended_at_first() {
    let first = batch(0, &[("a", Some("1")), ("b", None)]);
    let second = batch(2, &[("c", Some("3"))]);
    let cut = [&first[..], &second[..second.len() - 1]].concat();
    let later = [&second[..], &batch(3, &[("d", None)])].concat();
    let expected = keys(&[(0, "a"), (1, "b"), (2, "c")]);
    assert_eq!(scanned(0, &[fetched(3, &cut), fetched(9, &later)]), expected);
    assert_eq!(scanned(1, &[fetched(3, &cut), fetched(9, &later)]), keys(&[(1, "b"), (2, "c")]));
    assert_eq!(scanned(0, &[fetched(0, &[])]), keys(&[]));
}

#[test]
fn records_of_every_codec_are_read() {
    // Packing takes more memory than reading.
    let _alone = alone();
    for (name, codec, compress) in CODECS {
        let plain = batch(0, &[("a", Some("1")), ("b", Some("22"))]);
        let packed = sealed(with_payload(&plain, codec, &compress(&plain[HEADER_LEN..])));
        assert_eq!(scanned(0, &[fetched(2, &packed)]), keys(&[(0, "a"), (1, "b")]), "{name}");
    }
}

#[test]
fn a_server_that_sends_nothing_or_nonsense_is_not_asked_for_ever() {
    let nothing = vec![fetched(3, &[]); 20];
    assert_eq!(scanned(0, &nothing), Err(ScanError::Stuck(0)));
    let again = vec![fetched(3, &batch(0, &[("a", None)])); 20];
    assert_eq!(scanned(0, &again), Err(ScanError::Stuck(1)));
    let mut damaged = batch(0, &[("a", Some("1"))]);
    *damaged.last_mut().expect("a byte") ^= 1;
    assert_eq!(scanned(0, &[fetched(1, &damaged)]), Err(ScanError::Checksum(0)));
    assert!(matches!(scanned(0, &[fetched(1, &[7; 80])]), Err(ScanError::Records { offset: 0, .. })));
}

#[test]
fn a_bomb_ends_the_scan_before_it_fills_the_memory() {
    let _alone = alone();
    let mut builder = BatchBuilder::new();
    builder.push(0, None, Some(&vec![0; 200 << 20]));
    let plain = builder.build().expect("a batch").to_vec();
    let payload = zstd::encode_all(&plain[HEADER_LEN..], 1).expect("packed");
    let bomb = sealed(with_payload(&plain, 4, &payload));
    drop(plain);
    let (first, second) = (at_offset(bomb.clone(), 0), at_offset(bomb, 1));
    let answers = [fetched(2, &first), fetched(2, &second)];
    assert_eq!(scanned(0, &answers), Err(ScanError::TooMuch));
}

/// What the process holds is measured for one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(|e| e.into_inner())
}

/// Reads bytes as the answer to every call, and through a scan if they are records.
fn read_as_everything(bytes: &Bytes) {
    let _ = answer::<ApiVersions>(CORRELATION, bytes.clone());
    let _ = answer::<Metadata>(CORRELATION, bytes.clone());
    let _ = answer::<DescribeConfigs>(CORRELATION, bytes.clone());
    let _ = answer::<IncrementalAlterConfigs>(CORRELATION, bytes.clone());
    let _ = answer::<CreateTopic>(CORRELATION, bytes.clone());
    let _ = answer::<Produce>(CORRELATION, bytes.clone());
    let _ = answer::<EarliestOffset>(CORRELATION, bytes.clone());
    if let Ok(Ok(fetched)) = answer::<Fetch>(CORRELATION, bytes.clone()) {
        let _ = Scan::from(0).take(&fetched);
    }
}

/// A few bytes changed, one of them perhaps to a huge length or count; perhaps cut off, perhaps all made up.
fn damaged(valid: &Bytes, random: &mut SmallRng) -> Bytes {
    let mut bytes = valid.to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(4..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => drop(bytes.splice(at..=at, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            2 => drop(bytes.splice(at..=at, [0xc0, 0x84, 0x3d])),
            _ => bytes.truncate(at + 1),
        }
        if bytes.len() < 6 {
            bytes = std::iter::repeat_with(|| random.random()).take(64).collect();
            bytes[..4].copy_from_slice(&CORRELATION.to_be_bytes());
        }
    }
    Bytes::from(bytes)
}

#[test]
fn no_answer_can_break_or_swell_the_client() {
    let _alone = alone();
    let seed: u64 = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(rand::random);
    println!("SEED={seed}");
    let mut random = SmallRng::seed_from_u64(seed);
    let records = batch(0, &[("a", Some("1")), ("b", None)]);
    let valid = [
        versions_body(),
        metadata_body(),
        describe_body(),
        alter_body(ErrorCode::InvalidConfig),
        create_body(ErrorCode::None),
        produce_body(ErrorCode::InvalidRecord),
        offsets_body(),
        fetch_body(2, &records),
    ];
    let ((), held) = grown(|| {
        for round in 0..100_000 {
            read_as_everything(&damaged(&valid[round % valid.len()], &mut random));
        }
    });
    assert!(held <= 16 << 20, "SEED={seed}: {held} bytes held for answers of some hundred");
}
