//! What a Produce answer says about the records for which a batch is refused, in Kafka's words.
//!
//! Source: Apache Kafka, `LogValidator.processRecordErrors`, `ProduceResponse.RecordError`.

use catena_protocol::messages::produce::BatchIndexAndErrorMessage;
use catena_storage::{RecordFault, RejectedRecord, RejectedRecords};
use kafka_protocol::protocol::StrBytes;

/// Records that the text names when they are refused for other reasons than their timestamps.
const NAMED_IN_TEXT: usize = 3;

/// The text for the whole batch; `partition` is `topic-index`.
pub fn message(rejected: &RejectedRecords, partition: &str) -> String {
    if rejected.timestamps {
        return "One or more records have been rejected due to invalid timestamp".to_owned();
    }
    let name = |record: &RejectedRecord| {
        format!("RecordError(batchIndex={}, message='{}')", record.index, text(&record.fault, partition))
    };
    let named: Vec<_> = rejected.named.iter().take(NAMED_IN_TEXT).map(name).collect();
    format!(
        "One or more records have been rejected due to {} record errors in total, and only showing the first three errors \
         at most: [{}]",
        rejected.count,
        named.join(", ")
    )
}

/// The list of bad records.
pub fn list(rejected: &RejectedRecords, partition: &str) -> Vec<BatchIndexAndErrorMessage> {
    let entry = |record: &RejectedRecord| BatchIndexAndErrorMessage {
        batch_index: record.index,
        batch_index_error_message: Some(StrBytes::from_string(text(&record.fault, partition))),
    };
    rejected.named.iter().map(entry).collect()
}

fn text(fault: &RecordFault, partition: &str) -> String {
    match fault {
        RecordFault::NoKey => {
            format!("Compacted topic cannot accept message without key in topic partition {partition}")
        }
        RecordFault::Timestamp { timestamp, offset, min, max } => format!(
            "Timestamp {timestamp} of message with offset {offset} is out of range. The timestamp should be within \
             [{min}, {max}]"
        ),
        RecordFault::BrokersTime { timestamp, offset } => format!(
            "Invalid timestamp type in message (offset={offset}, timestamp={timestamp}). Producer should not set timestamp \
             type to LogAppendTime."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_keys(count: u64) -> RejectedRecords {
        let named = (0..count as i32).map(|index| RejectedRecord { index, fault: RecordFault::NoKey }).collect();
        RejectedRecords { count, timestamps: false, named }
    }

    #[test]
    fn all_are_counted_and_three_are_named() {
        let text = message(&without_keys(5), "t-0");
        assert!(text.starts_with("One or more records have been rejected due to 5 record errors in total"), "{text}");
        assert_eq!(text.matches("RecordError(batchIndex=").count(), 3);
        assert!(text.ends_with("message='Compacted topic cannot accept message without key in topic partition t-0')]"));
        assert_eq!(list(&without_keys(5), "t-0").len(), 5);
    }

    #[test]
    fn one_bad_timestamp_decides_about_the_text() {
        let rejected = RejectedRecords { timestamps: true, ..without_keys(2) };
        assert_eq!(message(&rejected, "t-0"), "One or more records have been rejected due to invalid timestamp");
    }
}
