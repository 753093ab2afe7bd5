//! Records as a reader of a compacted topic sees them, and the model of what should be left.

use std::collections::BTreeMap;

use bytes::Bytes;
use compat_tests::wire::batch::BatchView;
use compat_tests::wire::{Connection, Topic};
use kafka_protocol::records::RecordBatchDecoder;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub offset: i64,
    pub timestamp: i64,
    pub key: Bytes,
    pub value: Option<Bytes>,
    pub headers: Vec<(String, Bytes)>,
}

/// The last record of each key, in the order of offsets.
pub fn last_of_each_key(rows: &[Row]) -> Vec<Row> {
    let last: BTreeMap<&Bytes, &Row> = rows.iter().map(|row| (&row.key, row)).collect();
    let mut left: Vec<Row> = last.into_values().cloned().collect();
    left.sort_by_key(|row| row.offset);
    left
}

/// The records of a partition below `end`, and the batches they came in.
pub fn read(connection: &mut Connection, topic: &Topic, partition: i32, end: i64) -> (Vec<Row>, Vec<BatchView>) {
    let mut batches = connection.read_partition(topic, partition, 0).unwrap();
    batches.retain(|batch| batch.base_offset < end);
    assert!(batches.iter().all(BatchView::crc_matches));
    let rows = batches.iter().flat_map(rows_of).filter(|row| row.offset < end).collect();
    (rows, batches)
}

/// The records of a batch.
pub fn rows_of(batch: &BatchView) -> Vec<Row> {
    if batch.count == 0 {
        return Vec::new();
    }
    let set = RecordBatchDecoder::decode(&mut batch.decompressed().unwrap().bytes).unwrap();
    let row = |record: kafka_protocol::records::Record| Row {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.unwrap_or_default(),
        value: record.value,
        headers: record
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.clone().unwrap_or_default()))
            .collect(),
    };
    set.records.into_iter().map(row).collect()
}
