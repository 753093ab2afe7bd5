//! What becomes of a batch when it is appended, on Catena and on Apache Kafka 4.4.0: the answer with its bad records and
//! texts, and the stored header and records, for every pair of codecs and for the rules about timestamps, keys and sizes.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use compat_tests::catena::Options;
use compat_tests::wire::batch::{BatchBuilder, BatchView, NO_PRODUCER, Producer, batches, seal};
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use compat_tests::{Broker, Catena, Kafka, java};
use kafka_protocol::messages::ProduceRequest;

const CODECS: [&str; 5] = ["uncompressed", "gzip", "snappy", "lz4", "zstd"];
const PRODUCE_VERSION: i16 = 13;
const HEADER_LEN: usize = 61;

/// A batch for a topic with some settings.
struct Case {
    name: String,
    configs: Vec<(&'static str, String)>,
    batch: Vec<u8>,
}

fn case(name: impl ToString, configs: &[(&'static str, &str)], batch: Vec<u8>) -> Case {
    let configs = configs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { name: name.to_string(), configs, batch }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Sends the batch twice, as a client that did not get the first answer, and says what was answered and stored.
fn play(broker: &dyn Broker, topic: &str, case: &Case) -> Vec<String> {
    let mut connection = Connection::to(broker).unwrap();
    let configs: Vec<_> = case.configs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let topic = connection.create_topic(topic, 1, &configs).unwrap();
    let mut said = vec![answer(&mut connection, &topic, &case.batch)];
    if case.batch[43] != 0xff {
        said.push(answer(&mut connection, &topic, &case.batch));
    }
    said.extend(stored(&mut connection, &topic).iter().map(header));
    said
}

fn answer(connection: &mut Connection, topic: &Topic, batch: &[u8]) -> String {
    ProduceFrame::build(topic, ProduceHeader::default(), &[(0, batch)]).send(connection).unwrap();
    let response = connection.receive::<ProduceRequest>(PRODUCE_VERSION).unwrap();
    let partition = &response.responses[0].partition_responses[0];
    let errors = partition.record_errors.iter().map(|error| {
        let text = error.batch_index_error_message.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{}: {}", error.batch_index, without_clock(&text))
    });
    format!(
        "error {}, offset {}, time {}, start {}, records {:?}, text {:?}",
        partition.error_code,
        partition.base_offset,
        time(partition.log_append_time_ms),
        partition.log_start_offset,
        errors.collect::<Vec<_>>(),
        partition.error_message.as_ref().map(|text| without_clock(text)),
    )
}

/// Kafka's range of timestamps depends on when the request came, and its words for a record on what is in it.
fn without_clock(text: &str) -> String {
    let text = text.split(" within [").next().unwrap_or_default();
    text.split(" in message ").next().unwrap_or_default().to_owned()
}

/// The broker's own time is not the same on both.
fn time(timestamp: i64) -> String {
    if (now_ms() - timestamp).abs() < 20_000 { "now".to_owned() } else { timestamp.to_string() }
}

fn header(batch: &BatchView) -> String {
    assert!(batch.crc_matches());
    let number = |from: usize, to: usize| batch.bytes[from..to].iter().fold(0_i64, |n, byte| n << 8 | i64::from(*byte));
    format!(
        "attributes {}, last offset {}, base time {}, largest {}, producer {:?}, count {}",
        number(21, 23),
        number(23, 27),
        number(27, 35),
        time(number(35, 43)),
        batch.producer(),
        batch.count
    )
}

fn stored(connection: &mut Connection, topic: &Topic) -> Vec<BatchView> {
    if connection.end_offsets(topic, &[0]).unwrap() == [0] {
        return Vec::new();
    }
    connection.read_partition(topic, 0, 0).unwrap()
}

/// The batch in every codec, compressed by Apache Kafka.
fn in_all_codecs(kafka: &dyn Broker, name: &str, batch: &[u8]) -> Vec<Vec<u8>> {
    CODECS.map(|codec| converted(kafka, &format!("{name}-{codec}"), codec, batch)).to_vec()
}

/// The batch as `broker` stores it in a topic of the codec, fit for being produced again.
fn converted(broker: &dyn Broker, topic: &str, codec: &str, batch: &[u8]) -> Vec<u8> {
    let mut connection = Connection::to(broker).unwrap();
    let topic = connection.create_topic(topic, 1, &[("compression.type", codec)]).unwrap();
    connection.produce(&topic, 0, batch).unwrap();
    let found = connection.read_partition(&topic, 0, 0).unwrap();
    let mut bytes = found[0].bytes.to_vec();
    bytes[12..16].fill(0xff);
    bytes
}

fn sample(producer: Producer) -> Vec<u8> {
    // The first record has the base timestamp, as writers do it: then the bytes stay when the batch is written anew.
    let now = now_ms();
    let mut builder = BatchBuilder::new(now);
    for index in 0..300_i64 {
        let key = format!("key {}", index % 7);
        builder.push_at(now - index % 5, (index % 3 > 0).then_some(key.as_bytes()), Some(&[index as u8; 200]));
    }
    let sequence = if producer.id < 0 { -1 } else { 0 };
    builder.push(Some(b"no value"), None).push(Some(b""), Some(b"")).build_for(producer, sequence)
}

#[test]
fn batches_are_stored_in_their_topics_codec() {
    if !java::available() {
        return;
    }
    let (kafka, catena) = (Kafka::shared(), Catena::start(Options::new()));
    let plain = sample(Producer { id: 4_000, epoch: 2 });
    let sources = in_all_codecs(kafka, "source", &plain);
    let pairs = CODECS.iter().zip(&sources).flat_map(|source| CODECS.map(|target| (source, target)));
    let cases: Vec<Case> = pairs
        .map(|((from, batch), to)| case(format!("{from} to {to}"), &[("compression.type", to)], batch.clone()))
        .collect();
    assert_alike(kafka, &catena, "codec", &cases);
}

#[test]
fn kafka_reads_what_catena_compressed() {
    if !java::available() {
        return;
    }
    let (kafka, catena) = (Kafka::shared(), Catena::start(Options::new()));
    let plain = sample(NO_PRODUCER);
    for codec in &CODECS[1..] {
        let compressed = converted(&catena, &format!("to-{codec}"), codec, &plain);
        assert_eq!(
            batches(&Bytes::from(compressed.clone()))[0].codec(),
            CODECS.iter().position(|c| c == codec).unwrap()
        );
        let back = converted(kafka, &format!("back-from-{codec}"), "uncompressed", &compressed);
        assert_eq!(back[HEADER_LEN..], plain[HEADER_LEN..], "{codec}");
    }
}

fn at(timestamps: &[i64]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(timestamps[0]);
    timestamps.iter().for_each(|timestamp| {
        builder.push_at(*timestamp, Some(b"k"), Some(b"value"));
    });
    builder.build()
}

/// Changes bytes of a batch and makes its CRC right again.
fn edited(mut batch: Vec<u8>, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    edit(&mut batch);
    seal(&mut batch);
    batch
}

const BROKERS_TIME: u8 = 0x08;

fn timestamp_cases(kafka: &dyn Broker) -> Vec<Case> {
    let now = now_ms();
    let (old, new) = (now - 3_600_000, now + 3_600_000);
    let minute = [("message.timestamp.before.max.ms", "600000"), ("message.timestamp.after.max.ms", "600000")];
    let brokers = [("message.timestamp.type", "LogAppendTime")];
    let claims = |batch: Vec<u8>| edited(batch, |bytes| bytes[22] |= BROKERS_TIME);
    let largest = |batch: Vec<u8>, to: i64| edited(batch, |bytes| bytes[35..43].copy_from_slice(&to.to_be_bytes()));
    let mut cases = vec![
        case("all in range", &minute, at(&[now, now - 500_000, now + 500_000])),
        case("no timestamps", &minute, at(&[-1, -1])),
        case("the first is old", &minute, at(&[old, now])),
        case("one in the middle is old, another new", &minute, at(&[now, old, now, new])),
        case("negative ones", &minute, at(&[now, -2])),
        case("negative ones where old ones may be", &minute[1..], at(&[now, -2])),
        case("the far future", &[], at(&[now, now + 2 * 3_600_000])),
        case("the largest is claimed too large", &minute, largest(at(&[now]), new)),
        case("the largest is claimed too small", &minute, largest(at(&[now - 5, now - 3]), now - 5)),
        case("LogAppendTime", &brokers, at(&[old, 5, -1, new])),
        case("a limit with LogAppendTime", &[brokers[0], minute[0]], at(&[5])),
        case("LogAppendTime claimed for a topic with it", &brokers, claims(at(&[now, now]))),
        case("LogAppendTime claimed for a topic without it", &minute, claims(largest(at(&[5, 6]), now - 300_000))),
        case("LogAppendTime claimed, out of range", &minute, claims(at(&[new, now]))),
        case("LogAppendTime claimed, no time", &[], claims(at(&[-1, -1]))),
    ];
    for (codec, batch) in CODECS.iter().zip(in_all_codecs(kafka, "times", &at(&[now, old, now, old]))) {
        cases.push(case(format!("old ones in {codec}"), &minute, batch.clone()));
        cases.push(case(format!("LogAppendTime of {codec}"), &brokers, batch.clone()));
        let zstd = [minute[0], ("compression.type", "zstd")];
        cases.push(case(format!("old ones in {codec} to zstd"), &zstd, batch.clone()));
        let zstd = [brokers[0], ("compression.type", "zstd")];
        cases.push(case(format!("LogAppendTime of {codec} to zstd"), &zstd, batch));
    }
    cases
}

#[test]
fn timestamps_are_checked_record_by_record_where_it_matters() {
    if !java::available() {
        return;
    }
    let kafka = Kafka::shared();
    assert_alike(kafka, &Catena::start(Options::new()), "time", &timestamp_cases(kafka));
}

fn content_cases(kafka: &dyn Broker) -> Vec<Case> {
    let now = now_ms();
    let compacted = [("cleanup.policy", "compact")];
    let zstd = [("compression.type", "zstd")];
    let small_records = [("max.decompressed.message.bytes", "100")];
    let mut no_keys = BatchBuilder::new(now);
    no_keys
        .push(None, Some(b"a"))
        .push(Some(b"k"), Some(b"b"))
        .push(None, Some(b"c"))
        .push(None, None)
        .push(None, None);
    let mut mixed = BatchBuilder::new(now);
    mixed.push(None, Some(b"a")).push_at(now + 7_200_000, Some(b"k"), None);
    let mut large = BatchBuilder::new(now);
    large.push(Some(b"k"), Some(&[5; 300])).push(Some(b"k"), Some(&[6; 50]));
    let compressed = in_all_codecs(kafka, "content", &large.build());
    let claims_three = |batch: &[u8]| {
        edited(batch.to_vec(), |bytes| {
            bytes[26] = 2;
            bytes[60] = 3;
        })
    };
    let mut cases = vec![
        case("no keys for a compacted topic", &compacted, no_keys.build()),
        case("no keys and a bad timestamp", &compacted, mixed.build()),
        case("no keys in another codec", &[compacted[0], zstd[0]], no_keys.build()),
        case("more records claimed than there are", &zstd, claims_three(&large.build())),
        case("fewer records claimed than there are", &zstd, edited(no_keys.build(), |b| (b[26], b[60]) = (1, 2))),
        case("a larger batch than allowed in another codec", &[("max.message.bytes", "150"), zstd[0]], large.build()),
        case("offsets that are not dense", &zstd, edited(at(&[now, now]), |bytes| bytes[HEADER_LEN + 3] = 2)),
        case("garbage", &zstd, edited(at(&[now]), |bytes| bytes[HEADER_LEN + 4] = 0x7e)),
    ];
    for (codec, batch) in CODECS.iter().zip(compressed) {
        cases.push(case(format!("a large record in {codec}"), &small_records, batch.clone()));
        let sizes = [("max.message.bytes", "250"), ("compression.type", "uncompressed")];
        cases.push(case(format!("{codec} unpacks to too much"), &sizes, batch));
    }
    cases
}

#[test]
fn keys_counts_and_sizes_are_checked_alike() {
    if !java::available() {
        return;
    }
    let kafka = Kafka::shared();
    assert_alike(kafka, &Catena::start(Options::new()), "content", &content_cases(kafka));
}

/// A text where Kafka has none is meant.
fn alike(expected: &[String], found: &[String]) -> bool {
    let without_text = |said: &String| said.split(", text ").next().unwrap_or_default().to_owned();
    expected.len() == found.len()
        && expected.iter().zip(found).all(|(expected, found)| match expected.strip_suffix(", text None") {
            Some(expected) => *expected == without_text(found),
            None => expected == found,
        })
}

/// Plays all cases on both brokers, and names every difference.
fn assert_alike(kafka: &dyn Broker, catena: &dyn Broker, prefix: &str, cases: &[Case]) {
    let mut different = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let topic = format!("{prefix}-case-{at}");
        let (expected, found) = (play(kafka, &topic, case), play(catena, &topic, case));
        if !alike(&expected, &found) {
            different.push(format!("{prefix} {}:\n  Kafka  {expected:#?}\n  Catena {found:#?}", case.name));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
