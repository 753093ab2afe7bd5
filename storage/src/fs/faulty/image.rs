//! What the disk may hold of one file: the durable content, and every version of each sector and of the length since.
//!
//! What must always hold:
//! - The first version of a sector and the first length are durable, the last ones are what the running process sees.
//! - The length changes in order: an outcome is the length at some moment. Sectors are independent of each other and of the
//!   length, but for this: a sector that was cut off holds nothing from before the cut once the length knows of the cut, and
//!   nothing from after it before.
//! - A sector whose sync has failed is not made durable by a later sync, only by another write and a sync after that (Linux marks
//!   pages clean when their write fails).

use std::collections::BTreeMap;

use super::dice::Dice;

/// Bytes that reach the disk together or not at all.
pub const SECTOR: usize = 512;
/// Versions of one sector that are remembered; of more than that the disk may hold, those in the middle are not tried.
const VERSIONS_MAX: usize = 8;

/// The versions of a file.
#[derive(Debug)]
pub struct Image {
    lens: Vec<u64>,
    unsynced: BTreeMap<u64, Sector>,
}

#[derive(Debug)]
struct Sector {
    versions: Vec<Version>,
    /// The system has tried to write it, failed, and forgot.
    dropped: bool,
}

#[derive(Debug)]
struct Version {
    bytes: Box<[u8]>,
    /// The index of the length that cut the sector off, if that is how the version came to be.
    cut: Option<usize>,
}

/// One of the states the disk may be in: a length, and those sectors that are not as the running process sees them.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// Bytes of the file.
    pub len: u64,
    /// By number of the sector.
    pub sectors: Vec<(u64, &'a [u8])>,
}

impl Image {
    /// A file all of whose `len` bytes are durable.
    pub fn durable(len: u64) -> Self {
        Self { lens: vec![len], unsynced: BTreeMap::new() }
    }

    /// Bytes of the file as the process sees it.
    pub fn len(&self) -> u64 {
        self.lens.last().copied().unwrap_or(0)
    }

    /// Sectors that may be lost.
    pub fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    /// Sectors from number `first` on change from `before` to `after`; then the file has at least `end` bytes.
    pub fn write(&mut self, first: u64, before: &[u8], after: &[u8], end: u64) {
        self.change(first, before, after, None);
        if end > self.len() {
            self.lens.push(end);
        }
    }

    /// The file is extended or cut; `before` are the sectors from the one on where it is cut.
    pub fn set_len(&mut self, len: u64, before: &[u8]) {
        let cut = len < self.len();
        if len != self.len() {
            self.lens.push(len);
        }
        if cut {
            let mut after = before.to_vec();
            after[(len % SECTOR as u64) as usize..].fill(0);
            self.change(len / SECTOR as u64, before, &after, Some(self.lens.len() - 1));
        }
    }

    fn change(&mut self, first: u64, before: &[u8], after: &[u8], cut: Option<usize>) {
        for ((before, after), number) in before.chunks(SECTOR).zip(after.chunks(SECTOR)).zip(first..) {
            if before == after && cut.is_none() {
                // Written again, though it is the same: no longer forgotten.
                self.unsynced.entry(number).and_modify(|sector| sector.dropped = false);
            } else if before != after || self.unsynced.contains_key(&number) {
                self.unsynced.entry(number).or_insert_with(|| Sector::new(before)).push(after, cut);
            }
        }
    }

    /// A sync has succeeded.
    pub fn sync(&mut self) {
        self.lens.drain(..self.lens.len() - 1);
        self.unsynced.retain(|_, sector| sector.dropped);
        let versions = self.unsynced.values_mut().flat_map(|sector| &mut sector.versions);
        versions.for_each(|version| version.cut = version.cut.map(|_| 0));
    }

    /// A sync has failed.
    pub fn sync_failed(&mut self) {
        self.unsynced.values_mut().for_each(|sector| sector.dropped = true);
    }

    /// What a failed sync has left in memory is forgotten: throws the dice for what the disk holds there, which is all there is from now on.
    pub fn forget_dropped(&mut self, dice: &mut Dice) -> Vec<(u64, Box<[u8]>)> {
        let (chance, at) = (dice.chance(), self.lens.len() - 1);
        let dropped: Vec<u64> = self.unsynced.iter().filter(|(_, sector)| sector.dropped).map(|(at, _)| *at).collect();
        let chosen = dropped.into_iter().filter_map(|number| {
            let sector = self.unsynced.remove(&number)?;
            let possible = sector.possible(at);
            Some((number, possible[dice.pick(possible.len(), chance)].bytes.clone()))
        });
        chosen.collect()
    }

    /// Throws the dice for what the disk holds.
    pub fn outcome(&self, dice: &mut Dice) -> Outcome<'_> {
        let (of_len, of_sectors) = (dice.chance(), dice.chance());
        let at = dice.pick(self.lens.len(), of_len);
        let mut sectors = Vec::with_capacity(self.unsynced.len());
        for (number, sector) in &self.unsynced {
            let possible = sector.possible(at);
            sectors.push((*number, &*possible[dice.pick(possible.len(), of_sectors)].bytes));
        }
        Outcome { len: self.lens[at], sectors }
    }
}

impl Sector {
    fn new(durable: &[u8]) -> Self {
        Self { versions: vec![Version { bytes: durable.into(), cut: None }], dropped: false }
    }

    fn push(&mut self, bytes: &[u8], cut: Option<usize>) {
        self.dropped = false;
        self.versions.push(Version { bytes: bytes.into(), cut });
        if self.versions.len() > VERSIONS_MAX
            && let Some(at) = (1..VERSIONS_MAX).find(|at| self.versions[*at].cut.is_none())
        {
            self.versions.remove(at);
        }
    }

    /// The versions that go with the length of index `at`.
    fn possible(&self, at: usize) -> &[Version] {
        let cut = |version: &Version| version.cut.is_some_and(|cut| cut <= at);
        let first = self.versions.iter().rposition(cut).unwrap_or(0);
        let not_yet = |version: &Version| version.cut.is_some_and(|cut| cut > at);
        let end = self.versions.iter().position(not_yet).unwrap_or(self.versions.len());
        &self.versions[first..end]
    }
}
