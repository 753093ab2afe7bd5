//! Topics, every codec, reading, seeking and errors: the exact lines that a library must print, and what its batches
//! look like on the wire.

use std::time::Duration;

use serde_json::{Value, json};

use super::kept::KEPT_IN;
use super::{Family, catena_with, on_both};
use crate::wire::Connection;
use crate::wire::batch::BatchView;
use crate::{Broker, program};

const DEADLINE: Duration = Duration::from_secs(300);
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
const VARIANTS: usize = 2 * CODECS.len();
const PARTITIONS: usize = 3;
const RECORDS: usize = 6;
const BASE_TIME: usize = 1_700_000_000_000;
const STEP_MS: usize = 1000;

/// Partition 1 has a record in every batch that every library finds worth compressing.
const COMPRESSED_PARTITION: i32 = 1;
const NO_PRODUCER_ID: i64 = -1;

/// Runs `family` on both brokers; both must give it exactly what the scenario says.
pub fn agree(family: &Family) {
    if family.available() {
        on_both(|broker| observe(family, broker, None));
    }
}

/// Runs `family` on a Catena that keeps everything in codec `kept`: it must see what it sees everywhere else.
pub fn agree_where_kept_in(kept: &str, family: &Family) {
    let codec = KEPT_IN.iter().position(|name| *name == kept).unwrap_or_else(|| panic!("{kept} is no codec"));
    if family.available() {
        observe(family, &catena_with(&[("compression.type", kept)]), Some(codec));
    }
}

/// What `family` sees; the broker keeps batches in one codec, or as they are produced.
fn observe(family: &Family, broker: &dyn Broker, kept: Option<usize>) -> Vec<Value> {
    let mut command = family.command("basics", broker);
    command.arg(family.name);
    let output = program::run(command, DEADLINE);
    let lines = output.json_lines();
    let context = || format!("{} on {}\n{output}", family.name, broker.name());
    for (line, expected) in lines.iter().zip(&expected(family)) {
        assert_eq!(line, expected, "{}", context());
    }
    assert_eq!(lines.len(), expected(family).len(), "{}", context());
    assert!(output.status.is_some_and(|status| status.success()), "{}", context());
    assert_batches_are_as_asked_for(family, broker, kept);
    lines
}

fn expected(family: &Family) -> Vec<Value> {
    let mut lines = vec![
        json!({"step": "create", "codes": [0, 36], "partitions": [0, 1, 2]}),
        json!({"step": "delete", "codes": [0, 0, 3]}),
        json!({"step": "auto create", "offsets": [0], "partitions": [0]}),
    ];
    lines.extend((0..VARIANTS).map(|variant| {
        let (codec, idempotent, first) = (CODECS[variant / 2], variant % 2 == 1, 2 * variant);
        let offsets: Vec<usize> = (0..RECORDS).map(|number| first + number / PARTITIONS).collect();
        json!({"step": "produce", "codec": codec, "idempotent": idempotent, "offsets": offsets})
    }));
    for partition in 0..PARTITIONS {
        let offsets = 0..VARIANTS * RECORDS / PARTITIONS;
        lines.extend(offsets.map(|offset| record(partition, offset, family.null_headers)));
    }
    lines.extend([
        json!({"step": "seek", "offsets": [3, 4]}),
        json!({"step": "time", "before all": 0, "exact": 3, "between": 4, "after all": null}),
        json!({"step": "error", "case": "too large", "code": 10}),
        json!({"step": "error", "case": "unknown topic", "code": 3}),
        json!({"step": "error", "case": "bad topic name", "code": 17}),
        json!({"step": "error", "case": "no partitions", "code": 37}),
    ]);
    lines
}

/// The record at `offset`: every way to produce leaves two records in each partition.
fn record(partition: usize, offset: usize, null_headers: bool) -> Value {
    let (variant, number) = (offset / 2, partition + offset % 2 * PARTITIONS);
    let codec = CODECS[variant / 2];
    let value = match number {
        2 => Value::Null,
        3 => json!(""),
        4 => json!("3000 x"),
        _ => json!(format!("{codec}-{variant}-{number}")),
    };
    let headers = match number {
        0 => json!([]),
        5 if null_headers => json!([["a", "1"], ["a", "2"], ["empty", ""], ["null", null]]),
        5 => json!([["a", "1"], ["a", "2"], ["empty", ""]]),
        _ => json!([["codec", codec]]),
    };
    json!({
        "step": "read", "partition": partition, "offset": offset,
        "key": (number != 1).then(|| format!("key-{number}")), "value": value, "headers": headers,
        "timestamp": BASE_TIME + (variant * RECORDS + number) * STEP_MS,
    })
}

fn assert_batches_are_as_asked_for(family: &Family, broker: &dyn Broker, kept: Option<usize>) {
    let read = || {
        let mut connection = Connection::to(broker)?;
        let topic = connection.topic(&format!("{}-codecs", family.name))?;
        connection.read_partition(&topic, COMPRESSED_PARTITION, 0)
    };
    let batches: Vec<BatchView> = read().unwrap_or_else(|e| panic!("{} on {}: {e}", family.name, broker.name()));
    for variant in 0..VARIANTS {
        let large = 2 * variant as i64 + 1;
        let batch = batches.iter().find(|batch| (batch.base_offset..batch.next_offset()).contains(&large));
        let batch = batch.unwrap_or_else(|| panic!("no batch with offset {large}"));
        assert!(batch.crc_matches());
        let codec = CODECS[kept.unwrap_or(variant / 2)];
        assert_eq!(CODECS[batch.codec()], codec, "{} on {}: {batch:?}", family.name, broker.name());
        let idempotent = batch.producer().0 != NO_PRODUCER_ID;
        assert_eq!(idempotent, variant % 2 == 1, "{} on {}: {batch:?}", family.name, broker.name());
    }
}
