//! Reading the bytes of a segment: at once from memory, or from the disk by whoever may wait for it.
//!
//! What must always hold:
//! - `hot` touches no byte that is not in memory, and gives only bytes that are trusted (see `trusted`).
//! - `cold` gives bytes of its own, whose checksums it has compared: the system may drop or reread the file meanwhile. It uses no
//!   map, so what the disk cannot read is an error.
//! - Both give whole batches, from the one that holds the offset on, and never beyond `Wanted::limit`.
//! - A damaged or unreadable batch ends what is given; at the front it is the error.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use catena_protocol::batch::{self, BatchHeader, HEADER_LEN};

use crate::batches::Batches;
use crate::index::Cold;
use crate::lineage::{ANY_OFFSET, Lineage};
use crate::segment::Segment;
use crate::trusted::Trusted;

/// What is read at a time of a batch whose length is not known to be true.
const PIECE_BYTES: usize = 1024 * 1024;
/// Batches before the one looked for, as far as the index tells: read along with it.
const BEFORE_FIRST: u64 = 8 * 1024;
/// How far the system may read on by itself.
const SYSTEM_AHEAD: u64 = 4 * 1024 * 1024;
/// Readers of one segment that are followed at the same time.
const STREAMS_MAX: usize = 16;
/// Bad places of one segment that are told apart.
const FAULTS_MAX: usize = 1024;

/// How much a reader wants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// At most so many bytes ...
    pub max_bytes: usize,
    /// ... but at least one batch.
    pub min_one_batch: bool,
    /// Bytes of the segment that the reader may see; a batch ends there.
    pub limit: u64,
}

/// How the disk is read for somebody who may wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ColdStrategy {
    /// The most that one read gives, bytes, unless a batch is larger: what one reader may make the others wait for
    /// (`catena.cold.read.max.bytes`).
    pub bytes_max: usize,
    /// How far ahead of a reader that goes through a segment the disk is kept busy, bytes (`catena.cold.read.ahead.bytes`).
    pub ahead_bytes: u64,
}

impl Default for ColdStrategy {
    fn default() -> Self {
        Self { bytes_max: 1024 * 1024, ahead_bytes: 4 * 1024 * 1024 }
    }
}

/// Why there are no bytes.
#[derive(Debug)]
pub enum Fault {
    /// There is no good batch at this position.
    Damaged(u64),
    /// The system cannot read at this position.
    Unreadable(u64, io::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(position) => write!(f, "the batch at position {position} is damaged"),
            Self::Unreadable(position, error) => write!(f, "cannot read at position {position}: {error}"),
        }
    }
}

impl From<Fault> for io::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable(_, error) => error,
            Fault::Damaged(_) => Self::new(io::ErrorKind::InvalidData, fault.to_string()),
        }
    }
}

/// What a segment remembers of its readers.
#[derive(Debug)]
pub struct Reading {
    /// What may be served from memory.
    pub trusted: Trusted,
    streams: Mutex<Vec<Stream>>,
    faults: Mutex<BTreeSet<u64>>,
}

/// A reader that goes through the segment.
#[derive(Debug, Clone, Copy)]
struct Stream {
    /// Where its next read begins.
    next: u64,
    /// Up to where the disk was asked for.
    asked: u64,
}

/// Counters of the reads of one store.
#[derive(Debug, Default)]
pub struct ReadCounters {
    /// Reads that went to the file instead of the map.
    pub cold_reads: AtomicU64,
    /// Bytes they gave.
    pub cold_bytes: AtomicU64,
    /// Bytes that the disk was asked for ahead of them.
    pub ahead_bytes: AtomicU64,
    /// Places at which a batch is damaged, each counted once since its segment was opened.
    pub damaged: AtomicU64,
    /// Places that the disk could not read, likewise.
    pub unreadable: AtomicU64,
}

/// What `ReadCounters` say at one moment; plain numbers since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadStats {
    /// Reads that went to the file instead of the map.
    pub cold_reads: u64,
    /// Bytes they gave.
    pub cold_bytes: u64,
    /// Bytes that the disk was asked for ahead of them.
    pub ahead_bytes: u64,
    /// Places at which a batch is damaged.
    pub damaged: u64,
    /// Places that the disk could not read.
    pub unreadable: u64,
}

impl ReadCounters {
    /// The numbers now.
    pub fn stats(&self) -> ReadStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ReadStats {
            cold_reads: count(&self.cold_reads),
            cold_bytes: count(&self.cold_bytes),
            ahead_bytes: count(&self.ahead_bytes),
            damaged: count(&self.damaged),
            unreadable: count(&self.unreadable),
        }
    }
}

impl Reading {
    /// Of a segment with these trusted bytes.
    pub fn new(trusted: Trusted) -> Self {
        Self { trusted, streams: Mutex::new(Vec::new()), faults: Mutex::new(BTreeSet::new()) }
    }

    /// Takes note of a bad place; whether it is a new one.
    pub fn note_fault(&self, position: u64) -> bool {
        let mut known = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < FAULTS_MAX && known.insert(position)
    }

    /// Somebody has read `range`. What should be asked of the disk now, if that is a reader that goes on and on: `ahead` bytes, before half of
    /// them are read.
    fn follow(&self, range: &Range<u64>, from: u64, ahead: u64) -> Option<Range<u64>> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let known = streams.iter().position(|stream| stream.next == range.start);
        let mut stream = known.map_or(Stream { next: 0, asked: 0 }, |at| streams.remove(at));
        stream.next = range.end;
        stream.asked = stream.asked.max(range.end);
        let goes_on = known.is_some() || from == 0;
        let ask = (goes_on && stream.asked < range.end + ahead / 2).then(|| stream.asked..range.end + ahead);
        stream.asked = ask.as_ref().map_or(stream.asked, |ask| ask.end);
        streams.truncate(STREAMS_MAX - 1);
        streams.insert(0, stream);
        ask
    }
}

/// What can be had at once: where the bytes stand. None when no batch below the limit holds `offset`; empty when none fits.
///
/// # Errors
/// `Cold` when it cannot be told from memory, or the bytes there are not trusted.
pub fn hot(segment: &Segment, offset: i64, wanted: Wanted) -> Result<Option<Range<u64>>, Cold> {
    let (file, index) = segment.opened().ok_or(Cold)?;
    let from = index.floor_of_offset_in_memory(offset)?.map_or(0, |entry| u64::from(entry.position));
    if from >= wanted.limit {
        return Ok(None);
    }
    let trusted = segment.reading.trusted.end_at(from).ok_or(Cold)?;
    let reach = from.saturating_add(BEFORE_FIRST).saturating_add(wanted.max_bytes as u64);
    let reach = file.resident_end(from..wanted.limit.min(trusted).min(reach));
    let view = file.view(from..reach).map_err(|_| Cold)?;
    let Some(first) = Batches::new(&view).find(|found| found.header.last_offset() >= offset) else {
        return if reach == wanted.limit { Ok(None) } else { Err(Cold) };
    };
    let (start, first_end) = (from + first.start as u64, from + first.end as u64);
    let most = start.saturating_add(wanted.max_bytes as u64);
    if first_end > most {
        return Ok(Some(start..if wanted.min_one_batch { first_end } else { start }));
    }
    if reach == wanted.limit && reach <= most {
        return Ok(Some(start..reach));
    }
    let most = most.min(reach);
    let near = index.floor_of_position_in_memory(most)?.map_or(0, |entry| u64::from(entry.position)).max(start);
    let last = file.view(near..most).map_err(|_| Cold)?;
    Ok(Some(start..Batches::new(&last).last().map_or(near, |found| near + found.end as u64)))
}

/// Reads from the file, as `strategy` says, and checks. None when no batch below the limit holds `offset`; empty when none fits. Blocking.
///
/// # Errors
/// When the first batch is damaged, or cannot be read.
pub fn cold(segment: &Segment, offset: i64, wanted: Wanted, strategy: ColdStrategy) -> Result<Option<Bytes>, Fault> {
    let max_bytes = wanted.max_bytes.min(strategy.bytes_max) as u64;
    let (from, at) = segment.floor_of_offset(offset);
    let turn = segment.files().courtesy.turn();
    let mut headers = Headers::new(segment, from..wanted.limit, BEFORE_FIRST + max_bytes).expecting(at);
    let (start, first) = loop {
        match headers.step()? {
            None => return Ok(None),
            Some((_, header, _)) if header.last_offset() < offset => {}
            Some((start, header, true)) => break (start, header),
            Some((start, _, false)) => return Err(Fault::Damaged(start)),
        }
    };
    let mut window = headers.window;
    let most = match first.size() as u64 {
        size if size <= max_bytes => max_bytes,
        size if wanted.min_one_batch => size,
        _ => return Ok(Some(Bytes::new())),
    };
    window.check_large(start, &first)?;
    window.hold(start, first.size() as u64, most)?;
    drop(turn);
    let bytes = window.into_bytes(start, most);
    let good = good_len(&bytes, &segment.lineage, first.base_offset);
    if good == 0 {
        return Err(Fault::Damaged(start));
    }
    let read = start..start + good as u64;
    segment.reading.trusted.add(read.clone());
    read_ahead(segment, &read, from, strategy.ahead_bytes);
    let counters = segment.read_counters();
    counters.cold_reads.fetch_add(1, Ordering::Relaxed);
    counters.cold_bytes.fetch_add(good as u64, Ordering::Relaxed);
    Ok(Some(bytes.slice(..good)))
}

/// Keeps the disk busy for a reader that goes on and on, unless it is busy with commits.
fn read_ahead(segment: &Segment, read: &Range<u64>, from: u64, ahead: u64) {
    let ask = segment.reading.follow(read, from, ahead).filter(|_| !segment.files().courtesy.is_busy());
    let Some(ask) = ask else { return };
    if let (Ok(file), Ok(())) = (segment.file(), forget_absent(segment, ask.start..ask.end + SYSTEM_AHEAD)) {
        segment.read_counters().ahead_bytes.fetch_add(ask.end - ask.start, Ordering::Relaxed);
        file.read_ahead(ask);
    }
}

/// The bytes of one batch, checked. Blocking.
///
/// # Errors
/// When it is damaged, or cannot be read.
pub fn batch_at(segment: &Segment, start: u64, header: &BatchHeader) -> Result<Bytes, Fault> {
    let size = header.size() as u64;
    let mut window = Window::new(segment, start.saturating_add(size).min(segment.len()));
    window.check_large(start, header)?;
    window.hold(start, size, size)?;
    let bytes = window.into_bytes(start, size);
    let good = good_len(&bytes, &segment.lineage, header.base_offset);
    if good as u64 == size { Ok(bytes) } else { Err(Fault::Damaged(start)) }
}

/// What is not in memory will come from the disk: no longer trusted. To be called before anything reads `range` of the file.
///
/// # Errors
/// Of the system.
pub fn forget_absent(segment: &Segment, range: Range<u64>) -> io::Result<()> {
    let trusted = &segment.reading.trusted;
    let range = range.start..range.end.min(segment.len());
    if !trusted.touches(&range) {
        return Ok(());
    }
    let file = segment.file()?;
    for absent in file.absent(range)? {
        trusted.remove(&absent);
    }
    Ok(())
}

/// How many bytes of these batches are good: headers that make sense, offsets and epochs that fit from `first` on, right checksums.
fn good_len(bytes: &[u8], lineage: &Lineage, first: i64) -> usize {
    let (mut end, mut next) = (0, first);
    for found in Batches::new(bytes) {
        let whole = bytes.get(found.start..found.end).unwrap_or_default();
        if !lineage.fits(&found.header, next) || !batch::crc_matches(whole, &found.header) {
            break;
        }
        (end, next) = (found.end, found.header.next_offset());
    }
    end
}

/// The headers of a segment one after the other, read from the file. Blocking. Nothing is checked but that they make sense; an offset that is
/// known without them is the one that is given.
pub struct Headers<'a> {
    window: Window<'a>,
    position: u64,
    next_offset: i64,
    step: u64,
}

impl<'a> Headers<'a> {
    /// From the batch that begins with `range`; reads `step` bytes at a time.
    pub fn new(segment: &'a Segment, range: Range<u64>, step: u64) -> Self {
        Self { window: Window::new(segment, range.end), position: range.start, next_offset: ANY_OFFSET, step }
    }

    /// As the first batch has this offset, or a later one in a copy.
    pub fn expecting(self, next_offset: i64) -> Self {
        Self { next_offset, ..self }
    }

    /// The next batch: where it begins, and its header. None at the end.
    ///
    /// # Errors
    /// When there is none where one should begin, or the file cannot be read.
    pub fn next(&mut self) -> Result<Option<(u64, BatchHeader)>, Fault> {
        Ok(self.step()?.map(|(position, header, _)| (position, header)))
    }

    /// As `next`, with whether the batch is what it must be.
    fn step(&mut self) -> Result<Option<(u64, BatchHeader, bool)>, Fault> {
        let position = self.position;
        if position >= self.window.limit {
            return Ok(None);
        }
        self.window.hold(position, HEADER_LEN as u64, self.step)?;
        let mut header = BatchHeader::parse(self.window.from(position)).map_err(|_| Fault::Damaged(position))?;
        let lineage = &self.window.segment.lineage;
        let fits = lineage.fits(&header, self.next_offset);
        header.base_offset = lineage.exact(self.next_offset).unwrap_or(header.base_offset);
        let end = position.saturating_add(header.size() as u64);
        if end > self.window.limit || header.base_offset < self.next_offset || header.last_offset_delta < 0 {
            return Err(Fault::Damaged(position));
        }
        (self.position, self.next_offset) = (end, header.next_offset());
        Ok(Some((position, header, fits)))
    }

    /// The next batch that `wanted` holds for.
    ///
    /// # Errors
    /// As `next`.
    pub fn find(&mut self, wanted: impl Fn(&BatchHeader) -> bool) -> Result<Option<(u64, BatchHeader)>, Fault> {
        while let Some((position, header)) = self.next()? {
            if wanted(&header) {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }
}

/// A stretch of the file in memory of our own.
struct Window<'a> {
    segment: &'a Segment,
    limit: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'a> Window<'a> {
    fn new(segment: &'a Segment, limit: u64) -> Self {
        Self { segment, limit, start: 0, bytes: Vec::new() }
    }

    /// Checks a batch that is larger than what is read at a time: before it may take so much memory, its length must be true.
    fn check_large(&mut self, start: u64, header: &BatchHeader) -> Result<(), Fault> {
        let end = start + header.size() as u64;
        if header.size() <= PIECE_BYTES {
            return Ok(());
        }
        let (mut at, mut crc) = (start + batch::CRC_START as u64, 0);
        while at < end {
            let step = (end - at).min(PIECE_BYTES as u64);
            self.hold(at, step, step)?;
            let piece = self.from(at);
            crc = crc32c::crc32c_append(crc, piece.get(..step as usize).unwrap_or(piece));
            at += step;
        }
        if crc == header.crc { Ok(()) } else { Err(Fault::Damaged(start)) }
    }

    /// Has `needed` bytes from `position` on, or all up to the limit; where it must read for that, it reads `wish` bytes if it can.
    fn hold(&mut self, position: u64, needed: u64, wish: u64) -> Result<(), Fault> {
        let needed_end = position.saturating_add(needed).min(self.limit);
        if self.start <= position && needed_end <= self.start + self.bytes.len() as u64 {
            return Ok(());
        }
        let end = position.saturating_add(wish.max(needed)).min(self.limit);
        let file = self.segment.file().map_err(|error| Fault::Unreadable(position, error))?;
        forget_absent(self.segment, position..end + SYSTEM_AHEAD)
            .map_err(|error| Fault::Unreadable(position, error))?;
        let (bytes, error) = file.read_some(position, usize::try_from(end.saturating_sub(position)).unwrap_or(0));
        let read_end = position + bytes.len() as u64;
        self.bytes = bytes;
        self.start = position;
        match error {
            Some(error) if read_end < needed_end => Err(Fault::Unreadable(read_end, error)),
            _ => Ok(()),
        }
    }

    fn from(&self, position: u64) -> &[u8] {
        let at = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        self.bytes.get(at..).unwrap_or_default()
    }

    fn into_bytes(self, position: u64, len: u64) -> Bytes {
        let from = usize::try_from(position - self.start).unwrap_or(0).min(self.bytes.len());
        let to = from.saturating_add(usize::try_from(len).unwrap_or(usize::MAX)).min(self.bytes.len());
        Bytes::from(self.bytes).slice(from..to)
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
