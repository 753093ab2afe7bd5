//! The response of DescribeLogDirs (35), versions 1 to 5.
//!
//! v2 is flexible, v3 adds an error of its own, v4 the room in each directory (KIP-827), v5 whether it is cordoned (KIP-1066).

use bytes::BytesMut;
use kafka_protocol::protocol::StrBytes;

use crate::bounds;
use crate::codec::Writer;
use crate::message::{Response, Unsayable};

const KEY: i16 = 35;

/// The directories of a broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeLogDirsResponse {
    /// For how long the client was slowed down, in milliseconds.
    pub throttle_time_ms: i32,
    /// What went wrong.
    pub error_code: i16,
    /// By directory.
    pub results: Vec<DescribeLogDirsResult>,
}

/// A directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeLogDirsResult {
    /// What is wrong with it.
    pub error_code: i16,
    /// Its absolute path.
    pub log_dir: StrBytes,
    /// What is there.
    pub topics: Vec<DescribeLogDirsTopic>,
    /// Bytes of its file system; -1 if unknown.
    pub total_bytes: i64,
    /// Bytes that can be used; -1 if unknown.
    pub usable_bytes: i64,
    /// Whether it gets no new partitions.
    pub is_cordoned: bool,
}

/// A topic in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeLogDirsTopic {
    /// Its name.
    pub name: StrBytes,
    /// Its partitions there.
    pub partitions: Vec<DescribeLogDirsPartition>,
}

/// A partition in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DescribeLogDirsPartition {
    /// Its index.
    pub partition_index: i32,
    /// Bytes there.
    pub partition_size: i64,
    /// Offsets that are missing there.
    pub offset_lag: i64,
    /// Whether it is on its way there.
    pub is_future_key: bool,
}

impl Response for DescribeLogDirsResponse {
    fn encode(&self, version: i16, out: &mut BytesMut) -> Result<(), Unsayable> {
        let mut writer = Writer::new(out, version, bounds::is_flexible(KEY, version));
        writer.int32(self.throttle_time_ms);
        if writer.since(3) {
            writer.int16(self.error_code);
        }
        writer.array(&self.results, put_result);
        writer.no_tags();
        writer.finish()
    }
}

fn put_result(writer: &mut Writer<'_>, result: &DescribeLogDirsResult) {
    writer.int16(result.error_code);
    writer.string(&result.log_dir);
    writer.array(&result.topics, |writer, topic| {
        writer.string(&topic.name);
        writer.array(&topic.partitions, put_partition);
        writer.no_tags();
    });
    if writer.since(4) {
        writer.int64(result.total_bytes);
        writer.int64(result.usable_bytes);
    }
    if writer.since(5) {
        writer.boolean(result.is_cordoned);
    }
    writer.no_tags();
}

fn put_partition(writer: &mut Writer<'_>, partition: &DescribeLogDirsPartition) {
    writer.int32(partition.partition_index);
    writer.int64(partition.partition_size);
    writer.int64(partition.offset_lag);
    writer.boolean(partition.is_future_key);
    writer.no_tags();
}
