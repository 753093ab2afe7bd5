//! Prepared produce requests.
//!
//! What must always hold: a frame is built once and is the same for every broker and connection; it is sent from memory
//! that the kernel reads in place (`sendfile` from a memory file), so that sending large frames costs the generator next
//! to nothing. Small ones are cheaper to copy.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::net::TcpStream;

use rustix::fs::{MemfdFlags, memfd_create, sendfile};
use rustix::net::{SendFlags, send};

use super::Shape;
use crate::wire::batch::BatchBuilder;
use crate::wire::{ProduceFrame, ProduceHeader, Result, Topic, now_ms};

/// Length, API, version, correlation id: what is sent from a copy, because the last of them changes.
const HEAD_BYTES: usize = 12;
const CORRELATION_AT: usize = 8;
/// From this size on `sendfile` is cheaper than a copy.
const SENDFILE_BYTES: usize = 32 << 10;

/// All frames of a load: those of a client have, together, one batch for each partition.
#[derive(Debug)]
pub struct Frames {
    bytes: Vec<u8>,
    memory: File,
    frames: Vec<Frame>,
    /// How many clients there are; each has as many frames.
    clients: usize,
    /// Record-batch bytes of all frames together.
    batch_bytes: u64,
}

/// Where a frame is, and what it carries.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    at: usize,
    len: usize,
    /// Batches in it.
    pub batches: usize,
    /// Their bytes.
    pub batch_bytes: u64,
}

impl Frames {
    /// Builds the requests for every partition of `topic`.
    ///
    /// # Errors
    /// When the system has no memory file.
    pub fn build(topic: &Topic, shape: Shape) -> Result<Self> {
        Self::build_for(topic, shape, &["wire".to_owned()])
    }

    /// The same for each of some clients, by what they call themselves.
    ///
    /// # Errors
    /// When the system has no memory file.
    pub fn build_for(topic: &Topic, shape: Shape, clients: &[String]) -> Result<Self> {
        let (batch, _) = batch(shape);
        let (mut bytes, mut frames) = (Vec::new(), Vec::new());
        let partitions = topic.all();
        let requests = || partitions.chunks(shape.batches_per_request);
        for (client, partitions) in clients.iter().flat_map(|client| requests().map(move |chunk| (client, chunk))) {
            let batches: Vec<(i32, &[u8])> = partitions.iter().map(|partition| (*partition, &batch[..])).collect();
            let frame = ProduceFrame::build_as(client, topic, ProduceHeader::default(), &batches);
            let (at, len) = (bytes.len(), frame.bytes().len());
            bytes.extend_from_slice(frame.bytes());
            frames.push(Frame { at, len, batches: batches.len(), batch_bytes: frame.batch_bytes() as u64 });
        }
        let mut memory = File::from(memfd_create("frames", MemfdFlags::CLOEXEC)?);
        memory.write_all(&bytes)?;
        let batch_bytes = frames.iter().map(|frame| frame.batch_bytes).sum();
        Ok(Self { bytes, memory, frames, clients: clients.len(), batch_bytes })
    }

    /// The frame of the `turn`th request, if it goes over connection `lane`.
    pub fn get(&self, lane: usize, turn: usize) -> Frame {
        let each = self.frames.len() / self.clients;
        self.frames[lane % self.clients * each + turn % each]
    }

    /// Requests that carry about so many bytes of batches, but one of each frame at least.
    pub fn requests_for(&self, bytes: u64) -> u64 {
        (bytes * self.frames.len() as u64 / self.batch_bytes).max(self.frames.len() as u64)
    }

    /// Sends more of a frame of which `sent` bytes are sent already; returns how many.
    ///
    /// # Errors
    /// Of the socket; `WouldBlock` when it takes no more now.
    pub fn send(&self, frame: Frame, correlation_id: i32, sent: usize, stream: &TcpStream) -> io::Result<usize> {
        let head = self.head(frame, correlation_id);
        if frame.len < SENDFILE_BYTES {
            let body = &self.bytes[frame.at + HEAD_BYTES.max(sent)..frame.at + frame.len];
            let parts = [IoSlice::new(&head[sent.min(HEAD_BYTES)..]), IoSlice::new(body)];
            return (&mut &*stream).write_vectored(&parts);
        }
        if sent < HEAD_BYTES {
            return Ok(send(stream, &head[sent..], SendFlags::MORE | SendFlags::DONTWAIT)?);
        }
        let mut offset = (frame.at + sent) as u64;
        Ok(sendfile(stream, &self.memory, Some(&mut offset), frame.len - sent)?)
    }

    fn head(&self, frame: Frame, correlation_id: i32) -> [u8; HEAD_BYTES] {
        let mut head = [0; HEAD_BYTES];
        head.copy_from_slice(&self.bytes[frame.at..frame.at + HEAD_BYTES]);
        head[CORRELATION_AT..].copy_from_slice(&correlation_id.to_be_bytes());
        head
    }
}

impl Frame {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never: a frame has a header.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// A batch of `shape`, without a producer, and its number of records.
pub fn batch(shape: Shape) -> (Vec<u8>, i32) {
    let value: Vec<u8> = (0..shape.value_bytes).map(|i| (i * 31 % 251) as u8).collect();
    let mut builder = BatchBuilder::new(now_ms());
    let mut count = 0;
    let mut per_record = 0;
    while count == 0 || builder.size() + per_record <= shape.batch_bytes {
        let before = builder.size();
        builder.push(None, Some(&value));
        per_record = builder.size() - before;
        count += 1;
    }
    (builder.build(), count)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use uuid::Uuid;

    use super::*;

    const SHAPE: Shape =
        Shape { value_bytes: 1024, batch_bytes: 16 << 10, batches_per_request: 3, connections: 1, window: 1 };

    #[test]
    fn a_batch_is_filled_up_to_its_size_but_never_empty() {
        let (bytes, count) = batch(SHAPE);
        assert_eq!(count, 15);
        assert!(bytes.len() <= 16 << 10);
        assert_eq!(batch(Shape { batch_bytes: 0, ..SHAPE }).1, 1);
    }

    #[test]
    fn frames_large_and_small_arrive_whole_with_their_correlation_id() {
        let topic = Topic { name: "t".into(), id: Uuid::from_u128(1), partitions: 7 };
        for batch_bytes in [16 << 10, 0] {
            let frames = Frames::build(&topic, Shape { batch_bytes, ..SHAPE }).unwrap();
            assert_eq!(frames.frames.iter().map(|frame| frame.batches).collect::<Vec<_>>(), [3, 3, 1]);
            for turn in 0..4 {
                arrives_whole(&frames, turn);
            }
        }
    }

    fn arrives_whole(frames: &Frames, turn: usize) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut other, _) = listener.accept().unwrap();
        let frame = frames.get(0, turn);
        let reader = std::thread::spawn(move || {
            let mut received = vec![0; frame.len()];
            other.read_exact(&mut received).map(|()| received)
        });
        let mut sent = 0;
        while sent < frame.len() {
            sent += frames.send(frame, 0x0102_0304, sent, &stream).unwrap();
        }
        let received = reader.join().unwrap().unwrap();
        assert_eq!(received[CORRELATION_AT..HEAD_BYTES], [1, 2, 3, 4]);
        assert_eq!(received[HEAD_BYTES..], frames.bytes[frame.at + HEAD_BYTES..frame.at + frame.len]);
        assert_eq!(received[..CORRELATION_AT], frames.bytes[frame.at..frame.at + CORRELATION_AT]);
    }
}
