//! The rules about what is inside a batch, and the codec it is stored with. Pure.
//!
//! What must always hold:
//! - The records are read only where the header cannot answer: the topic has another codec (`compression.type`), wants keys (it is
//!   compacted), limits how old or how large records may be, or the header's own timestamps break the rules.
//! - A batch that is read is refused with all its bad records, counted; a bounded number of them is named.
//!
//! Source: Apache Kafka, `LogValidator.validateRecord`, `processRecordErrors`, `BrokerCompressionType.targetCompression`.

use bytes::Bytes;
use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{self, Codec, RecordError, RecordFacts, Rewrite};

use crate::config::{CompressionType, LogConfig, TimestampType};
use crate::error::{AppendError, RecordFault, RejectedRecord, RejectedRecords};
use crate::log::AppendOrigin;

/// "No timestamp" on the wire.
const NO_TIMESTAMP: i64 = -1;
/// Bad records that are named; the others are counted.
const NAMED_MAX: usize = 100;

/// Whether an append of the batch reads its records: work for a thread that serves nobody else.
pub fn reads_records(header: &BatchHeader, origin: AppendOrigin, config: &LogConfig, now_ms: i64) -> bool {
    rewrite(header, origin, config).is_some() || Rules::new(header, origin, config, now_ms).need_records()
}

/// Checks the records of a batch as far as its log asks for, and gives the batch back as it is to be stored. The header's largest
/// timestamp is that of the records, if they were read.
///
/// # Errors
/// Bad records, records that cannot be read, or a batch that is too large with its new codec.
pub fn check_records(
    batch: Bytes,
    mut header: BatchHeader,
    origin: AppendOrigin,
    config: &LogConfig,
    now_ms: i64,
) -> Result<(Bytes, BatchHeader), AppendError> {
    let mut rules = Rules::new(&header, origin, config, now_ms);
    let record_bytes_max = config.max_decompressed_message_bytes.into();
    let Some(rewrite) = rewrite(&header, origin, config) else {
        if rules.need_records() {
            let read = records::inspect(&batch, record_bytes_max, |record| rules.look(record));
            rules.outcome(read)?;
            header.max_timestamp = rules.max_timestamp;
        }
        return Ok((batch, header));
    };
    let rewritten = records::recompress(&batch, &rewrite, record_bytes_max, |record| rules.look(record));
    let batch = Bytes::from(rules.outcome(rewritten)?);
    let header = BatchHeader::parse_whole(&batch).map_err(|error| AppendError::Corrupt(error.to_string()))?;
    Ok((batch, header))
}

/// How the batch is written anew, if its log has another codec. Coordinators write as they see fit.
fn rewrite(header: &BatchHeader, origin: AppendOrigin, config: &LogConfig) -> Option<Rewrite> {
    let (codec, level) = match config.compression.codec {
        CompressionType::Producer => return None,
        CompressionType::Uncompressed => (Codec::None, None),
        CompressionType::Gzip => (Codec::Gzip, Some(config.compression.gzip_level).filter(|level| *level > 0)),
        CompressionType::Snappy => (Codec::Snappy, None),
        CompressionType::Lz4 => (Codec::Lz4, None),
        CompressionType::Zstd => (Codec::Zstd, Some(config.compression.zstd_level)),
    };
    let other = origin == AppendOrigin::Client && codec as i16 != header.compression_id();
    other.then_some(Rewrite { codec, level, batch_bytes_max: config.max_message_bytes })
}

/// The rules for the records of one batch, and what broke them.
struct Rules<'a> {
    header: &'a BatchHeader,
    config: &'a LogConfig,
    keyed: bool,
    now_ms: i64,
    rejected: RejectedRecords,
    /// The largest timestamp seen.
    max_timestamp: i64,
}

impl<'a> Rules<'a> {
    fn new(header: &'a BatchHeader, origin: AppendOrigin, config: &'a LogConfig, now_ms: i64) -> Self {
        let keyed = origin == AppendOrigin::Client && config.cleanup.compact;
        Self { header, config, keyed, now_ms, rejected: RejectedRecords::default(), max_timestamp: NO_TIMESTAMP }
    }

    /// Whether the header alone cannot say that all is well.
    fn need_records(&self) -> bool {
        let bounded = self.config.max_decompressed_message_bytes < LogConfig::DECOMPRESSED_MESSAGE_BYTES_ANY;
        self.keyed || self.may_break_timestamps() || (bounded && self.header.compression_id() != 0)
    }

    /// The header names the first record's timestamp and the largest, not the smallest.
    fn may_break_timestamps(&self) -> bool {
        let brokers = self.header.is_log_append_time();
        let bad = |timestamp| self.timestamp_fault(timestamp, 0).is_some();
        let smallest_counts = self.creation_time() && !brokers && self.config.timestamp_before_max_ms != i64::MAX;
        smallest_counts || bad(self.header.max_timestamp) || (!brokers && bad(self.header.base_timestamp))
    }

    fn creation_time(&self) -> bool {
        self.config.timestamp_type == TimestampType::CreateTime
    }

    fn look(&mut self, record: &RecordFacts) {
        self.max_timestamp = self.max_timestamp.max(record.timestamp);
        let fault = match self.keyed && !record.has_key {
            true => Some(RecordFault::NoKey),
            false => self.timestamp_fault(record.timestamp, record.offset),
        };
        if let Some(fault) = fault {
            self.rejected.add(RejectedRecord { index: record.index, fault });
        }
    }

    /// In Kafka's arithmetic, which wraps.
    fn timestamp_fault(&self, timestamp: i64, offset: i64) -> Option<RecordFault> {
        if !self.creation_time() || timestamp == NO_TIMESTAMP {
            return self.header.is_log_append_time().then_some(RecordFault::BrokersTime { timestamp, offset });
        }
        let (before, after) = (self.config.timestamp_before_max_ms, self.config.timestamp_after_max_ms);
        let age = self.now_ms.wrapping_sub(timestamp);
        let outside = age > before || age.wrapping_neg() > after;
        let (min, max) = (self.now_ms.wrapping_sub(before), self.now_ms.wrapping_add(after));
        outside.then_some(RecordFault::Timestamp { timestamp, offset, min, max })
    }

    fn outcome<T>(&self, read: Result<T, RecordError>) -> Result<T, AppendError> {
        match read {
            Ok(_) | Err(RecordError::TooLarge(_)) if self.rejected.count > 0 => {
                Err(AppendError::Rejected(self.rejected.clone()))
            }
            Ok(read) => Ok(read),
            Err(RecordError::TooLarge(size)) => Err(AppendError::TooLarge { size, max: self.config.max_message_bytes }),
            Err(error) => Err(AppendError::InvalidRecord(error.to_string())),
        }
    }
}

impl RejectedRecords {
    fn add(&mut self, record: RejectedRecord) {
        self.count += 1;
        self.timestamps |= !matches!(record.fault, RecordFault::NoKey);
        if self.named.len() < NAMED_MAX {
            self.named.push(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use catena_protocol::records::BatchBuilder;

    use super::*;
    use crate::config::{CleanupPolicy, Compression};

    const NOW_MS: i64 = 1_800_000_000_000;

    fn batch_at(timestamps: &[i64]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        timestamps.iter().for_each(|timestamp| {
            builder.push(*timestamp, Some(b"k"), Some(b"value"));
        });
        builder.build().unwrap().to_vec()
    }

    fn keys(keys: &[Option<&[u8]>]) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        keys.iter().for_each(|key| {
            builder.push(NOW_MS, *key, Some(b"value"));
        });
        builder.build().unwrap().to_vec()
    }

    fn check(batch: &[u8], origin: AppendOrigin, config: &LogConfig) -> Result<(Bytes, BatchHeader), AppendError> {
        let header = BatchHeader::parse_whole(batch).unwrap();
        check_records(Bytes::copy_from_slice(batch), header, origin, config, NOW_MS)
    }

    /// Places and faults of the records that are named.
    fn rejected(batch: &[u8], config: &LogConfig) -> Vec<(i32, &'static str)> {
        match check(batch, AppendOrigin::Client, config) {
            Ok(_) => Vec::new(),
            Err(AppendError::Rejected(rejected)) => rejected.named.iter().map(named).collect(),
            Err(other) => panic!("{other}"),
        }
    }

    fn named(record: &RejectedRecord) -> (i32, &'static str) {
        let fault = match record.fault {
            RecordFault::NoKey => "no key",
            RecordFault::Timestamp { .. } => "timestamp",
            RecordFault::BrokersTime { .. } => "broker's time",
        };
        (record.index, fault)
    }

    fn limits() -> LogConfig {
        LogConfig { timestamp_before_max_ms: 10_000, timestamp_after_max_ms: 1_000, ..LogConfig::default() }
    }

    #[test]
    fn what_the_header_can_answer_is_not_read() {
        let config = LogConfig::default();
        let header = |batch: &[u8]| BatchHeader::parse_whole(batch).unwrap();
        let reads =
            |batch: &[u8], config: &LogConfig| reads_records(&header(batch), AppendOrigin::Client, config, NOW_MS);
        let plain = batch_at(&[NOW_MS, 5]);
        assert!(!reads(&plain, &config));
        assert!(reads(&plain, &limits()));
        assert!(reads(&batch_at(&[NOW_MS, NOW_MS + 3_600_001]), &config));
        assert!(reads(&plain, &LogConfig { cleanup: CleanupPolicy::COMPACT, ..config.clone() }));
        let zstd = Compression { codec: CompressionType::Zstd, ..Compression::default() };
        assert!(reads(&plain, &LogConfig { compression: zstd, ..config.clone() }));
        assert!(!reads_records(
            &header(&plain),
            AppendOrigin::Coordinator,
            &LogConfig { compression: zstd, ..config },
            NOW_MS
        ));
    }

    #[test]
    fn each_record_has_a_timestamp_of_its_own() {
        let (old, new) = (NOW_MS - 10_001, NOW_MS + 1_001);
        assert_eq!(rejected(&batch_at(&[NOW_MS, NOW_MS - 10_000, NOW_MS + 1_000, -1]), &limits()), []);
        assert_eq!(rejected(&batch_at(&[NOW_MS, old, NOW_MS, new]), &limits()), [(1, "timestamp"), (3, "timestamp")]);
        assert_eq!(rejected(&batch_at(&[old, NOW_MS]), &limits()), [(0, "timestamp")]);
    }

    #[test]
    fn a_base_that_is_no_records_timestamp_does_not_count() {
        let mut batch = batch_at(&[NOW_MS]);
        // The record's timestamp is the base and its delta.
        batch[27..35].copy_from_slice(&(NOW_MS + 5_000).to_be_bytes());
        batch[63] = 0x01;
        let header = BatchHeader::parse_whole(&batch).unwrap();
        assert!(reads_records(&header, AppendOrigin::Client, &limits(), NOW_MS));
        assert_eq!(rejected(&batch, &limits()), [(0, "timestamp")], "5 seconds ahead, less one millisecond");
    }

    #[test]
    fn the_brokers_time_is_not_the_producers_to_set() {
        let mut batch = batch_at(&[NOW_MS, NOW_MS]);
        batch[22] |= 0x08;
        let brokers = LogConfig { timestamp_type: TimestampType::LogAppendTime, ..LogConfig::default() };
        assert_eq!(rejected(&batch, &brokers), [(0, "broker's time"), (1, "broker's time")]);
        assert_eq!(rejected(&batch, &limits()), [], "with CreateTime Kafka takes it for the producer's");
        batch[35..43].copy_from_slice(&(-1_i64).to_be_bytes());
        assert_eq!(rejected(&batch, &limits()), [(0, "broker's time"), (1, "broker's time")]);
    }

    #[test]
    fn with_log_append_time_the_producers_clock_does_not_matter() {
        let config = LogConfig { timestamp_type: TimestampType::LogAppendTime, ..limits() };
        assert_eq!(rejected(&batch_at(&[0, i64::MAX, -7]), &config), []);
    }

    #[test]
    fn what_is_compacted_needs_keys() {
        let config = LogConfig { cleanup: CleanupPolicy::COMPACT, ..LogConfig::default() };
        assert_eq!(rejected(&keys(&[Some(b"a"), Some(b"")]), &config), []);
        assert_eq!(rejected(&keys(&[None, Some(b"a"), None]), &config), [(0, "no key"), (2, "no key")]);
        assert!(check(&keys(&[None]), AppendOrigin::Coordinator, &config).is_ok());
        let mut garbage = keys(&[Some(b"a")]);
        garbage[61] = 0x55;
        assert!(matches!(check(&garbage, AppendOrigin::Client, &config), Err(AppendError::InvalidRecord(_))));
    }

    #[test]
    fn a_batch_of_another_codec_is_written_anew_after_all_rules() {
        for codec in [CompressionType::Gzip, CompressionType::Snappy, CompressionType::Lz4, CompressionType::Zstd] {
            let config = LogConfig { compression: Compression { codec, ..Compression::default() }, ..limits() };
            let original = batch_at(&[NOW_MS, NOW_MS - 5]);
            let (stored, header) = check(&original, AppendOrigin::Client, &config).unwrap();
            assert!(header.compression_id() > 0 && header.size() == stored.len());
            assert_eq!(check(&stored, AppendOrigin::Client, &config).unwrap().0, stored, "its own codec stays");
            let plain = Compression { codec: CompressionType::Uncompressed, ..Compression::default() };
            let back = check(&stored, AppendOrigin::Client, &LogConfig { compression: plain, ..limits() }).unwrap().0;
            assert_eq!(back, original);
            assert_eq!(rejected(&batch_at(&[NOW_MS, 0]), &config), [(1, "timestamp")]);
        }
    }

    #[test]
    fn a_batch_that_grows_beyond_its_limit_is_too_large() {
        let codec = |codec| Compression { codec, ..Compression::default() };
        let zstd = LogConfig { compression: codec(CompressionType::Zstd), ..LogConfig::default() };
        let mut builder = BatchBuilder::new();
        let batch = builder.push(NOW_MS, None, Some(&[7; 50_000])).build().unwrap();
        let (small, _) = check(&batch, AppendOrigin::Client, &zstd).unwrap();
        let config = LogConfig {
            max_message_bytes: 10_000,
            compression: codec(CompressionType::Uncompressed),
            ..LogConfig::default()
        };
        assert!(small.len() < 10_000);
        let refused = check(&small, AppendOrigin::Client, &config);
        assert!(matches!(refused, Err(AppendError::TooLarge { max: 10_000, .. })));
        let limited = LogConfig { max_decompressed_message_bytes: 49_999, ..LogConfig::default() };
        assert!(matches!(check(&small, AppendOrigin::Client, &limited), Err(AppendError::InvalidRecord(_))));
        assert!(check(&batch, AppendOrigin::Client, &limited).is_ok(), "not compressed");
    }

    #[test]
    fn of_many_bad_records_some_are_named_and_all_are_counted() {
        let refused = check(&batch_at(&[0; 1_000]), AppendOrigin::Client, &limits());
        let Err(AppendError::Rejected(rejected)) = refused else { panic!("accepted") };
        assert_eq!((rejected.count, rejected.named.len(), rejected.timestamps), (1_000, NAMED_MAX, true));
    }
}
