//! What a record batch must be like before it may enter a log. Pure: header fields, one CRC, and the clock passed in.
//!
//! What must always hold: a batch that passes has a right CRC, offsets and count that agree, and a codec readers know;
//! nothing here looks into the records, so the cost does not depend on how many there are (the CRC reads the bytes once).
//! What is inside is the business of `record_check`.
//!
//! Source: Apache Kafka, `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords`, `LogValidator`.

use bytes::Bytes;
use catena_protocol::batch::{self, BatchError, BatchHeader, HEADER_LEN, MAGIC};

use crate::record_check::check_records;
use crate::{AppendError, AppendOrigin, LogConfig};

/// Largest compression codec id that has a meaning (zstd).
const MAX_COMPRESSION_ID: i16 = 4;

/// Checks that `records` is exactly one batch that `config` lets in, and gives it as it is to be stored.
///
/// # Errors
/// The first rule that is broken, in Kafka's order.
pub fn check_append(
    records: Bytes,
    origin: AppendOrigin,
    config: &LogConfig,
    now_ms: i64,
) -> Result<(Bytes, BatchHeader), AppendError> {
    let header = one_batch(&records)?;
    if origin == AppendOrigin::Client {
        check_client_rules(&header)?;
    }
    check_size(&header, config)?;
    check_crc(&records, &header)?;
    check_counts(&header)?;
    check_codec(&header)?;
    let (records, header) = check_records(records, header, origin, config, now_ms)?;
    check_segment(&header, config)?;
    Ok((records, header))
}

fn one_batch(records: &[u8]) -> Result<BatchHeader, AppendError> {
    if records.is_empty() {
        return Err(AppendError::InvalidRecord("a produce request must contain exactly one record batch".into()));
    }
    let header = BatchHeader::parse_whole(records).map_err(|error| match error {
        // Old formats are shorter; what is long enough to show its magic says which one it is.
        BatchError::Truncated { .. } if records.len() < HEADER_LEN => match records.get(16) {
            Some(&magic) if magic as i8 != MAGIC => AppendError::UnsupportedMagic(magic as i8),
            _ => AppendError::Corrupt(error.to_string()),
        },
        BatchError::UnsupportedMagic(magic) => AppendError::UnsupportedMagic(magic),
        other => AppendError::Corrupt(other.to_string()),
    })?;
    if header.size() != records.len() {
        return Err(AppendError::InvalidRecord("a produce request must contain exactly one record batch".into()));
    }
    Ok(header)
}

fn check_client_rules(header: &BatchHeader) -> Result<(), AppendError> {
    if header.base_offset != 0 {
        let found = header.base_offset;
        return Err(AppendError::InvalidRecord(format!("the base offset of the batch should be 0, but it is {found}")));
    }
    if header.is_control() {
        return Err(AppendError::InvalidRecord("clients are not allowed to write control records".into()));
    }
    if header.is_transactional() {
        return Err(AppendError::InvalidTransaction("the producer has no ongoing transaction".into()));
    }
    if header.has_producer_id() && (header.base_sequence < 0 || header.producer_epoch < 0) {
        let (sequence, id) = (header.base_sequence, header.producer_id);
        return Err(AppendError::InvalidRecord(format!("invalid sequence number {sequence} of producer id {id}")));
    }
    Ok(())
}

fn check_size(header: &BatchHeader, config: &LogConfig) -> Result<(), AppendError> {
    let size = header.size();
    if size > config.max_message_bytes {
        return Err(AppendError::TooLarge { size, max: config.max_message_bytes });
    }
    Ok(())
}

fn check_segment(header: &BatchHeader, config: &LogConfig) -> Result<(), AppendError> {
    let (size, max) = (header.size(), config.segment_bytes as usize);
    if size > max { Err(AppendError::LargerThanSegment { size, max }) } else { Ok(()) }
}

fn check_crc(records: &[u8], header: &BatchHeader) -> Result<(), AppendError> {
    if batch::crc_matches(records, header) {
        return Ok(());
    }
    Err(AppendError::Corrupt(format!("record is corrupt (stored crc = {})", header.crc)))
}

fn check_counts(header: &BatchHeader) -> Result<(), AppendError> {
    let from_offsets = i64::from(header.last_offset_delta) + 1;
    if from_offsets <= 0 || from_offsets != i64::from(header.record_count) {
        return Err(AppendError::InvalidRecord(format!(
            "inconsistent batch offset range: {from_offsets} offsets, {} records",
            header.record_count
        )));
    }
    Ok(())
}

fn check_codec(header: &BatchHeader) -> Result<(), AppendError> {
    match header.compression_id() {
        0..=MAX_COMPRESSION_ID => Ok(()),
        unknown => Err(AppendError::UnsupportedCompression(unknown)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_800_000_000_000;

    fn config() -> LogConfig {
        LogConfig { max_message_bytes: 1_000, segment_bytes: 2_000, ..LogConfig::default() }
    }

    /// A batch of `len` bytes with one record's worth of header fields; `edit` changes it before the CRC is set.
    fn batch(len: usize, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[8..12].copy_from_slice(&(len as i32 - 12).to_be_bytes());
        bytes[16] = MAGIC as u8;
        bytes[27..35].copy_from_slice(&NOW_MS.to_be_bytes());
        bytes[35..43].copy_from_slice(&NOW_MS.to_be_bytes());
        bytes[43..57].fill(0xff);
        bytes[57..61].copy_from_slice(&1_i32.to_be_bytes());
        edit(&mut bytes);
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    fn put<const N: usize>(at: usize, value: [u8; N]) -> impl FnOnce(&mut Vec<u8>) {
        move |bytes| bytes[at..at + N].copy_from_slice(&value)
    }

    fn refusal(records: &[u8]) -> String {
        match check_append(Bytes::copy_from_slice(records), AppendOrigin::Client, &config(), NOW_MS) {
            Ok(_) => "accepted".into(),
            Err(error) => format!("{error:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn each_rule_has_its_answer() {
        let mut wrong_crc = batch(100, |_| ());
        wrong_crc[80] ^= 1;
        let two: Vec<u8> = [batch(100, |_| ()), batch(100, |_| ())].concat();
        #[rustfmt::skip]
        let cases: &[(&str, Vec<u8>, &str)] = &[
            ("a plain batch",                    batch(100, |_| ()),                                        "accepted"),
            ("no bytes",                         vec![],                                                    "InvalidRecord"),
            ("two batches",                      two,                                                       "InvalidRecord"),
            ("a cut batch",                      batch(100, |_| ())[..99].to_vec(),                         "Corrupt"),
            ("a flipped bit",                    wrong_crc,                                                 "Corrupt"),
            ("magic 1",                          batch(100, |b| b[16] = 1),                                 "UnsupportedMagic"),
            ("a short message of magic 0",       vec![0; 30],                                               "UnsupportedMagic"),
            ("length below the header",          batch(100, put(8, 20_i32.to_be_bytes())),                  "Corrupt"),
            ("negative length",                  batch(100, put(8, (-5_i32).to_be_bytes())),                "Corrupt"),
            ("base offset other than 0",         batch(100, put(0, 5_i64.to_be_bytes())),                   "InvalidRecord"),
            ("a control batch",                  batch(100, |b| b[22] = 0x20),                              "InvalidRecord"),
            ("a transactional batch",            batch(100, |b| b[22] = 0x10),                              "InvalidTransaction"),
            ("codec 5",                          batch(100, |b| b[22] = 5),                                 "UnsupportedCompression"),
            ("zstd",                             batch(100, |b| b[22] = 4),                                 "accepted"),
            ("no records",                       batch(100, put(57, 0_i32.to_be_bytes())),                  "InvalidRecord"),
            ("fewer records than offsets",       batch(100, put(23, 1_i32.to_be_bytes())),                  "InvalidRecord"),
            ("negative offset delta",            batch(100, put(23, (-2_i32).to_be_bytes())),               "InvalidRecord"),
            ("producer id without sequence",     batch(100, put(43, 9_i64.to_be_bytes())),                  "InvalidRecord"),
            ("max.message.bytes reached",        batch(1_000, |_| ()),                                      "accepted"),
            ("max.message.bytes exceeded",       batch(1_001, |_| ()),                                      "TooLarge"),
            ("no timestamp",                     batch(100, |b| b[27..43].fill(0xff)),                      "accepted"),
        ];
        for (what, records, expected) in cases {
            assert_eq!(&refusal(records), expected, "{what}");
        }
    }

    #[test]
    fn a_batch_larger_than_a_segment_is_refused_even_where_messages_may_be_larger() {
        let config = LogConfig { max_message_bytes: 10_000, ..config() };
        let answer = check_append(batch(2_001, |_| ()).into(), AppendOrigin::Client, &config, NOW_MS);
        assert!(matches!(answer, Err(AppendError::LargerThanSegment { size: 2_001, max: 2_000 })));
    }

    #[test]
    fn the_coordinator_may_write_control_batches() {
        let records = batch(100, |b| b[22] = 0x20);
        assert!(check_append(records.into(), AppendOrigin::Coordinator, &config(), NOW_MS).is_ok());
    }
}
