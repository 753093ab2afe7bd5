//! A map of runs: offsets that stand next to each other and share one value.
//!
//! What must always hold:
//! - Runs do not overlap, and none is empty: `first <= last`.
//! - Neighbours that touch differ in their value.
//! - Offsets are in `0..=OFFSET_MAX`, so the offset after a run always exists.

use std::collections::BTreeMap;

/// The highest offset a run may hold.
pub const OFFSET_MAX: i64 = i64::MAX - 1;

/// Offsets `first..=last` with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<T> {
    /// The first offset.
    pub first: i64,
    /// The last offset, inclusive.
    pub last: i64,
    /// What holds for each of them.
    pub value: T,
}

impl<T> Run<T> {
    /// How many offsets these are.
    pub fn len(&self) -> i64 {
        length(self.first, self.last)
    }

    /// No run is empty.
    pub fn is_empty(&self) -> bool {
        self.first > self.last
    }
}

/// How many offsets `first..=last` holds, none when it is reversed.
pub fn length(first: i64, last: i64) -> i64 {
    last.saturating_sub(first).saturating_add(1).max(0)
}

/// Disjoint runs in the order of their offsets. There may be holes between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs<T> {
    /// First offset to last offset and value.
    map: BTreeMap<i64, (i64, T)>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { map: BTreeMap::new() }
    }
}

impl<T: Clone + PartialEq> Runs<T> {
    /// All runs, the lowest offsets first.
    pub fn iter(&self) -> impl Iterator<Item = Run<&T>> {
        self.map.iter().map(|(&first, (last, value))| Run { first, last: *last, value })
    }

    /// The lowest run.
    pub fn lowest(&self) -> Option<Run<&T>> {
        self.iter().next()
    }

    /// The parts of runs that lie in `first..=last`, cut at both ends.
    pub fn within(&self, first: i64, last: i64) -> impl Iterator<Item = Run<&T>> {
        let from = self.map.range(..=first).next_back().map_or(first, |(&key, _)| key);
        self.map
            .range(from..=last.max(from))
            .map(move |(&key, (end, value))| Run { first: key.max(first), last: (*end).min(last), value })
            .filter(|part| part.first <= part.last)
    }

    /// Gives `first..=last` this value, whatever stood there. Nothing happens when the range is reversed; what lies
    /// outside of the offsets there can be is cut off.
    pub fn set(&mut self, first: i64, last: i64, value: T) {
        let (mut first, mut last) = (first.max(0), last.min(OFFSET_MAX));
        if first > last || self.prolong(first, last, &value) {
            return;
        }
        self.clear(first, last);
        if let Some((&left, (end, _))) = self.map.range(..first).next_back().filter(|(_, (_, v))| *v == value)
            && *end + 1 == first
        {
            first = left;
        }
        if let Some((end, _)) = self.map.get(&(last + 1)).filter(|(_, v)| *v == value) {
            let end = *end;
            self.map.remove(&(last + 1));
            last = end;
        }
        self.map.insert(first, (last, value));
    }

    /// Lets the highest run reach to `last` if `first` follows it and the value is the same: offsets mostly come in order.
    fn prolong(&mut self, first: i64, last: i64, value: &T) -> bool {
        match self.map.last_entry() {
            Some(mut highest) if highest.get().0 + 1 == first && highest.get().1 == *value => {
                highest.get_mut().0 = last;
                true
            }
            _ => false,
        }
    }

    /// Makes a hole of `first..=last`. Runs that reach over an end of it are cut.
    pub fn clear(&mut self, first: i64, last: i64) {
        self.cut(first);
        self.cut(last.saturating_add(1));
        let keys: Vec<i64> = self.map.range(first..=last.max(first)).map(|(&key, _)| key).collect();
        for key in keys {
            self.map.remove(&key);
        }
    }

    /// Forgets everything below `offset`.
    pub fn drop_below(&mut self, offset: i64) {
        self.cut(offset);
        self.map = self.map.split_off(&offset);
    }

    /// Makes `offset` the start of a run if it lies inside of one.
    fn cut(&mut self, offset: i64) {
        let Some((_, (last, value))) = self.map.range_mut(..offset).next_back() else { return };
        if *last >= offset {
            let right = (*last, value.clone());
            *last = offset - 1;
            self.map.insert(offset, right);
        }
    }
}
