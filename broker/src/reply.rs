//! What goes back to a client: the bytes of one response as a list of chunks, in memory or in a mapped segment.
//!
//! What must always hold: the first four bytes of the first chunk, the frame's length, say how many bytes of all
//! chunks follow them.

use bytes::Bytes;

/// One response, ready for the socket.
pub struct Reply {
    /// The pieces, in order.
    pub chunks: Vec<Bytes>,
    /// Bytes of memory that belong to this reply alone (mapped segments do not).
    pub memory_bytes: usize,
}

impl Reply {
    /// A reply in one piece.
    pub fn whole(bytes: Bytes) -> Self {
        Self { memory_bytes: bytes.len(), chunks: vec![bytes] }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    /// Whether nothing would be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
