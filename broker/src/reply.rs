//! What goes back to a client: the bytes of one response as a list of chunks.
//!
//! What must always hold: `len` is the sum of the chunks, and the first four bytes of the first chunk, the frame's
//! length, say `len - 4`.

use bytes::Bytes;
use catena_storage::FileRange;

/// A piece of a response.
pub enum Chunk {
    /// Bytes in memory, or in a mapped segment.
    Bytes(Bytes),
    /// A range of a segment's file, sent by the kernel.
    File(FileRange),
}

impl Default for Chunk {
    fn default() -> Self {
        Self::Bytes(Bytes::new())
    }
}

impl Chunk {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::File(range) => range.len,
        }
    }

    /// Whether nothing would be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One response, ready for the socket.
pub struct Reply {
    /// The pieces, in order.
    pub chunks: Vec<Chunk>,
    /// Bytes of memory that belong to this reply alone (mapped segments and files do not).
    pub memory_bytes: usize,
}

impl Reply {
    /// A reply in one piece.
    pub fn whole(bytes: Bytes) -> Self {
        Self { memory_bytes: bytes.len(), chunks: vec![Chunk::Bytes(bytes)] }
    }

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.chunks.iter().map(Chunk::len).sum()
    }

    /// Whether nothing would be sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
