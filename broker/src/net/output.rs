//! Writing replies: vectored writes of bytes, `sendfile` for file ranges.
//!
//! What must always hold: either a reply leaves whole and in order, or the connection ends.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use catena_storage::FileRange;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::connection::Activity;
use crate::reply::{Chunk, Reply};

/// Chunks handed to the kernel in one call.
const SLICES_PER_WRITE: usize = 64;

/// Writes all of `reply`.
///
/// # Errors
/// Those of the socket; `UnexpectedEof` when a file is shorter than the range it should hold.
pub async fn write_reply(stream: &TcpStream, reply: Reply, activity: &Activity) -> io::Result<()> {
    let mut pending: Vec<Bytes> = Vec::with_capacity(reply.chunks.len());
    for chunk in reply.chunks {
        match chunk {
            Chunk::Bytes(bytes) if bytes.is_empty() => {}
            Chunk::Bytes(bytes) => pending.push(bytes),
            Chunk::File(range) => {
                write_bytes(stream, &mut pending, activity).await?;
                send_file(stream, range, activity).await?;
            }
        }
    }
    write_bytes(stream, &mut pending, activity).await
}

/// Writes all of `pending` and leaves it empty.
async fn write_bytes(stream: &TcpStream, pending: &mut Vec<Bytes>, activity: &Activity) -> io::Result<()> {
    let mut first = 0;
    while first < pending.len() {
        let written = write_some(stream, &pending[first..]).await?;
        activity.sent(written);
        first += advance(&mut pending[first..], written);
    }
    pending.clear();
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

async fn send_file(stream: &TcpStream, range: FileRange, activity: &Activity) -> io::Result<()> {
    let end = range.position + range.len as u64;
    let mut position = range.position;
    while position < end {
        let count = usize::try_from(end - position).unwrap_or(usize::MAX);
        let sent = stream.try_io(Interest::WRITABLE, || {
            Ok(rustix::fs::sendfile(stream.as_fd(), range.file.as_fd(), Some(&mut position), count)?)
        });
        match sent {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(sent) => activity.sent(sent),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
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
