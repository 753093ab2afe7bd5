//! Which bytes of a segment may be served as they lie in memory: they came in checked, or were checked since they were last read from
//! the disk.
//!
//! What must always hold: a stretch is added only after the checksum of every batch in it was found right, and taken out before
//! anything reads it from the disk again. Forgetting too much costs a check, never more.

use std::ops::Range;
use std::sync::{PoisonError, RwLock};

/// Stretches that are remembered; readers that jump about make many small ones.
const STRETCHES_MAX: usize = 64;

/// The trusted bytes of one segment.
#[derive(Debug)]
pub struct Trusted(RwLock<Vec<Range<u64>>>);

impl Trusted {
    /// Everything: the segment is written by this start of the broker, which checks what comes in.
    pub fn all() -> Self {
        Self(RwLock::new(std::iter::once(0..u64::MAX).collect()))
    }

    /// Nothing: the segment was found on the disk.
    pub fn nothing() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Where the trusted stretch ends that holds the byte at `position`; None if none does.
    pub fn end_at(&self, position: u64) -> Option<u64> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let at = held.partition_point(|stretch| stretch.end <= position);
        held.get(at).filter(|stretch| stretch.start <= position).map(|stretch| stretch.end)
    }

    /// Whether a byte of `range` is trusted.
    pub fn touches(&self, range: &Range<u64>) -> bool {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().any(|stretch| stretch.start < range.end && range.start < stretch.end)
    }

    /// The batches in `range` were checked.
    pub fn add(&self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut merged = range;
        held.retain(|stretch| {
            let apart = stretch.end < merged.start || merged.end < stretch.start;
            if !apart {
                merged = merged.start.min(stretch.start)..merged.end.max(stretch.end);
            }
            apart
        });
        if held.len() >= STRETCHES_MAX {
            drop_shortest(&mut held);
        }
        let at = held.partition_point(|stretch| stretch.end < merged.start);
        held.insert(at, merged);
    }

    /// `range` will be read from the disk again.
    pub fn remove(&self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let rest = |stretch: Range<u64>| {
            [stretch.start..stretch.end.min(range.start), stretch.start.max(range.end)..stretch.end]
        };
        *held = held.drain(..).flat_map(rest).filter(|stretch| stretch.start < stretch.end).collect();
        while held.len() > STRETCHES_MAX {
            drop_shortest(&mut held);
        }
    }
}

fn drop_shortest(held: &mut Vec<Range<u64>>) {
    if let Some((at, _)) = held.iter().enumerate().min_by_key(|(_, stretch)| stretch.end - stretch.start) {
        held.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    #[test]
    fn neighbours_become_one_and_a_hole_splits() {
        let trusted = Trusted::nothing();
        trusted.add(10..20);
        trusted.add(30..40);
        assert_eq!((trusted.end_at(10), trusted.end_at(20), trusted.end_at(35)), (Some(20), None, Some(40)));
        trusted.add(20..30);
        assert_eq!(trusted.end_at(10), Some(40));
        trusted.remove(&(15..18));
        assert_eq!((trusted.end_at(10), trusted.end_at(15), trusted.end_at(18)), (Some(15), None, Some(40)));
        assert_eq!((trusted.touches(&(15..18)), trusted.touches(&(15..19))), (false, true));
        assert_eq!(Trusted::all().end_at(7), Some(u64::MAX));
    }

    #[test]
    fn agrees_with_a_set_of_bytes_and_stays_small() {
        let seed = rand::random();
        println!("seed {seed}");
        let mut random = StdRng::seed_from_u64(seed);
        let (trusted, mut bytes) = (Trusted::nothing(), [false; 60]);
        for _ in 0..2_000 {
            let start = random.random_range(0..60_u64);
            let range = start..random.random_range(start..=60);
            let add = random.random_bool(0.5);
            if add {
                trusted.add(range.clone())
            } else {
                trusted.remove(&range)
            }
            range.for_each(|at| bytes[at as usize] = add);
            for at in 0..60 {
                let end = (at..60).find(|at| !bytes[*at]).unwrap_or(60);
                assert_eq!(trusted.end_at(at as u64), bytes[at].then_some(end as u64), "byte {at}");
            }
        }
        (0..1_000).for_each(|at| trusted.add(at * 10..at * 10 + 5));
        assert!(trusted.0.read().unwrap().len() <= STRETCHES_MAX);
    }
}
