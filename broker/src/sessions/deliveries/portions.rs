//! How many of the records that are available a member gets.
//!
//! What must always hold:
//! - To optimize for batches, whole ones are taken until there are enough records (KIP-932). With a record limit, not one
//!   too many (KIP-1206).
//! - A record that has had half of its deliveries is a suspect: it may be what makes members fail. A batch with suspects
//!   does not go together with others, and of suspects with each delivery half as many go together.
//! - The last delivery has the record alone, unless there are only two.

use super::acquire::AcquireMode;
use super::runs::Run;

/// The least number of deliveries that makes a suspect, however low the limit
/// (`SharePartition.MINIMUM_THROTTLE_RECORDS_DELIVERY_LIMIT`).
const SUSPECT_FROM_MIN: i16 = 2;

/// What is left to take.
pub(super) struct Portions {
    delivery_count_limit: i16,
    /// From here on nothing was handed out before.
    new_from: i64,
    /// How many suspects there are to take, as far as they would share one range.
    pub(super) suspects: i64,
    /// Not one record more than are left.
    is_exact: bool,
    /// Suspects were taken.
    is_throttled: bool,
    /// How many more records; may become negative.
    left: i64,
    taken: i64,
}

impl Portions {
    pub(super) fn new(delivery_count_limit: i16, mode: AcquireMode, records: i64, new_from: i64) -> Self {
        let is_exact = mode == AcquireMode::RecordLimit;
        Self { delivery_count_limit, new_from, suspects: 0, is_exact, is_throttled: false, left: records, taken: 0 }
    }

    /// Nothing more is to be taken.
    pub(super) fn is_done(&self) -> bool {
        self.left <= 0
    }

    /// After how many deliveries a record is a suspect: half of those it may have, rounded up
    /// (`SharePartition.throttleRecordsDeliveryLimit`).
    pub(super) fn suspect_from(&self) -> i16 {
        (self.delivery_count_limit / 2 + self.delivery_count_limit % 2).max(SUSPECT_FROM_MIN)
    }

    /// Whether the pieces of one batch, with their delivery counts, go with what was taken of other batches: suspects
    /// with suspects. If not, it is done.
    pub(super) fn admits(&mut self, pieces: &[Run<i16>]) -> bool {
        let is_alike = |piece: &Run<i16>| (piece.value >= self.suspect_from()) == self.is_throttled;
        let admits = self.taken == 0 || pieces.iter().all(is_alike);
        if !admits {
            self.left = 0;
        }
        admits
    }

    /// Takes records from the start of a piece and says how many. 0: none, and none after it either.
    pub(super) fn take(&mut self, piece: &Run<i16>, batch_len: i64) -> i64 {
        let delivered = piece.value;
        if self.delivery_count_limit > 2 && delivered >= self.delivery_count_limit - 1 {
            self.left = i64::from(self.taken == 0);
            self.is_exact = true;
        } else if delivered >= self.suspect_from() && !self.is_throttled {
            self.throttle(delivered, batch_len);
        }
        let records = match () {
            () if self.is_throttled && piece.first >= self.new_from => 0,
            () if self.is_exact => piece.len().min(self.left).max(0),
            () => piece.len(),
        };
        self.left -= records;
        self.taken += records;
        records
    }

    /// From now on: the more deliveries, the fewer records.
    fn throttle(&mut self, delivered: i16, batch_len: i64) {
        let halvings = u32::try_from(delivered - self.suspect_from() + 1).unwrap_or(0);
        let few = self.suspects.max(batch_len).checked_shr(halvings).unwrap_or(0).max(1) - self.taken;
        self.left = if self.is_exact { self.left.min(few) } else { few };
        self.is_throttled = true;
        self.is_exact = true;
    }
}
