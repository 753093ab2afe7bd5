//! Passes over segments in a directory.

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use catena_protocol::batch::BatchHeader;
use catena_protocol::records::{BatchBuilder, RecordReader};
use tempfile::TempDir;

use super::pass::{Compacted, Pass, PassError};
use super::plan::Candidate;
use crate::batches::Batches;
use crate::config::{CleanerOptions, LogConfig};
use crate::files::ChainFiles;
use crate::fs::RealFileSystem;
use crate::ids::{ChainId, SegmentId, StoreId};
use crate::segment::Segment;

fn chain(sequence: u32) -> ChainId {
    ChainId { epoch: 1, sequence, store: StoreId::new(5).unwrap() }
}

const OLD: u32 = 7;
const NEW: u32 = 9;

/// A log of one key in each record, `key = offset % keys`, ten records in a batch, four batches in a segment.
struct Fixture {
    dir: TempDir,
    files: Arc<ChainFiles>,
    segments: Vec<Arc<Segment>>,
    config: LogConfig,
    options: CleanerOptions,
    producers: HashMap<i64, i64>,
}

impl Fixture {
    fn new(segments: i64, keys: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(ChainFiles::new(Arc::new(RealFileSystem), dir.path().to_owned()));
        let segments = (0..segments).map(|at| Arc::new(segment(&files, at * 40, keys))).collect();
        let config = LogConfig { index_interval_bytes: 100, ..LogConfig::default() };
        let options = CleanerOptions { io_buffer_bytes: 1_000, ..CleanerOptions::default() };
        Self { dir, files, segments, config, options, producers: HashMap::new() }
    }

    fn run(&self, dirty_from: i64, end_max: i64) -> Result<Compacted, PassError> {
        self.run_while(dirty_from, end_max, &|| true)
    }

    fn run_while(&self, dirty_from: i64, end_max: i64, go_on: &dyn Fn() -> bool) -> Result<Compacted, PassError> {
        let candidate = Candidate { dirty_from, end_max, clean_bytes: 0, cleanable_bytes: 1, overdue_ms: 0 };
        let pass = Pass {
            segments: &self.segments,
            candidate,
            config: &self.config,
            options: &self.options,
            producers: &self.producers,
            now_ms: 1_000,
            secret: [3; 16],
            files: self.files.clone(),
            chain: chain(NEW),
            go_on: &|_, _| go_on(),
        };
        pass.run()
    }

    fn new_files(&self) -> usize {
        let fan_out = std::fs::read_dir(self.dir.path()).unwrap();
        let files = fan_out.flat_map(|dir| std::fs::read_dir(dir.unwrap().path()).unwrap());
        files.filter(|file| is_of(chain(NEW), &file.as_ref().unwrap().path())).count()
    }
}

fn is_of(chain: ChainId, path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    SegmentId::of_file_name(&format!("{name}.log")).is_some_and(|id| id.chain == chain)
}

fn segment(files: &Arc<ChainFiles>, base_offset: i64, keys: i64) -> Segment {
    let segment = Segment::create(files, SegmentId { chain: chain(OLD), base_offset }).unwrap();
    for first in (base_offset..base_offset + 40).step_by(10) {
        let mut builder = BatchBuilder::new().with_producer(first / 10, 0, 0);
        for offset in first..first + 10 {
            builder.push(offset, Some((offset % keys).to_string().as_bytes()), Some(&[1; 20]));
        }
        let mut batch = builder.build().unwrap().to_vec();
        batch[..8].copy_from_slice(&first.to_be_bytes());
        let header = BatchHeader::parse_whole(&batch).unwrap();
        segment.append(&[header], [&batch, &[]], first, 100).unwrap();
    }
    segment
}

fn offsets(segments: &[Arc<Segment>]) -> Vec<i64> {
    let mut offsets = Vec::new();
    for segment in segments {
        let view = segment.view(0..segment.len()).unwrap();
        for found in Batches::new(&view) {
            let records = RecordReader::new(&view[found.start..found.end]).unwrap();
            offsets.extend(records.map(|record| record.unwrap().offset));
        }
    }
    offsets
}

#[test]
fn the_last_record_of_each_key_stays_at_its_offset() {
    let log = Fixture::new(3, 35);
    let compacted = log.run(0, 120).unwrap();
    assert_eq!((compacted.cleaned_to, compacted.chain_end, compacted.replaced), (120, 120, 3));
    assert_eq!(offsets(&compacted.segments), (85..120).collect::<Vec<_>>());
    let stats = compacted.stats;
    assert_eq!((stats.records.read, stats.records.kept, stats.records.keyless), (120, 35, 0));
    assert!(stats.bytes_written * 2 < stats.bytes_read);
    let first = &compacted.segments[0];
    assert_eq!((first.id.base_offset, first.committed_len(), first.max_timestamp()), (0, first.len(), 119));
    assert_eq!(first.in_place_len(), first.len());
    for offset in 0..120 {
        let (_, found) = first.find_offset(offset, first.len()).unwrap().unwrap();
        assert_eq!(found.base_offset, (offset / 10 * 10).max(80), "a reader at {offset} goes on with what is left");
    }
}

#[test]
fn new_segments_are_filled_up_but_not_beyond_their_size() {
    let mut log = Fixture::new(4, 1_000);
    let whole: u64 = log.segments.iter().map(|segment| segment.len()).sum();
    log.config.segment_bytes = (whole / 3) as u32;
    let compacted = log.run(0, 160).unwrap();
    assert_eq!(offsets(&compacted.segments), (0..160).collect::<Vec<_>>());
    assert_eq!(compacted.segments.iter().map(|segment| segment.id.base_offset).collect::<Vec<_>>(), [0, 50, 100, 150]);
    assert!(compacted.segments.iter().all(|segment| segment.len() <= whole / 3));
    let second = &compacted.segments[1];
    assert_eq!(second.stamp_at(70), 70, "stamps go with their batches");
}

#[test]
fn when_the_keys_do_not_fit_the_pass_ends_where_they_do() {
    let mut log = Fixture::new(3, 1_000);
    log.options.dedupe_buffer_bytes = 24 * 51;
    log.options.dedupe_load_factor = 1.0;
    let compacted = log.run(0, 120).unwrap();
    assert_eq!((compacted.cleaned_to, compacted.chain_end, compacted.replaced), (50, 80, 2));
    assert_eq!(offsets(&compacted.segments), (0..80).collect::<Vec<_>>());
    log.options.dedupe_buffer_bytes = 24;
    assert!(matches!(log.run(0, 120), Err(PassError::NoRoom)));
}

#[test]
fn keys_of_the_clean_part_go_when_the_dirty_part_has_them() {
    let mut log = Fixture::new(3, 1_000);
    log.segments[2] = Arc::new(segment(&log.files, 80, 30));
    // Offsets 80 to 119 have the keys 20 to 29, 0 to 29: each is in the clean part, and each once more in the dirty one.
    let compacted = log.run(80, 120).unwrap();
    assert_eq!(offsets(&compacted.segments), (30..80).chain(90..120).collect::<Vec<_>>());
}

#[test]
fn last_batches_of_live_producers_stay_without_records() {
    let mut log = Fixture::new(2, 10);
    log.producers = HashMap::from([(2, 29), (3, 38)]);
    let compacted = log.run(0, 80).unwrap();
    let view = compacted.segments[0].view(0..compacted.segments[0].len()).unwrap();
    let batches: Vec<_> =
        Batches::new(&view).map(|found| (found.header.base_offset, found.header.record_count)).collect();
    assert_eq!(batches, [(20, 0), (70, 10)]);
}

#[test]
fn what_is_given_up_leaves_no_file() {
    let log = Fixture::new(3, 35);
    for steps in 0..100 {
        let left = Cell::new(steps);
        let outcome = log.run_while(0, 120, &|| left.replace(left.get() - 1) > 0);
        let Err(error) = outcome else { return assert!(steps > 12, "a pass has more steps than {steps}") };
        assert!(matches!(error, PassError::Stopped), "{error}");
        assert_eq!(log.new_files(), 0, "after {steps} steps");
    }
    panic!("a pass has fewer steps");
}

#[test]
fn a_damaged_batch_is_named_and_nothing_is_written() {
    let log = Fixture::new(3, 35);
    let path = log.segments[1].id.log_path(log.dir.path());
    let (position, _) = log.segments[1].find_offset(60, log.segments[1].len()).unwrap().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[position as usize + 100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for dirty_from in [0, 80] {
        let Err(PassError::Damaged { base_offset, position: at, reason }) = log.run(dirty_from, 120) else {
            panic!("the damage is not seen")
        };
        assert_eq!((base_offset, at, &reason[..]), (40, position, "the CRC is wrong"));
        assert_eq!(log.new_files(), 0);
    }
}

#[test]
fn a_segment_that_is_gone_is_an_error_of_the_disk() {
    let log = Fixture::new(2, 35);
    std::fs::remove_file(log.segments[0].id.log_path(log.dir.path())).unwrap();
    let outcome = log.run(0, 80);
    assert!(matches!(outcome, Err(PassError::Read(error)) if error.kind() == io::ErrorKind::NotFound));
}
