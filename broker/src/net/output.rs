//! Writing replies: vectored writes, from memory and from mapped segments alike (docs/decisions/0006-write-from-the-map.md).
//!
//! What must always hold: either a reply leaves whole and in order, or the connection ends.

use std::io::{self, IoSlice};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use super::connection::Activity;
use crate::reply::Reply;

/// Chunks handed to the kernel in one call.
const SLICES_PER_WRITE: usize = 64;

/// Writes all of `reply`.
///
/// # Errors
/// Those of the socket.
pub async fn write_reply(stream: &TcpStream, reply: Reply, activity: &Activity) -> io::Result<()> {
    let mut pending = reply.chunks;
    pending.retain(|chunk| !chunk.is_empty());
    let mut first = 0;
    while first < pending.len() {
        let written = write_some(stream, &pending[first..]).await?;
        activity.sent(written);
        first += advance(&mut pending[first..], written);
    }
    Ok(())
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
