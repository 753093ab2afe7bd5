//! One pass over a log: old segments in, new segments out.
//!
//! 1. The keys from `dirty_from` to `end_max` go into the map, until it is full; that is the pass's end.
//! 2. Every batch of the segments that begin below the end goes through the filter into a new chain.
//!
//! What must always hold: the old segments are only read; the new ones are durable when `run` returns them, and gone if it fails.
//! Memory is the map, two buffers, and the largest batch a few times.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use catena_protocol::batch::BatchHeader;
use thiserror::Error;

use super::filter::{Counted, Filtered, Rules, filter, gather};
use super::offset_map::OffsetMap;
use super::plan::Candidate;
use super::source::Source;
use super::target::{Shape, Target};
use crate::config::{CleanerOptions, LogConfig};
use crate::files::ChainFiles;
use crate::fs::Open;
use crate::ids::ChainId;
use crate::reading::Fault;
use crate::segment::Segment;

/// A pass to be made.
pub struct Pass<'a> {
    /// The segments from the log's first to the one before `end_max`; nothing is appended to them any more.
    pub segments: &'a [Arc<Segment>],
    /// From where to where.
    pub candidate: Candidate,
    /// Settings of the log.
    pub config: &'a LogConfig,
    /// Settings of cleaners.
    pub options: &'a CleanerOptions,
    /// Live producers and the offset of the last record of each.
    pub producers: &'a HashMap<i64, i64>,
    /// Now, milliseconds since 1970.
    pub now_ms: i64,
    /// Keys the hashes; random.
    pub secret: [u8; 16],
    /// Where the new chain goes.
    pub files: Arc<ChainFiles>,
    /// Its name.
    pub chain: ChainId,
    /// Called after bytes were read or written, with a rest that the disk should have; false ends the pass.
    pub go_on: &'a dyn Fn(u64, Duration) -> bool,
}

/// What came of a pass.
pub struct Compacted {
    /// The new segments.
    pub segments: Vec<Arc<Segment>>,
    /// How many of the old ones they take the place of.
    pub replaced: usize,
    /// Where the new chain ends: where the first old segment begins that stays.
    pub chain_end: i64,
    /// The offset up to which the log is compacted now.
    pub cleaned_to: i64,
    /// Numbers.
    pub stats: PassStats,
}

/// Numbers of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PassStats {
    /// Bytes of batches read to be filtered.
    pub bytes_read: u64,
    /// Bytes of batches written.
    pub bytes_written: u64,
    /// Records.
    pub records: Counted,
    /// How full the map was, up to 1.
    pub map_utilization: f64,
}

/// Why a pass came to nothing. The log is as it was.
#[derive(Debug, Error)]
pub enum PassError {
    /// It was told to end.
    #[error("it was told to end")]
    Stopped,
    /// A segment cannot be read.
    #[error("cannot read: {0}")]
    Read(io::Error),
    /// A segment cannot be written.
    #[error("cannot write: {0}")]
    Write(io::Error),
    /// A batch is not what was written.
    #[error("damaged batch at position {position} of the segment from offset {base_offset}: {reason}")]
    Damaged {
        /// First offset of the segment.
        base_offset: i64,
        /// Where in the segment.
        position: u64,
        /// In words.
        reason: String,
    },
    /// The map is too small for a single key.
    #[error("log.cleaner.dedupe.buffer.size is too small for a single key")]
    NoRoom,
}

impl PassError {
    fn of(fault: Fault, segment: &Segment) -> Self {
        match fault {
            Fault::Damaged(position) => damaged(segment, position, "there is no batch"),
            Fault::Unreadable(_, error) => Self::Read(error),
        }
    }
}

impl Pass<'_> {
    /// Makes the pass.
    ///
    /// # Errors
    /// See `PassError`.
    pub fn run(&self) -> Result<Compacted, PassError> {
        let mut map = self.map();
        let end = self.gather(&mut map)?;
        self.rewrite(&map, end)
    }

    fn map(&self) -> OffsetMap {
        let keys_max = self.candidate.end_max.saturating_sub(self.candidate.dirty_from).unsigned_abs();
        let options = self.options;
        OffsetMap::new(options.dedupe_buffer_bytes, options.dedupe_load_factor, keys_max, self.secret)
    }

    /// Fills the map; where the pass ends.
    fn gather(&self, map: &mut OffsetMap) -> Result<i64, PassError> {
        let Candidate { dirty_from, end_max, .. } = self.candidate;
        let first = self.segments.partition_point(|segment| segment.id.base_offset <= dirty_from).saturating_sub(1);
        for segment in self.segments.iter().skip(first) {
            let from = segment.find_offset(dirty_from, segment.len()).map_err(|fault| PassError::of(fault, segment))?;
            let Some((from, _)) = from else { continue };
            let mut source = self.open(segment, from)?;
            while let Some((position, batch)) = self.next(&mut source, segment)? {
                let full = gather(batch, dirty_from, map).map_err(|error| damaged(segment, position, error))?;
                match full {
                    Some(end) if end <= dirty_from => return Err(PassError::NoRoom),
                    Some(end) => return Ok(end),
                    None => {}
                }
            }
        }
        Ok(end_max)
    }

    fn rewrite(&self, map: &OffsetMap, end: i64) -> Result<Compacted, PassError> {
        let replaced = self.segments.partition_point(|segment| segment.id.base_offset < end);
        let (old, kept) = self.segments.split_at(replaced);
        let start = old.first().map_or(end, |segment| segment.id.base_offset);
        let rules = self.rules(map, end);
        let mut stats = PassStats { map_utilization: map.utilization(), ..PassStats::default() };
        let target = Target::create(self.files.clone(), self.chain, start, self.shape());
        let mut target = target.map_err(PassError::Write)?;
        for segment in old {
            self.rewrite_segment(segment, &rules, &mut target, &mut stats)?;
        }
        Ok(Compacted {
            segments: target.finish().map_err(PassError::Write)?,
            replaced,
            chain_end: kept.first().map_or(self.candidate.end_max, |segment| segment.id.base_offset),
            cleaned_to: end,
            stats,
        })
    }

    fn rewrite_segment(
        &self,
        segment: &Segment,
        rules: &Rules<'_>,
        target: &mut Target,
        stats: &mut PassStats,
    ) -> Result<(), PassError> {
        let (mut source, mut next) = (self.open(segment, 0)?, segment.id.base_offset);
        while let Some((position, batch)) = self.next(&mut source, segment)? {
            let header = BatchHeader::parse(batch).ok().filter(|header| segment.lineage.fits(header, next));
            let header = header.ok_or_else(|| damaged(segment, position, "another batch belongs there"))?;
            next = header.next_offset();
            let outcome = filter(batch, rules, &mut stats.records);
            let outcome = outcome.map_err(|error| damaged(segment, position, error))?;
            stats.bytes_read += batch.len() as u64;
            let bytes: &[u8] = match &outcome {
                Filtered::Whole => batch,
                Filtered::Rewritten(bytes) => bytes,
                Filtered::Emptied(bytes) => bytes,
                Filtered::Dropped => continue,
            };
            stats.bytes_written += bytes.len() as u64;
            let header = BatchHeader::parse(bytes).map_err(|error| damaged(segment, position, error))?;
            let rest = target.push(bytes, &header, segment.stamp_at(header.base_offset)).map_err(PassError::Write)?;
            self.breathe(bytes.len() as u64, rest)?;
        }
        Ok(())
    }

    fn rules<'m>(&'m self, map: &'m OffsetMap, end: i64) -> Rules<'m> {
        Rules {
            map,
            end,
            end_max: self.candidate.end_max,
            producers: self.producers,
            now_ms: self.now_ms,
            delete_retention_ms: self.config.delete_retention_ms,
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            segment_bytes: u64::from(self.config.segment_bytes),
            index_interval_bytes: self.config.index_interval_bytes,
            buffer_bytes: self.options.io_buffer_bytes / 2,
        }
    }

    fn open(&self, segment: &Segment, position: u64) -> Result<Source, PassError> {
        let files = segment.files();
        let file = files.fs.open(&segment.path(), Open::Read).map_err(PassError::Read)?;
        Ok(Source::new(file, position, segment.len(), self.options.io_buffer_bytes / 2))
    }

    /// The next batch and where it stands.
    fn next<'s>(&self, source: &'s mut Source, segment: &Segment) -> Result<Option<(u64, &'s [u8])>, PassError> {
        let position = source.position();
        let unreadable = |error: io::Error| match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => damaged(segment, position, error),
            _ => PassError::Read(error),
        };
        let Some(batch) = source.next().map_err(unreadable)? else { return Ok(None) };
        self.breathe(batch.len() as u64, Duration::ZERO)?;
        Ok(Some((position, batch)))
    }

    fn breathe(&self, bytes: u64, rest: Duration) -> Result<(), PassError> {
        if (self.go_on)(bytes, rest) { Ok(()) } else { Err(PassError::Stopped) }
    }
}

fn damaged(segment: &Segment, position: u64, error: impl ToString) -> PassError {
    PassError::Damaged { base_offset: segment.id.base_offset, position, reason: error.to_string() }
}
