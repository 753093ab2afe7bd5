//! From what the last start left behind to sealed chains.
//!
//! 1. Replay the journal: bytes of slots go into their segments at their positions. Doing so twice changes nothing.
//! 2. In each open chain, look at the tail segment from the last place its index file vouches for: batch after batch, CRC and
//!    offsets; cut at the first byte that is not good.
//! 3. Make the segments durable.
//! 4. Once all stores are united, seal the chains in one transaction; a chain without records is forgotten.
//! 5. Remove the journal.
//!
//! What must always hold: until 4 is done nothing is removed, so a crash in the middle begins again with 1; sealed chains are not
//! looked at; what was acknowledged is in the journal or synced in place, so nothing acknowledged is cut.

use std::collections::{HashMap, HashSet};
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use catena_protocol::batch::crc_matches;

use crate::batches::Batches;
use crate::catalog::{Catalog, ChainRecord};
use crate::error::StoreError;
use crate::files::ChainFiles;
use crate::fs::{self, File, FileSystem, Open};
use crate::ids::{ChainId, PartitionId, SegmentId};
use crate::index::Index;
use crate::journal;
use crate::mapping::MappedFile;
use crate::segment::{NO_TIMESTAMP, Segment, SegmentSummary};
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
    let mut chains = catalog.own_chains().map_err(to_io)?;
    let open: HashSet<ChainId> = chains.iter().filter(|chain| chain.end.is_none()).map(|chain| chain.id).collect();
    report.open_chains = open.len() as u64;
    let mut files = HashMap::new();
    report.journal_slots = journal::replay(fs, &journal_dir(dir), |range, bytes| {
        // Slots of sealed or deleted chains, and of chains that were never acknowledged, say nothing any more.
        if !open.contains(&range.segment.chain) {
            return Ok(());
        }
        let file = open_for_replay(fs, &mut files, &chains_dir, range.segment)?;
        fs::write_all(&**file, &mut [IoSlice::new(bytes)], range.position)
    })?;
    drop(files);
    for chain in chains.iter_mut().filter(|chain| chain.end.is_none()) {
        find_end(fs, &chains_dir, chain, report)?;
    }
    sync_all(fs, dir, &chains_dir, chains.iter().filter(|chain| open.contains(&chain.id)))?;
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
    /// The chains of a partition that were open.
    pub fn open_of(&self, partition: PartitionId) -> impl Iterator<Item = ChainId> {
        let here = self.chains.iter().filter(move |chain| chain.partition == partition);
        here.map(|chain| chain.id).filter(|chain| self.open.contains(chain))
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
        let open = self.chains.iter().filter(|chain| self.open.contains(&chain.id));
        open.map(|chain| end_of(chain).map_or_else(|| Ok(chain.clone()), |end| seal(files, chain.clone(), end)))
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

fn open_for_replay<'a>(
    fs: &dyn FileSystem,
    files: &'a mut HashMap<SegmentId, Arc<dyn File>>,
    chains_dir: &Path,
    id: SegmentId,
) -> io::Result<&'a Arc<dyn File>> {
    // One run touches few segments at a time; a bounded set of open files is enough.
    const OPEN_FILES_MAX: usize = 256;
    if files.len() >= OPEN_FILES_MAX && !files.contains_key(&id) {
        files.clear();
    }
    match files.entry(id) {
        std::collections::hash_map::Entry::Occupied(held) => Ok(held.into_mut()),
        std::collections::hash_map::Entry::Vacant(free) => {
            fs.create_dir_all(&id.directory(chains_dir))?;
            Ok(free.insert(fs.open(&id.log_path(chains_dir), Open::WriteOrCreate)?))
        }
    }
}

/// Finds the end of an open chain. Only its last segment can hold anything that is not good: an earlier one was complete and
/// durable before the catalog learned of the next.
fn find_end(
    fs: &dyn FileSystem,
    chains_dir: &Path,
    chain: &mut ChainRecord,
    report: &mut RecoveryReport,
) -> io::Result<()> {
    let Some(tail) = chain.segments.last_mut() else {
        chain.end = Some(chain.start);
        return Ok(());
    };
    let id = SegmentId { chain: chain.id, base_offset: tail.base_offset };
    let scan = scan_tail(fs, chains_dir, id, report)?;
    *tail = SegmentSummary { base_offset: tail.base_offset, len: scan.len, max_timestamp: scan.max_timestamp };
    chain.end = Some(scan.next_offset);
    Ok(())
}

struct Scan {
    len: u64,
    next_offset: i64,
    max_timestamp: i64,
}

fn scan_tail(fs: &dyn FileSystem, chains_dir: &Path, id: SegmentId, report: &mut RecoveryReport) -> io::Result<Scan> {
    let path = id.log_path(chains_dir);
    let allocated = match fs.len(&path) {
        Ok(len) => len,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Scan { len: 0, next_offset: id.base_offset, max_timestamp: NO_TIMESTAMP });
        }
        Err(error) => return Err(error),
    };
    let vouched = Index::load(fs, &id.index_path(chains_dir), allocated).last();
    let from = vouched.map_or(0, |entry| u64::from(entry.position));
    let mut scan = Scan {
        len: from,
        next_offset: vouched.map_or(id.base_offset, |entry| entry.offset),
        max_timestamp: vouched.map_or(NO_TIMESTAMP, |entry| entry.timestamp_before),
    };
    let file = MappedFile::open(fs, &path, allocated)?;
    scan_batches(&file.view(from..allocated)?, &mut scan);
    report.bytes_scanned += scan.len - from;
    report.bytes_cut += garbage_after(&path, &file.view(scan.len..allocated)?, scan.len);
    Ok(scan)
}

fn scan_batches(bytes: &[u8], scan: &mut Scan) {
    for found in Batches::new(bytes) {
        let header = found.header;
        let good = header.base_offset == scan.next_offset
            && header.last_offset() >= header.base_offset
            && crc_matches(&bytes[found.start..found.end], &header);
        if !good {
            break;
        }
        scan.len += (found.end - found.start) as u64;
        scan.next_offset = header.next_offset();
        scan.max_timestamp = scan.max_timestamp.max(header.max_timestamp);
    }
}

/// How many bytes follow the last good batch that are not merely allocated space. The catalog's length cuts them off; the
/// sweep gives their space back, as cutting files one by one would take a start longer than all the rest.
fn garbage_after(path: &Path, rest: &[u8], len: u64) -> u64 {
    let next = &rest[..rest.len().min(4096)];
    let garbage = next.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    if garbage > 0 {
        tracing::warn!("{}: cut at {len}, what follows is no whole batch", path.display());
    }
    garbage
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
                Err(error) if error.kind() == io::ErrorKind::NotFound && summary.len == 0 => continue,
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
