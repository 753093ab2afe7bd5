//! What the catalog says of the batches of a segment beside their bytes: offsets and leader epochs, which their CRC does not cover.
//!
//! What must always hold: a batch that does not fit is never served, copied or compacted; where nothing is known everything fits.

use catena_protocol::batch::BatchHeader;

use crate::catalog::{ChainRecord, LeaderEpoch};
use crate::ids::ChainId;

/// Before any offset: the one that comes next is not known.
pub const ANY_OFFSET: i64 = i64::MIN;

/// What the batches of a segment must be like.
#[derive(Debug)]
pub struct Lineage {
    /// Whether no offset is left out, as in everything but a copy.
    dense: bool,
    /// The offset after the last one.
    end: i64,
    /// The epoch of the first ones, if it is known.
    epoch: Option<i32>,
    /// Later epochs.
    epochs: Vec<LeaderEpoch>,
}

impl Lineage {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self { dense: false, end: i64::MAX, epoch: None, epochs: Vec::new() }
    }

    /// Of a segment of `chain` that this start writes.
    pub fn written(chain: ChainId) -> Self {
        Self { dense: true, epoch: Some(chain.leader_epoch()), ..Self::unknown() }
    }

    /// Of a segment of `chain` that ends before `end`.
    pub fn of(chain: &ChainRecord, end: i64) -> Self {
        let (epoch, epochs) = (Some(chain.id.leader_epoch()), chain.leader_epochs.clone());
        Self { dense: !is_copy(chain), end, epoch, epochs }
    }

    /// The offset of the batch that comes when the ones before it end at `next`; None where it may be a later one.
    pub fn exact(&self, next: i64) -> Option<i64> {
        Some(next).filter(|next| self.dense && *next != ANY_OFFSET)
    }

    /// Whether a batch may have this header, when the ones before it end at `next`.
    pub fn fits(&self, header: &BatchHeader, next: i64) -> bool {
        let in_row = self.exact(next).map_or(header.base_offset >= next, |exact| header.base_offset == exact);
        let epoch = self.epoch.map(|first| epoch_at(&self.epochs, first, header.base_offset));
        in_row && header.next_offset() <= self.end && epoch.is_none_or(|epoch| epoch == header.partition_leader_epoch)
    }
}

/// Whether offsets may be left out: what was compacted or moved once.
pub fn is_copy(chain: &ChainRecord) -> bool {
    chain.counts_as != chain.id || !chain.replaces.is_empty() || !chain.leader_epochs.is_empty()
}

/// The leader epoch of the batch of `chain` at `offset`.
pub fn leader_epoch(chain: &ChainRecord, offset: i64) -> i32 {
    epoch_at(&chain.leader_epochs, chain.id.leader_epoch(), offset)
}

fn epoch_at(epochs: &[LeaderEpoch], first: i32, offset: i64) -> i32 {
    let known = epochs.iter().rev().find(|known| known.start <= offset);
    known.map_or(first, |known| i32::try_from(known.epoch).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::StoreId;

    const EPOCH: u32 = 7;

    fn chain() -> ChainId {
        ChainId { epoch: EPOCH, sequence: 1, store: StoreId::new(5).unwrap() }
    }

    /// Two records.
    fn batch(base_offset: i64, epoch: i32) -> BatchHeader {
        let mut bytes = [0; catena_protocol::batch::HEADER_LEN];
        (bytes[11], bytes[16]) = (49, 2);
        let header = BatchHeader::parse(&bytes).unwrap();
        BatchHeader { base_offset, partition_leader_epoch: epoch, last_offset_delta: 1, ..header }
    }

    #[test]
    fn offsets_and_epochs_must_be_those_that_are_known() {
        let copied = vec![LeaderEpoch { epoch: 2, start: 0 }, LeaderEpoch { epoch: 4, start: 20 }];
        let copy = Lineage { end: 30, epochs: copied, ..Lineage::written(chain()) };
        let copy = Lineage { dense: false, ..copy };
        for (lineage, base_offset, epoch, next, fits) in [
            (&Lineage::unknown(), 5, 1, ANY_OFFSET, true),
            (&Lineage::unknown(), 5, 1, 6, false),
            (&Lineage::written(chain()), 5, 7, 5, true),
            (&Lineage::written(chain()), 6, 7, 5, false),
            (&Lineage::written(chain()), 4, 7, 5, false),
            (&Lineage::written(chain()), 5, 6, 5, false),
            (&Lineage::written(chain()), 5, 7, ANY_OFFSET, true),
            (&copy, 9, 2, 5, true),
            (&copy, 4, 2, 5, false),
            (&copy, 20, 4, 5, true),
            (&copy, 20, 2, 5, false),
            (&copy, 28, 4, 5, true),
            (&copy, 29, 4, 5, false),
            (&copy, i64::MAX, 4, 5, false),
        ] {
            assert_eq!(
                lineage.fits(&batch(base_offset, epoch), next),
                fits,
                "{lineage:?}: {base_offset}, {epoch}, {next}"
            );
        }
    }
}
