//! From what the last start left behind to sealed chains.
//!
//! 1. Replay the journal: bytes of slots go into their segments at their positions. Doing so twice changes nothing.
//! 2. In each open chain, look at the tail segment from the last place its index file vouches for: batch after batch, CRC and
//!    offsets; cut at the first byte that is not good.
//! 3. Where that is not exactly where the journal ends, make the segments durable, and look again at what the disk has.
//! 4. Once all stores are united, seal the chains in one transaction; a chain without records is forgotten.
//! 5. In the background, make all segments durable and remove the journal (`finish`).
//!
//! What must always hold: what was acknowledged, or was found and is shown to consumers, is in the journal or synced in place, so nothing of
//! it is cut or lost. Until 5 is done nothing is removed, so a crash in the middle begins again with 1, which writes into the sealed
//! chains too, but not beyond their ends; else sealed chains are not looked at. What left the journal is durable in place. Memory: a file of
//! the journal, and a small piece of a segment for each core.
//!
//! What was found is what the disk has, not only what the system shows. When Linux cannot write a page (a sync has failed, or nobody heard of
//! it yet) it keeps it in memory as if it were written, and no later sync writes it. A start of the process alone would take it for durable, and
//! the next loss of power would take it away from consumers. So:
//! - The catalog is synced and forgotten by the page cache before it is opened (`open`): it has either the change that failed, or not.
//! - So is the last file of the journal before it is read: nothing was written behind a slot whose sync has failed.
//! - A tail that has anything but what commits have put there is synced and forgotten before it counts.
//! - What the slots say is written again by 1, and synced by 5.

mod replay;
mod side_by_side;
mod tail;

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Catalog, ChainRecord};
use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::fs::{FileSystem, Open};
use crate::ids::{ChainId, SegmentId};
use crate::journal;
use crate::kept::LogStarts;
use crate::segment::{Segment, SegmentSummary};
use crate::store::{SYNC_EACH_MAX, chains_dir, journal_dir};

pub use replay::Rooms;

use replay::{Known, Replay};
use tail::End;

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
    let mut replay = Replay::new(fs, &chains_dir, &chains);
    report.journal_slots = journal::replay(fs, &journal_dir(dir), |ranges| replay.write_back(ranges))?;
    let tails = replay.tails;
    find_ends(fs, dir, &mut chains, tails, report)?;
    Ok(Recovered { chains, open })
}

/// Makes durable what the store in `dir` has, and removes what its journal has of epochs before `epoch`: it is in the segments, and durable
/// there.
///
/// # Errors
/// Of the file system.
pub fn finish(fs: &dyn FileSystem, dir: &Path, epoch: u32) -> io::Result<()> {
    let journal = journal_dir(dir);
    if journal::files_before(fs, &journal, epoch)?.is_empty() {
        return Ok(());
    }
    fs.sync_all(dir)?;
    journal::remove_before(fs, &journal, epoch)
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
    report_cut(&chain, end, found_end.unwrap_or(end));
    chain.segments.retain(|segment| segment.base_offset < end);
    if let Some(last) = chain.segments.last_mut() {
        let segment = Segment::sealed(files, chain.id, *last);
        last.len = segment.find_offset(end, last.len)?.map_or(last.len, |(position, _)| position);
    }
    Ok(chain)
}

/// What another chain has taken over was not acknowledged here, unless all of the chain is taken: then that other one began without knowing
/// of it, because two stores were each alone in turn.
fn report_cut(chain: &ChainRecord, end: i64, found: i64) {
    let (partition, id, start) = (chain.partition, chain.id, chain.start);
    if end <= start {
        let count = found - start;
        tracing::error!(
            "{partition}: {count} records of chain {id} at {start} to {found} are lost, another chain has these offsets"
        );
    } else {
        let count = found - end;
        tracing::info!(
            "{partition}: {count} records of chain {id} from {end} on were not acknowledged, another chain goes on there"
        );
    }
}

/// Finds the ends of the open chains. Only the last segment of one can hold anything that is not good: an earlier one was complete and
/// durable before the catalog learned of the next.
fn find_ends(
    fs: &dyn FileSystem,
    dir: &Path,
    chains: &mut [ChainRecord],
    mut known: HashMap<SegmentId, Known>,
    report: &mut RecoveryReport,
) -> io::Result<()> {
    let chains_dir = chains_dir(dir);
    let (mut certain, mut doubtful) = (Vec::new(), Vec::new());
    for chain in chains.iter_mut().filter(|chain| chain.end.is_none()) {
        let Some(id) = tail_of(chain) else {
            chain.end = Some(chain.start);
            continue;
        };
        match known.remove(&id) {
            Some(Known { end, journaled }) if end.len == journaled => certain.push((chain, end)),
            _ => doubtful.push((chain, id)),
        }
    }
    sync_all(fs, dir, &chains_dir, doubtful.iter().map(|(chain, _)| &**chain))?;
    let ends = side_by_side::each(&mut doubtful, |(_, id)| tail::find_end_on_disk(fs, &chains_dir, *id))?;
    let looked_at = doubtful.into_iter().map(|(chain, _)| chain).zip(ends);
    certain.into_iter().chain(looked_at).for_each(|(chain, end)| end_at(chain, &end, report));
    Ok(())
}

fn tail_of(chain: &ChainRecord) -> Option<SegmentId> {
    chain.segments.last().map(|tail| SegmentId { chain: chain.id, base_offset: tail.base_offset })
}

/// The chain ends where its tail does.
fn end_at(chain: &mut ChainRecord, end: &End, report: &mut RecoveryReport) {
    chain.end = Some(end.next_offset);
    if let Some(tail) = chain.segments.last_mut() {
        *tail = SegmentSummary { base_offset: tail.base_offset, len: end.len, max_timestamp: end.max_timestamp };
    }
    report.bytes_scanned += end.bytes_scanned;
    report.bytes_cut += end.bytes_cut;
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
