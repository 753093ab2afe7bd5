//! Names of chains and segments, and where their files are.
//!
//! What must always hold: a chain's id is never used twice in a store: the broker epoch is taken durably at each start, and
//! the sequence only grows within it. The file name says chain and base offset, so that a directory can be understood
//! without the catalog.

use std::fmt;
use std::path::{Path, PathBuf};

/// Directories that files are spread over.
const FAN_OUT: u32 = 256;

/// Which chain: the broker epoch that opened it, and a number within the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId {
    /// The broker epoch, which is also the leader epoch of its batches.
    pub epoch: u32,
    /// A number within the epoch.
    pub sequence: u32,
}

/// Which segment of which chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId {
    /// The chain.
    pub chain: ChainId,
    /// Offset of the segment's first record.
    pub base_offset: i64,
}

impl ChainId {
    /// The leader epoch of the chain's batches.
    pub fn leader_epoch(self) -> i32 {
        i32::try_from(self.epoch).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:08x}", self.epoch, self.sequence)
    }
}

impl SegmentId {
    /// The directory of the segment's files, below the store's `chains`.
    pub fn directory(self, chains: &Path) -> PathBuf {
        chains.join(format!("{:02x}", self.chain.sequence % FAN_OUT))
    }

    /// The file of records.
    pub fn log_path(self, chains: &Path) -> PathBuf {
        self.directory(chains).join(format!("{}.{:020}.log", self.chain, self.base_offset))
    }

    /// The file of index entries.
    pub fn index_path(self, chains: &Path) -> PathBuf {
        self.directory(chains).join(format!("{}.{:020}.index", self.chain, self.base_offset))
    }

    /// The segment that a file belongs to, if its name is one of ours.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let mut parts = name.split('.');
        let (chain, base, kind) = (parts.next()?, parts.next()?, parts.next()?);
        let (epoch, sequence) = chain.split_once('-')?;
        let known = parts.next().is_none() && matches!(kind, "log" | "index");
        let chain =
            ChainId { epoch: u32::from_str_radix(epoch, 16).ok()?, sequence: u32::from_str_radix(sequence, 16).ok()? };
        known.then_some(Self { chain, base_offset: base.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_says_which_segment_it_is() {
        let id = SegmentId { chain: ChainId { epoch: 17, sequence: 0xabc }, base_offset: 4_711 };
        for path in [id.log_path(Path::new("chains")), id.index_path(Path::new("chains"))] {
            assert_eq!(path.parent(), Some(Path::new("chains/bc")));
            assert_eq!(SegmentId::of_file_name(path.file_name().unwrap().to_str().unwrap()), Some(id));
        }
        for other in ["", "catena.store", "00000011-00000abc.log", "x-y.00000000000000000001.log", "1-2.3.log.4"] {
            assert_eq!(SegmentId::of_file_name(other), None, "{other}");
        }
    }
}
