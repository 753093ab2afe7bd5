//! Cutting a stream of bytes into frames: a four byte length, then that many bytes.
//!
//! What must always hold: memory follows the bytes that really arrived. A length alone reserves at most what the
//! same peer has already filled once (`trusted`, at most `TRUSTED_MAX`) or twice what it sent of this frame.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

const LENGTH_LEN: usize = 4;
/// Room for the first bytes of a connection and for all small requests.
const ROOM_MIN: usize = 4 * 1024;
/// A length may reserve this much at once, if the peer sent as large a frame before.
const TRUSTED_MAX: usize = 1024 * 1024;
/// Less room than this is not worth a system call when more is missing.
const SCRAP_MAX: usize = 512;

/// A length no frame can have. The connection cannot be used any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// Less than zero.
    #[error("frame length {0} is negative")]
    Negative(i32),
    /// More than `socket.request.max.bytes`.
    #[error("frame of {size} bytes exceeds socket.request.max.bytes {max}")]
    TooLarge {
        /// The length sent.
        size: usize,
        /// The limit.
        max: usize,
    },
}

/// Bytes received and not yet taken as frames.
#[derive(Debug)]
pub struct FrameBuffer {
    received: BytesMut,
    frame_bytes_max: usize,
    trusted: usize,
}

impl FrameBuffer {
    /// An empty buffer that refuses frames of more than `frame_bytes_max` bytes.
    pub fn new(frame_bytes_max: usize) -> Self {
        Self { received: BytesMut::new(), frame_bytes_max, trusted: ROOM_MIN }
    }

    /// Takes the next whole frame, without its length; None as long as it is not all there.
    ///
    /// # Errors
    /// `FrameError` as soon as the length is known and impossible.
    pub fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(len) = self.next_len()? else { return Ok(None) };
        if self.received.len() < LENGTH_LEN + len {
            return Ok(None);
        }
        self.trusted = len.clamp(ROOM_MIN, TRUSTED_MAX);
        self.received.advance(LENGTH_LEN);
        Ok(Some(self.received.split_to(len).freeze()))
    }

    /// Where to read the next bytes into; never without room.
    pub fn room(&mut self) -> &mut BytesMut {
        let missing = match self.next_len() {
            Ok(Some(len)) => (LENGTH_LEN + len).saturating_sub(self.received.len()),
            _ => 0,
        };
        if self.received.capacity() - self.received.len() < missing.clamp(1, SCRAP_MAX) {
            let allowed = self.received.len().max(self.trusted);
            self.received.reserve(if missing == 0 { ROOM_MIN } else { missing.min(allowed) });
        }
        &mut self.received
    }

    /// Whether part of a frame has arrived.
    pub fn is_mid_frame(&self) -> bool {
        !self.received.is_empty()
    }

    fn next_len(&self) -> Result<Option<usize>, FrameError> {
        let Some(length) = self.received.first_chunk::<LENGTH_LEN>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let size = usize::try_from(length).map_err(|_| FrameError::Negative(length))?;
        if size > self.frame_bytes_max {
            return Err(FrameError::TooLarge { size, max: self.frame_bytes_max });
        }
        Ok(Some(size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(buffer: &mut FrameBuffer, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let room = buffer.room();
            let n = left.len().min(room.capacity() - room.len());
            assert!(n > 0, "room() gave no room");
            room.extend_from_slice(&left[..n]);
            left = &left[n..];
        }
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut out = (body.len() as i32).to_be_bytes().to_vec();
        out.extend_from_slice(body);
        out
    }

    #[test]
    fn frames_come_out_whole_and_in_order_however_the_bytes_are_cut() {
        let bodies: [&[u8]; 4] = [b"first", b"", &[7; 100_000], b"last"];
        let stream: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        for step in [1, 3, 4, 5, 1000, stream.len()] {
            let mut buffer = FrameBuffer::new(1 << 20);
            let mut out = Vec::new();
            for piece in stream.chunks(step) {
                receive(&mut buffer, piece);
                while let Some(frame) = buffer.take().unwrap() {
                    out.push(frame);
                }
            }
            assert_eq!(out, bodies, "step {step}");
            assert!(!buffer.is_mid_frame());
        }
    }

    #[test]
    fn impossible_lengths_are_refused_before_anything_is_reserved() {
        for (length, error) in [
            (i32::MAX, FrameError::TooLarge { size: i32::MAX as usize, max: 100 }),
            (101, FrameError::TooLarge { size: 101, max: 100 }),
            (-1, FrameError::Negative(-1)),
        ] {
            let mut buffer = FrameBuffer::new(100);
            receive(&mut buffer, &length.to_be_bytes());
            assert_eq!(buffer.take(), Err(error));
            assert!(buffer.received.capacity() <= ROOM_MIN);
        }
    }

    #[test]
    fn a_large_length_and_silence_reserves_little() {
        let mut buffer = FrameBuffer::new(100 << 20);
        receive(&mut buffer, &(90_i32 << 20).to_be_bytes());
        assert_eq!(buffer.take(), Ok(None));
        assert!(buffer.room().capacity() <= 2 * ROOM_MIN);
    }

    #[test]
    fn the_buffer_at_most_doubles() {
        let mut buffer = FrameBuffer::new(100 << 20);
        receive(&mut buffer, &(90_i32 << 20).to_be_bytes());
        while buffer.received.len() < 8 << 20 {
            let before = buffer.received.len();
            let room = buffer.room();
            let capacity = room.capacity();
            assert!(capacity <= 2 * before.max(2 * ROOM_MIN), "{before} bytes there, {capacity} reserved");
            let filled = vec![0; capacity - before];
            room.extend_from_slice(&filled);
        }
    }
}
