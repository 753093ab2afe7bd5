//! What of the catalog's chains is still part of a log: segments below the log start are not, although a chain may list them yet.
//!
//! What must always hold: no segment with a record at or above the log start is left out. The last segment of an open chain stays, as
//! nobody knows yet where it ends.

use std::collections::HashMap;

use crate::catalog::{ChainRecord, PartitionRecord};
use crate::ids::PartitionId;

/// Where logs begin, those that do not begin at 0.
#[derive(Debug, Default)]
pub struct LogStarts(HashMap<PartitionId, i64>);

impl LogStarts {
    /// As these records say; of two about the same partition, the larger one counts.
    pub fn new(records: impl IntoIterator<Item = PartitionRecord>) -> Self {
        let mut starts = Self::default();
        for record in records {
            let start = starts.0.entry(record.id).or_default();
            *start = record.log_start.max(*start);
        }
        starts
    }

    /// The first offset that is kept of a partition.
    pub fn of(&self, partition: PartitionId) -> i64 {
        self.0.get(&partition).copied().unwrap_or(0)
    }

    /// The chain without what is below the log start.
    pub fn keep(&self, chain: ChainRecord) -> ChainRecord {
        let log_start = self.of(chain.partition);
        keep_above(log_start, chain)
    }
}

/// The chain without what is below `log_start`.
pub fn keep_above(log_start: i64, mut chain: ChainRecord) -> ChainRecord {
    let ends = chain.segments.iter().skip(1).map(|next| Some(next.base_offset)).chain([chain.end]);
    let below = ends.take_while(|end| end.is_some_and(|end| end <= log_start)).count();
    drop(chain.segments.drain(..below.min(chain.segments.len())));
    chain
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{ChainId, StoreId};
    use crate::segment::SegmentSummary;

    const PARTITION: PartitionId = PartitionId { topic: Uuid::from_u128(7), index: 3 };

    fn chain(start: i64, end: Option<i64>, bases: &[i64]) -> ChainRecord {
        let summary = |base_offset: &i64| SegmentSummary { base_offset: *base_offset, len: 1, max_timestamp: 1 };
        let id = ChainId { epoch: 1, sequence: 2, store: StoreId::new(3).unwrap() };
        ChainRecord {
            partition: PARTITION,
            id,
            counts_as: id,
            version: 0,
            start,
            end,
            segments: bases.iter().map(summary).collect(),
            replaces: Vec::new(),
            leader_epochs: Vec::new(),
        }
    }

    #[test]
    fn segments_below_the_log_start_are_left_out() {
        #[rustfmt::skip]
        let cases = [
            ("nothing deleted",                   0,  Some(30), &[0, 10, 20][..]),
            ("within the first",                  9,  Some(30), &[0, 10, 20]),
            ("the first",                         10, Some(30), &[10, 20]),
            ("within the last",                   29, Some(30), &[20]),
            ("all",                               30, Some(30), &[]),
            ("within the last of an open chain",  99, None,     &[20]),
        ];
        for (what, log_start, end, left) in cases {
            let starts = LogStarts::new([0, log_start, 0].map(|log_start| PartitionRecord {
                id: PARTITION,
                log_start,
                cleaned_to: 0,
            }));
            let kept = starts.keep(chain(0, end, &[0, 10, 20]));
            let bases: Vec<_> = kept.segments.iter().map(|segment| segment.base_offset).collect();
            assert_eq!(bases, left, "{what}");
            assert_eq!((kept.start, kept.end), (0, end), "{what}");
        }
    }

    #[test]
    fn other_partitions_begin_at_0() {
        assert_eq!(LogStarts::default().of(PARTITION), 0);
        assert_eq!(LogStarts::default().keep(chain(5, None, &[])).segments, []);
    }
}
