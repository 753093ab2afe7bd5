//! Writing replies: vectored writes, from memory and from mapped segments alike (docs/decisions/0006-write-from-the-map.md).
//!
//! What must always hold: either a reply leaves whole and in order, or the connection ends. Replies that are ready together
//! leave together: a group commit answers many requests of a connection, and a call for each would be most of their cost.

use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use super::connection::Activity;
use crate::reply::Reply;

/// Chunks handed to the kernel in one call.
const SLICES_PER_WRITE: usize = 64;
/// Bytes from which replies are not held for others.
const GATHERED_BYTES_MAX: usize = 64 * 1024;

/// Replies that leave together.
#[derive(Debug, Default)]
pub struct Outgoing {
    chunks: Vec<Bytes>,
    bytes: usize,
}

impl Outgoing {
    /// Adds a reply behind the others.
    pub fn add(&mut self, reply: Reply) {
        self.bytes += reply.len();
        self.chunks.extend(reply.chunks.into_iter().filter(|chunk| !chunk.is_empty()));
    }

    /// Whether one more reply is worth looking for.
    pub fn has_room(&self) -> bool {
        self.bytes < GATHERED_BYTES_MAX && self.chunks.len() < SLICES_PER_WRITE
    }

    /// Writes everything.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn write(mut self, stream: &TcpStream, activity: &Activity) -> io::Result<()> {
        let mut first = 0;
        while first < self.chunks.len() {
            let written = write_some(stream, &self.chunks[first..]).await?;
            activity.sent(written);
            first += advance(&mut self.chunks[first..], written);
        }
        Ok(())
    }
}

async fn write_some(stream: &TcpStream, pending: &[Bytes]) -> io::Result<usize> {
    loop {
        let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
        let count = pending.len().min(SLICES_PER_WRITE);
        for (slice, bytes) in slices.iter_mut().zip(pending) {
            *slice = IoSlice::new(bytes);
        }
        match stream.try_write_vectored(&slices[..count]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            other => return other,
        }
    }
}

/// Drops `written` bytes from the front; the number of chunks that are done.
fn advance(pending: &mut [Bytes], mut written: usize) -> usize {
    for (index, bytes) in pending.iter_mut().enumerate() {
        if written < bytes.len() {
            bytes.advance(written);
            return index;
        }
        written -= bytes.len();
        bytes.clear();
    }
    pending.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_gathered_until_they_are_large_or_many() {
        let reply = |len: usize| Reply::whole(Bytes::from(vec![1; len]));
        let mut out = Outgoing::default();
        out.add(reply(0));
        assert!(out.chunks.is_empty() && out.has_room());
        out.add(reply(GATHERED_BYTES_MAX - 1));
        assert!(out.has_room());
        out.add(reply(1));
        assert!(!out.has_room());
        let mut out = Outgoing::default();
        (0..SLICES_PER_WRITE).for_each(|_| out.add(reply(1)));
        assert!(!out.has_room());
    }

    #[test]
    fn advance_counts_whole_chunks_and_cuts_the_next() {
        let chunks = || vec![Bytes::from_static(b"abc"), Bytes::from_static(b"de"), Bytes::from_static(b"f")];
        for (written, done, left) in [(0, 0, "abc"), (2, 0, "c"), (3, 1, "de"), (4, 1, "e"), (5, 2, "f")] {
            let mut pending = chunks();
            assert_eq!(advance(&mut pending, written), done, "{written}");
            assert_eq!(pending[done], left.as_bytes());
        }
        assert_eq!(advance(&mut chunks(), 6), 3);
    }
}
