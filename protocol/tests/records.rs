//! The record reader against every codec's own writer, and against batches that lie.

mod batches;

use batches::*;
use catena_protocol::batch::HEADER_LEN;
use catena_protocol::records::{RecordError, RecordPosition, first_at_or_after, first_of_max_timestamp, records};

const LAST_OFFSET_DELTA_AT: usize = 23;
const MAX_TIMESTAMP_AT: usize = 35;
const RECORD_COUNT_AT: usize = 57;

#[test]
fn positions_are_the_same_whatever_the_codec() {
    for (name, codec, compress) in CODECS {
        for value_len in [0, 10, 3_000, 200_000] {
            let plain = sample(40, value_len);
            let batch = with_payload(&plain, codec, &compress(&plain[HEADER_LEN..]));
            let expected: Vec<_> = (0..40).map(|i| at(i, 1_000 + 10 * (i % 7))).collect();
            assert_eq!(positions(&batch), Ok(expected), "{name}, values of {value_len} bytes");
        }
    }
}

#[test]
fn a_timestamp_finds_the_first_record_that_is_not_older() {
    let batch = sample(40, 100);
    assert_eq!(first_at_or_after(&batch, 1_025, 0), Ok(Some(at(3, 1_030))));
    assert_eq!(first_at_or_after(&batch, 1_025, 4), Ok(Some(at(4, 1_040))));
    assert_eq!(first_at_or_after(&batch, 1_061, 0), Ok(None));
    assert_eq!(first_of_max_timestamp(&batch), Ok(Some(at(6, 1_060))));
}

#[test]
fn a_look_up_stops_reading_where_it_found_its_record() {
    let plain = sample(3, 10);
    let mut payload = plain[HEADER_LEN..].to_vec();
    payload.truncate(payload.len() - 5);
    let cut = with_payload(&plain, NONE, &payload);
    assert_eq!(first_at_or_after(&cut, 1_010, 0), Ok(Some(at(1, 1_010))));
    assert_eq!(first_at_or_after(&cut, 9_999, 0), Err(RecordError::Truncated));
}

#[test]
fn with_log_append_time_every_record_has_the_time_of_the_batch() {
    let mut batch = sample(3, 10);
    batch[ATTRIBUTES_AT + 1] |= 0x08;
    batch[MAX_TIMESTAMP_AT..MAX_TIMESTAMP_AT + 8].copy_from_slice(&5_555i64.to_be_bytes());
    assert_eq!(positions(&batch), Ok(vec![at(0, 5_555), at(1, 5_555), at(2, 5_555)]));
    assert!(records(&batch).unwrap().all(|record| record.unwrap().timestamp == 5_555));
    assert_eq!(first_of_max_timestamp(&batch), Ok(Some(at(0, 5_555))));
}

#[test]
fn lies_about_records_are_told() {
    let plain = sample(3, 10);
    let lie = |place: usize, value: i32| {
        let mut batch = plain.clone();
        batch[place..place + 4].copy_from_slice(&value.to_be_bytes());
        (positions(&batch).unwrap_err(), records(&batch).and_then(Iterator::collect::<Result<Vec<_>, _>>).unwrap_err())
    };
    let both = |error: RecordError| (error.clone(), error);
    assert_eq!(lie(RECORD_COUNT_AT, 4), both(RecordError::Truncated));
    assert_eq!(lie(RECORD_COUNT_AT, i32::MAX), both(RecordError::Truncated));
    assert_eq!(lie(RECORD_COUNT_AT, 2), both(RecordError::Invalid("bytes after the last record")));
    assert_eq!(lie(RECORD_COUNT_AT, -1), both(RecordError::Invalid("a negative number of records")));
    assert_eq!(lie(LAST_OFFSET_DELTA_AT, 1), both(RecordError::Invalid("an offset outside of the batch")));
    let unknown = with_payload(&plain, 5, &plain[HEADER_LEN..]);
    assert_eq!(positions(&unknown), Err(RecordError::UnknownCodec(5)));
    assert_eq!(records(&with_payload(&plain, ZSTD, b"")).err(), Some(RecordError::Compressed(ZSTD)));
}

fn at(offset: i64, timestamp: i64) -> RecordPosition {
    RecordPosition { offset, timestamp }
}
