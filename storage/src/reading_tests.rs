//! A disk with a bad sector, under a segment.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;

use catena_protocol::records::BatchBuilder;
use memmap2::MmapRaw;
use tempfile::TempDir;

use super::*;
use crate::files::ChainFiles;
use crate::fs::{File, FileSystem, Open, RealFileSystem};
use crate::ids::{ChainId, SegmentId, StoreId};
use crate::segment::SegmentSummary;

const SECTOR: u64 = 512;

/// The file system of this machine, but that one sector of every file cannot be read.
#[derive(Debug)]
struct BadSector(u64);

#[derive(Debug)]
struct BadFile(Arc<dyn File>, u64);

impl FileSystem for BadSector {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(BadFile(RealFileSystem.open(path, how)?, self.0)))
    }
    crate::fs::names_as_real!();
}

impl File for BadFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    /// As the system does it: what lies before the sector first, and then the error.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        if (self.1..self.1 + SECTOR).contains(&position) {
            return Err(io::Error::other("bad sector"));
        }
        let before = usize::try_from(self.1.saturating_sub(position)).unwrap();
        let len = if before == 0 { buffer.len() } else { buffer.len().min(before) };
        self.0.read_at(&mut buffer[..len], position)
    }
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.0.write_at(parts, position)
    }
    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.0.allocate(position, len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.0.sync()
    }
    fn try_lock(&self) -> io::Result<()> {
        self.0.try_lock()
    }
    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>> {
        self.0.map(len)
    }
}

const BATCHES: i64 = 100;

/// A sealed segment of a hundred batches of one record each, on a disk with a bad sector. Where a batch begins: at a
/// multiple of the length of the first.
fn on_a_bad_disk(sector: u64) -> (TempDir, Segment, u64) {
    let dir = tempfile::tempdir().unwrap();
    let id = SegmentId { chain: ChainId { epoch: 1, sequence: 1, store: StoreId::new(5).unwrap() }, base_offset: 0 };
    let files = |fs| Arc::new(ChainFiles::new(fs, dir.path().to_owned()));
    let made = Segment::create(&files(Arc::new(RealFileSystem)), id).unwrap();
    for offset in 0..BATCHES {
        let mut builder = BatchBuilder::new();
        builder.push(1, None, Some(&[1; 900]));
        let mut batch = builder.build().unwrap().to_vec();
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        made.append(&[BatchHeader::parse_whole(&batch).unwrap()], [&batch, &[]], 1, 4096).unwrap();
    }
    made.sync().unwrap();
    made.finish(0).unwrap();
    let summary = SegmentSummary { len: made.len(), ..made.summary() };
    let segment = Segment::sealed(&files(Arc::new(BadSector(sector))), id.chain, summary);
    (dir, segment, made.len() / BATCHES as u64)
}

fn cold_from(segment: &Segment, offset: i64) -> Result<Option<Bytes>, Fault> {
    cold_by(segment, offset, ColdStrategy::default())
}

fn cold_by(segment: &Segment, offset: i64, strategy: ColdStrategy) -> Result<Option<Bytes>, Fault> {
    cold(segment, offset, Wanted { max_bytes: 1 << 20, min_one_batch: true, limit: segment.len() }, strategy)
}

#[test]
fn what_lies_around_a_bad_sector_is_served() {
    let sector = 50_176;
    let (_dir, segment, size) = on_a_bad_disk(sector);
    let bad = i64::try_from(sector / size).unwrap();
    let before = cold_from(&segment, 0).unwrap().unwrap();
    assert_eq!(before.len() as u64, bad as u64 * size, "the batches before it");
    for offset in bad..=i64::try_from((sector + SECTOR - 1) / size).unwrap() {
        let Err(Fault::Unreadable(position, _)) = cold_from(&segment, offset) else { panic!("offset {offset}") };
        assert!((sector..sector + SECTOR).contains(&position), "position {position}");
    }
    // Where the next entry of the index is.
    let on = (bad + 1..BATCHES).find(|offset| cold_from(&segment, *offset).is_ok()).unwrap();
    assert!(on < bad + 7, "goes on at {on}");
    let behind = cold_from(&segment, on).unwrap().unwrap();
    assert_eq!(behind.len() as u64, (BATCHES - on) as u64 * size);
}

#[test]
fn a_reader_that_goes_on_is_read_ahead_for_and_one_that_jumps_is_not() {
    let reading = Reading::new(Trusted::nothing());
    let (piece, ahead) = (1 << 20, 4 << 20);
    let follow = |range: Range<u64>| reading.follow(&range, range.start, ahead);
    assert_eq!(follow(0..piece), Some(piece..piece + ahead), "the beginning of a segment");
    assert_eq!(follow(piece..2 * piece), None, "enough is asked for");
    assert_eq!(follow(90 * piece..91 * piece), None, "somebody jumps");
    assert_eq!(follow(2 * piece..3 * piece), None);
    assert_eq!(follow(3 * piece..4 * piece), Some(piece + ahead..4 * piece + ahead));
    assert_eq!(follow(91 * piece..92 * piece), Some(92 * piece..92 * piece + ahead), "goes on");
    assert_eq!(reading.follow(&(92 * piece..93 * piece), 92 * piece, 0), None, "one that wants nothing ahead");
}

#[test]
fn a_reader_gets_as_much_at_once_as_its_strategy_says() {
    let (_dir, segment, size) = on_a_bad_disk(1 << 30);
    let read = |bytes_max, ahead_bytes| {
        cold_by(&segment, 0, ColdStrategy { bytes_max, ahead_bytes }).unwrap().unwrap().len() as u64
    };
    assert_eq!(read(1, 0), size, "one batch in any case");
    assert_eq!(read(10 * size as usize, 0), 10 * size);
    assert_eq!(segment.read_counters().stats().ahead_bytes, 0);
    assert_eq!(read(1 << 20, 8192), BATCHES as u64 * size);
    assert_eq!(segment.read_counters().stats().ahead_bytes, 8192);
}
