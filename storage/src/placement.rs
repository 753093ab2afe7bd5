//! Which store takes the next chain of a partition.
//!
//! What must always hold: a partition stays where it is while its store is fine, cordoned or not, so that a start or a glance
//! elsewhere moves nothing; a store that has failed or is full is never chosen; a cordoned one takes no partition that has another
//! place to go. (That no topic is made while all are cordoned is somebody else's rule: what is here are partitions that exist.)
//!
//! Source: Apache Kafka, `LogManager.nextLogDirs` (the directory with the fewest partitions) and KIP-1066 (`cordoned.log.dirs`).

use std::cmp::Reverse;

use crate::ids::StoreId;

/// What counts of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreView {
    /// Its id.
    pub id: StoreId,
    /// Whether it is there and has not failed.
    pub is_healthy: bool,
    /// Whether it is named in `cordoned.log.dirs`.
    pub is_cordoned: bool,
    /// Bytes that may be written to its device.
    pub available_bytes: u64,
    /// Bytes of these that are not given to records.
    pub reserve_bytes: u64,
    /// Partitions that are written there.
    pub partitions: usize,
}

impl StoreView {
    /// Whether it can take `bytes` more.
    pub fn has_room(&self, bytes: u64) -> bool {
        self.is_healthy && self.available_bytes >= self.reserve_bytes.saturating_add(bytes)
    }
}

/// The store for the next chain of a partition that needs about `bytes`: the `current` one, where it was written last, if that
/// has room; else of those with room the one with the fewest partitions, then the one with the most space. `None` when none will do.
///
/// One that has no store yet, or has lost it, goes to a cordoned one before it stops.
pub fn choose(stores: &[StoreView], current: Option<StoreId>, bytes: u64) -> Option<StoreId> {
    let with_room = || stores.iter().filter(|store| store.has_room(bytes));
    let emptiest_of = |cordoned: bool| {
        let open = with_room().filter(|store| store.is_cordoned == cordoned);
        open.min_by_key(|store| (store.partitions, Reverse(store.available_bytes), store.id)).map(|store| store.id)
    };
    let stays = current.filter(|current| with_room().any(|store| store.id == *current));
    stays.or_else(|| emptiest_of(false)).or_else(|| emptiest_of(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: u64 = 10;

    fn id(number: u32) -> StoreId {
        StoreId::new(number).unwrap()
    }

    /// A store with room, free to take anything.
    fn store(number: u32, partitions: usize) -> StoreView {
        StoreView {
            id: id(number),
            is_healthy: true,
            is_cordoned: false,
            available_bytes: 1_000,
            reserve_bytes: 100,
            partitions,
        }
    }

    fn failed(store: StoreView) -> StoreView {
        StoreView { is_healthy: false, ..store }
    }

    fn cordoned(store: StoreView) -> StoreView {
        StoreView { is_cordoned: true, ..store }
    }

    fn with_space(available_bytes: u64, store: StoreView) -> StoreView {
        StoreView { available_bytes, ..store }
    }

    #[test]
    fn stores_are_chosen() {
        let (one, two, three) = (store(1, 5), store(2, 7), store(3, 5));
        let full = with_space(100 + NEEDED - 1, one);
        let cases = [
            ("a new partition goes where the fewest are", vec![two, one], None, Some(1)),
            ("of equals to the one with more space", vec![one, with_space(1_001, three)], None, Some(3)),
            ("of equals in everything to the same one always", vec![three, one], None, Some(1)),
            ("a partition stays where it is", vec![one, two], Some(2), Some(2)),
            ("also in a cordoned store", vec![one, cordoned(two)], Some(2), Some(2)),
            ("it leaves a store that has failed", vec![one, failed(two)], Some(2), Some(1)),
            ("and one that is gone", vec![one], Some(2), Some(1)),
            ("and one that would eat into its reserve", vec![full, two], Some(1), Some(2)),
            ("but not one that just has room", vec![with_space(100 + NEEDED, one), two], Some(1), Some(1)),
            ("a new partition does not go to a cordoned store", vec![cordoned(one), two], None, Some(2)),
            ("unless there is no other", vec![cordoned(one), failed(two)], None, Some(1)),
            ("one that has lost its store does", vec![cordoned(one), failed(two)], Some(2), Some(1)),
            ("but rather to one that is not", vec![cordoned(one), failed(two), store(3, 99)], Some(2), Some(3)),
            ("nothing goes to a full store", vec![full, failed(two)], Some(2), None),
            ("no store, no place", vec![], None, None),
        ];
        for (what, stores, current, expected) in cases {
            assert_eq!(choose(&stores, current.map(id), NEEDED), expected.map(id), "{what}");
        }
    }

    #[test]
    fn a_reserve_beyond_counting_is_no_room() {
        let store = StoreView { reserve_bytes: u64::MAX, available_bytes: u64::MAX - 1, ..store(1, 0) };
        assert_eq!(choose(&[store], None, u64::MAX), None);
    }
}
