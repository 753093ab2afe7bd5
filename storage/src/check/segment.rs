//! The batches of a segment, from the first byte to its end.
//!
//! 1. The file is there, and as long as the catalog says.
//! 2. Batch after batch: header, CRC, offsets, leader epoch, timestamp, and what the index says of it.
//! 3. A batch with a wrong CRC is told and stepped over. Where no batch is, the index says where the next one begins.
//!
//! What must always hold: the tail of an open chain may end in anything: it was never acknowledged, or the journal has it. The journal may have
//! bytes of its other segments too: who knows that takes what is found here for a note.

use std::io;
use std::path::Path;
use std::sync::Arc;

use catena_protocol::batch::BatchHeader;

use super::Summary;
use super::finding::{Finding, Place};
use super::index::Entries;
use super::pieces::{Found, Pieces};
use crate::catalog::ChainRecord;
use crate::fs::{File, FileSystem, Open};
use crate::ids::SegmentId;
use crate::index::IndexEntry;
use crate::lineage::{is_copy, leader_epoch};
use crate::segment::{NO_TIMESTAMP, SegmentSummary};

/// A segment, and what is known of it before its bytes are looked at.
pub struct Expected<'a> {
    /// The chain it is of.
    pub chain: &'a ChainRecord,
    /// What the catalog says of it.
    pub summary: SegmentSummary,
    /// Where the next segment begins or the chain ends, if that is known.
    pub limit: Option<i64>,
    /// Whether it is the last one of an open chain: its length is not known.
    pub is_tail: bool,
}

/// Where a look through the batches has got to.
struct Walk<'a> {
    expected: &'a Expected<'a>,
    place: &'a Place,
    position: u64,
    /// The least offset that the next batch may have.
    next_offset: i64,
    /// Not known behind a damaged batch.
    max_timestamp: Option<i64>,
}

/// Looks through a segment.
///
/// # Errors
/// Of the file system.
pub fn check(
    fs: &dyn FileSystem,
    chains: &Path,
    expected: &Expected<'_>,
    place: &Place,
    summary: &mut Summary,
    report: &mut dyn FnMut(Finding),
) -> io::Result<()> {
    let id = SegmentId { chain: expected.chain.id, base_offset: expected.summary.base_offset };
    let index = id.index_path(chains);
    let mut entries = Entries::open(fs, &index, &place.chain(id.chain))?;
    let place = place.log(chains, id);
    summary.segments += 1;
    let Some((file, len)) = open(fs, &id.log_path(chains), expected, &place, report)? else { return Ok(()) };
    let mut pieces = Pieces::new(file, len);
    let base = expected.summary.base_offset;
    let mut walk = Walk { expected, place: &place, position: 0, next_offset: base, max_timestamp: Some(NO_TIMESTAMP) };
    loop {
        match pieces.batch(walk.position)? {
            Found::End => break,
            Found::Batch(header, true) if !expected.is_tail || walk.is_next(&header) => {
                entries.compare(walk.position, &header, walk.max_timestamp, report)?;
                walk.judge(&header, report);
                walk.go_on(&header, summary);
            }
            Found::Batch(..) | Found::Nothing(_) if expected.is_tail => {
                walk.tail(&mut pieces, report)?;
                break;
            }
            Found::Batch(header, _) => {
                report(walk.here(&header).problem("the CRC of the batch is wrong"));
                let end = walk.position + header.size() as u64;
                // Its length may be as wrong as the rest.
                match entries.behind(walk.position, report)?.filter(|entry| u64::from(entry.position) < end) {
                    Some(entry) => walk.go_on_at(&entry),
                    None => {
                        walk.go_on(&header, summary);
                        walk.max_timestamp = None;
                    }
                }
            }
            Found::Nothing(error) => {
                let next = entries.behind(walk.position, report)?.filter(|entry| u64::from(entry.position) < len);
                let end = next.map_or(len, |entry| entry.position.into());
                let text = format!("no batch: {error}; the bytes from here to {end} are not looked at");
                report(place.at(walk.position).offset(walk.next_offset).problem(text));
                let Some(entry) = next else { return Ok(()) };
                walk.go_on_at(&entry);
            }
        }
    }
    walk.finish(report);
    Ok(())
}

/// The file, and how many bytes of it count.
fn open(
    fs: &dyn FileSystem,
    path: &Path,
    expected: &Expected<'_>,
    place: &Place,
    report: &mut dyn FnMut(Finding),
) -> io::Result<Option<(Arc<dyn File>, u64)>> {
    let file = match fs.open(path, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let said = expected.summary.len;
            match expected.is_tail {
                true => report(place.note("the last segment of an open chain is not there: it was never written")),
                false if said > 0 => {
                    report(place.problem(format!("the file is not there, the catalog says {said} bytes")))
                }
                false => {}
            }
            return Ok(None);
        }
        Err(error) => {
            report(place.problem(format!("the file cannot be opened: {error}")));
            return Ok(None);
        }
    };
    let present = file.len()?;
    if expected.is_tail {
        return Ok(Some((file, present)));
    }
    let said = expected.summary.len;
    if present < said {
        report(place.at(present).problem(format!("the file ends here, the catalog says {said} bytes")));
    }
    Ok(Some((file, present.min(said))))
}

impl Walk<'_> {
    fn here(&self, header: &BatchHeader) -> Place {
        self.place.at(self.position).offset(header.base_offset)
    }

    /// Whether a start would go on here: the CRC does not cover the offset, and a sector of its own may have lost it.
    fn is_next(&self, header: &BatchHeader) -> bool {
        header.base_offset == self.next_offset && header.last_offset() >= header.base_offset
    }

    /// What is wrong with a batch beside its CRC.
    fn judge(&self, header: &BatchHeader, report: &mut dyn FnMut(Finding)) {
        let (here, chain) = (self.here(header), self.expected.chain);
        let (first, next, expected) = (header.base_offset, header.next_offset(), self.next_offset);
        if next <= first {
            report(here.problem(format!("the batch ends before it begins, at offset {}", next - 1)));
        }
        if first < expected || (first > expected && !is_copy(chain)) {
            report(here.problem(format!("the batch before ends at offset {expected}: offsets are not in one row")));
        }
        if let Some(limit) = self.expected.limit.filter(|limit| next > *limit) {
            report(here.problem(format!("the batch reaches to offset {next}, the segment only to {limit}")));
        }
        let epoch = leader_epoch(chain, first);
        if header.partition_leader_epoch != epoch {
            let found = header.partition_leader_epoch;
            report(here.problem(format!("the batch is of leader epoch {found}, the chain of {epoch}")));
        }
        if !self.expected.is_tail && header.max_timestamp > self.expected.summary.max_timestamp {
            let (found, said) = (header.max_timestamp, self.expected.summary.max_timestamp);
            report(here.problem(format!("the batch has timestamp {found}, the catalog says at most {said}")));
        }
    }

    fn go_on(&mut self, header: &BatchHeader, summary: &mut Summary) {
        self.position += header.size() as u64;
        self.next_offset = header.next_offset();
        self.max_timestamp = self.max_timestamp.map(|largest| largest.max(header.max_timestamp));
        summary.batches += 1;
        summary.records += u64::try_from(header.record_count).unwrap_or(0);
        summary.bytes += header.size() as u64;
    }

    fn go_on_at(&mut self, entry: &IndexEntry) {
        self.position = entry.position.into();
        self.next_offset = entry.offset;
        self.max_timestamp = None;
    }

    /// What follows the last good batch of an open chain: space that was set aside, or what the next start cuts.
    fn tail(&self, pieces: &mut Pieces, report: &mut dyn FnMut(Finding)) -> io::Result<()> {
        let (mut at, mut last) = (self.position, None);
        loop {
            let bytes = pieces.bytes(at, usize::MAX)?;
            if bytes.is_empty() {
                break;
            }
            last = bytes.iter().rposition(|byte| *byte != 0).map(|byte| at + byte as u64 + 1).or(last);
            at += bytes.len() as u64;
        }
        let Some(end) = last else { return Ok(()) };
        let rest = end - self.position;
        let text = format!("the next start cuts {rest} bytes from here on that are no whole batch");
        report(self.place.at(self.position).offset(self.next_offset).note(text));
        Ok(())
    }

    /// A segment that another one of its chain follows ends where that begins.
    fn finish(&self, report: &mut dyn FnMut(Finding)) {
        let chain = self.expected.chain;
        let is_last = chain.segments.last().is_none_or(|last| last.base_offset == self.expected.summary.base_offset);
        match self.expected.limit {
            Some(limit) if !is_last && !is_copy(chain) && self.next_offset < limit => {
                let text = format!("the segment ends here, the next one begins with offset {limit}");
                report(self.place.at(self.position).offset(self.next_offset).problem(text));
            }
            _ => {}
        }
    }
}
