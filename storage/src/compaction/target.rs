//! Writing the chain that takes the place of others.
//!
//! What must always hold: nobody reads a segment of it before it is durable and the catalog has it; what is given up leaves no
//! file; the segments begin at growing offsets, the first one where the chain does.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catena_protocol::batch::BatchHeader;

use crate::files::ChainFiles;
use crate::ids::{ChainId, SegmentId};
use crate::segment::Segment;

/// Bytes written between two syncs, so that the last one is short and commits find the disk free.
const SYNC_EVERY: u64 = 16 << 20;
/// After a sync as much time is left to others, but not more than this.
const REST_MAX: Duration = Duration::from_millis(200);

/// How segments are made.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Bytes of a segment at most, unless a single batch has more (`segment.bytes`).
    pub segment_bytes: u64,
    /// Bytes between index entries (`index.interval.bytes`).
    pub index_interval_bytes: u32,
    /// Bytes gathered before they are written.
    pub buffer_bytes: usize,
}

/// A chain in the making.
pub struct Target {
    files: Arc<ChainFiles>,
    chain: ChainId,
    shape: Shape,
    segments: Vec<Arc<Segment>>,
    gathered: Gathered,
    unsynced: u64,
}

/// Batches that are not written yet.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    headers: Vec<BatchHeader>,
    stamp: i64,
}

impl Target {
    /// An empty chain that begins at `start`.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(files: Arc<ChainFiles>, chain: ChainId, start: i64, shape: Shape) -> io::Result<Self> {
        let mut target = Self { files, chain, shape, segments: Vec::new(), gathered: Gathered::default(), unsynced: 0 };
        target.begin(start)?;
        Ok(target)
    }

    /// Adds a batch with its stamp. How long to leave the disk to others now.
    ///
    /// # Errors
    /// Of the file system.
    pub fn push(&mut self, batch: &[u8], header: &BatchHeader, stamp: i64) -> io::Result<Duration> {
        let mut rest = Duration::ZERO;
        let tail = self.segments.last().map_or(0, |tail| tail.len()) + self.gathered.bytes.len() as u64;
        if tail > 0 && tail + batch.len() as u64 > self.shape.segment_bytes {
            rest = self.end_segment()?;
            self.begin(header.base_offset)?;
        } else if self.gathered.bytes.len() + batch.len() > self.shape.buffer_bytes {
            rest = self.write()?;
        }
        if self.gathered.headers.is_empty() {
            self.gathered.stamp = stamp;
        }
        self.gathered.bytes.extend_from_slice(batch);
        self.gathered.headers.push(*header);
        Ok(rest)
    }

    /// The segments, all of them durable.
    ///
    /// # Errors
    /// Of the file system.
    pub fn finish(&mut self) -> io::Result<Vec<Arc<Segment>>> {
        self.end_segment()?;
        Ok(std::mem::take(&mut self.segments))
    }

    fn begin(&mut self, base_offset: i64) -> io::Result<()> {
        let id = SegmentId { chain: self.chain, base_offset };
        self.segments.push(Arc::new(Segment::create(&self.files, id)?));
        Ok(())
    }

    fn write(&mut self) -> io::Result<Duration> {
        let Gathered { bytes, headers, stamp } = std::mem::take(&mut self.gathered);
        let Some(tail) = self.segments.last() else { return Ok(Duration::ZERO) };
        tail.append(&headers, [&bytes, &[]], stamp, self.shape.index_interval_bytes)?;
        self.unsynced += bytes.len() as u64;
        if self.unsynced < SYNC_EVERY {
            return Ok(Duration::ZERO);
        }
        self.unsynced = 0;
        let begun = Instant::now();
        tail.sync()?;
        Ok(begun.elapsed().min(REST_MAX))
    }

    fn end_segment(&mut self) -> io::Result<Duration> {
        let rest = self.write()?;
        if let Some(tail) = self.segments.last() {
            tail.sync()?;
            tail.finish(0)?;
            tail.set_committed(tail.len());
            tail.set_registered();
            tail.set_complete();
        }
        self.unsynced = 0;
        Ok(rest)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.segments.iter().for_each(|segment| segment.remove_files());
    }
}
