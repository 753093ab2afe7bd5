//! From what the last start left behind to sealed chains.
//!
//! 1. Replay the journal: bytes of slots go into their segments at their positions. Doing so twice changes nothing.
//! 2. Make the segments durable.
//! 3. In each open chain, look at the tail segment from the last place its index file vouches for: batch after batch, CRC and
//!    offsets; cut at the first byte that is not good.
//! 4. Once all stores are united, seal the chains in one transaction; a chain without records is forgotten.
//! 5. Remove the journal.
//!
//! What must always hold: until 4 is done nothing is removed, so a crash in the middle begins again with 1; sealed chains are not
//! looked at; what was acknowledged is in the journal or synced in place, so nothing acknowledged is cut. Memory: a file of the
//! journal, and a small piece of a segment for each core.
//!
//! What was found is what the disk has, not only what the system shows. When Linux cannot write a page (a sync has failed, or nobody heard of
//! it yet) it keeps it in memory as if it were written, and no later sync writes it. A start of the process alone would take it for durable, and
//! the next loss of power would take it away from consumers. So:
//! - The catalog is synced and forgotten by the page cache before it is opened (`open`): it has either the change that failed, or not.
//! - The tails are forgotten by the page cache after 2, before 3 looks at them.
//! - The journal may be read from memory: what its slots say is written again by 1, and synced by 2, which makes it true.

mod side_by_side;
mod tail;

use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Catalog, ChainRecord};
use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::{ChainId, SegmentId};
use crate::journal::{self, Replayed};
use crate::kept::LogStarts;
use crate::segment::{Segment, SegmentSummary};
use crate::store::{SYNC_EACH_MAX, chains_dir, journal_dir};

/// What recovery did.
#[derive(Debug, Clone, Default)]
pub struct RecoveryReport {
    /// How long the start took.
    pub elapsed: Duration,
    /// Slots found in the journal.
    pub journal_slots: u64,
    /// Chains that were open.
    pub open_chains: u64,
    /// Bytes looked at in their tails.
    pub bytes_scanned: u64,
    /// Bytes cut off, because no whole batch was there.
    pub bytes_cut: u64,
}

impl RecoveryReport {
    /// Adds what the recovery of another store did.
    pub fn add(&mut self, other: &Self) {
        self.journal_slots += other.journal_slots;
        self.open_chains += other.open_chains;
        self.bytes_scanned += other.bytes_scanned;
        self.bytes_cut += other.bytes_cut;
    }
}

/// The chains of a store as its recovery found them.
pub struct Recovered {
    /// All chains; those that were open end where their last good batch does.
    pub chains: Vec<ChainRecord>,
    /// Those that were open.
    pub open: HashSet<ChainId>,
}

/// Brings the segments of a store to what its journal says, and finds out where the chains end that an earlier start left open. Nothing is
/// sealed or removed yet.
///
/// # Errors
/// When a file or the catalog cannot be read or written.
pub fn recover(
    fs: &dyn FileSystem,
    dir: &Path,
    catalog: &Catalog,
    report: &mut RecoveryReport,
) -> io::Result<Recovered> {
    let chains_dir = chains_dir(dir);
    let starts = LogStarts::new(catalog.partitions().map_err(to_io)?);
    let chains = catalog.own_chains().map_err(to_io)?;
    let mut chains: Vec<_> = chains.into_iter().map(|chain| starts.keep(chain)).collect();
    let open: HashSet<ChainId> = chains.iter().filter(|chain| chain.end.is_none()).map(|chain| chain.id).collect();
    report.open_chains = open.len() as u64;
    report.journal_slots = journal::replay(fs, &journal_dir(dir), |ranges| {
        // Slots of sealed or deleted chains, and of chains that were never acknowledged, say nothing any more.
        let known = ranges.into_iter().filter(|range| open.contains(&range.segment.chain));
        write_back(fs, &chains_dir, known)
    })?;
    sync_all(fs, dir, &chains_dir, chains.iter().filter(|chain| open.contains(&chain.id)))?;
    find_ends(fs, &chains_dir, &mut chains, report)?;
    Ok(Recovered { chains, open })
}

/// Removes the journal of the store in `dir`: what it said is in the segments, and durable there.
///
/// # Errors
/// Of the file system.
pub fn remove_journal(fs: &dyn FileSystem, dir: &Path) -> io::Result<()> {
    journal::remove_all(fs, &journal_dir(dir))
}

impl Recovered {
    /// The chains that were open.
    pub fn were_open(&self) -> impl Iterator<Item = &ChainRecord> {
        self.chains.iter().filter(|chain| self.open.contains(&chain.id))
    }

    /// The chains that were open, sealed where `end_of` says; where it says nothing, behind their last record.
    ///
    /// # Errors
    /// When a segment that has to be cut cannot be read.
    pub fn sealed(
        &self,
        files: &Arc<ChainFiles>,
        end_of: impl Fn(&ChainRecord) -> Option<i64>,
    ) -> io::Result<Vec<ChainRecord>> {
        self.were_open()
            .map(|chain| end_of(chain).map_or_else(|| Ok(chain.clone()), |end| seal(files, chain.clone(), end)))
            .collect()
    }
}

/// `chain` with this end: what lies behind it goes.
fn seal(files: &Arc<ChainFiles>, mut chain: ChainRecord, end: i64) -> io::Result<ChainRecord> {
    let found_end = chain.end.replace(end);
    if found_end.is_some_and(|found| found <= end) {
        return Ok(chain);
    }
    chain.segments.retain(|segment| segment.base_offset < end);
    if let Some(last) = chain.segments.last_mut() {
        let segment = Segment::sealed(files, chain.id, *last);
        last.len = segment.find_offset(end, last.len)?.map_or(last.len, |(position, _)| position);
    }
    Ok(chain)
}

/// Writes what the journal holds to where it belongs, each segment's bytes in the order in which they came.
fn write_back<'a>(
    fs: &dyn FileSystem,
    chains_dir: &Path,
    ranges: impl Iterator<Item = Replayed<'a>>,
) -> io::Result<()> {
    let mut by_segment: HashMap<SegmentId, Vec<Replayed<'a>>> = HashMap::new();
    ranges.for_each(|range| by_segment.entry(range.segment).or_default().push(range));
    let mut segments: Vec<_> = by_segment.into_iter().collect();
    side_by_side::each(&mut segments, |(id, ranges)| {
        let file = open_or_make(fs, chains_dir, *id)?;
        ranges.iter().try_for_each(|range| fs::write_all(&*file, &mut [IoSlice::new(range.bytes)], range.position))
    })?;
    Ok(())
}

/// The names of file and directory may not have reached the disk.
fn open_or_make(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId) -> io::Result<Arc<dyn File>> {
    let path = id.log_path(chains_dir);
    match fs.open(&path, Open::WriteOrCreate) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs.create_dir_all(&id.directory(chains_dir))?;
            fs.open(&path, Open::WriteOrCreate)
        }
        opened => opened,
    }
}

/// Finds the ends of the open chains. Only the last segment of one can hold anything that is not good: an earlier one was complete and
/// durable before the catalog learned of the next.
fn find_ends(
    fs: &dyn FileSystem,
    chains_dir: &Path,
    chains: &mut [ChainRecord],
    report: &mut RecoveryReport,
) -> io::Result<()> {
    let mut open: Vec<_> = chains.iter_mut().filter(|chain| chain.end.is_none()).collect();
    let scans = side_by_side::each(&mut open, |chain| {
        let Some(tail) = chain.segments.last_mut() else {
            chain.end = Some(chain.start);
            return Ok((0, 0));
        };
        let id = SegmentId { chain: chain.id, base_offset: tail.base_offset };
        let end = tail::find_end(fs, chains_dir, id)?;
        *tail = SegmentSummary { base_offset: tail.base_offset, len: end.len, max_timestamp: end.max_timestamp };
        chain.end = Some(end.next_offset);
        Ok((end.bytes_scanned, end.bytes_cut))
    })?;
    report.bytes_scanned += scans.iter().map(|(scanned, _)| scanned).sum::<u64>();
    report.bytes_cut += scans.iter().map(|(_, cut)| cut).sum::<u64>();
    Ok(())
}

fn sync_all<'a>(
    fs: &dyn FileSystem,
    dir: &Path,
    chains_dir: &Path,
    mut chains: impl Iterator<Item = &'a ChainRecord> + Clone,
) -> io::Result<()> {
    if chains.clone().count() > SYNC_EACH_MAX {
        return fs.sync_all(dir);
    }
    for chain in chains.clone() {
        for (id, summary) in chain.segment_ids().zip(&chain.segments) {
            match fs.open(&id.log_path(chains_dir), Open::Read) {
                Ok(file) => file.sync()?,
                // Below a log start that this store was not told of, or a tail that was never synced; else its records are missed when they
                // are read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let is_tail = chain.segments.last().is_some_and(|tail| tail.base_offset == id.base_offset);
                    if summary.len > 0 && !is_tail {
                        tracing::warn!("{} is not there", id.log_path(chains_dir).display());
                    }
                    continue;
                }
                Err(error) => return Err(error),
            }
            fs.sync_dir(&id.directory(chains_dir))?;
        }
    }
    // The replay may have made directories.
    if chains.next().is_none() { Ok(()) } else { fs.sync_dir(chains_dir) }
}

fn to_io(error: StoreError) -> io::Error {
    io::Error::other(error.to_string())
}
