//! Names of stores, topics, chains and segments, and where files are.
//!
//! What must always hold: a store's id is drawn once and never zero; a chain's id is never used twice: the broker epoch is taken
//! durably at each start, and the sequence only grows within it. A topic's id ends with the store that announced it. A file's
//! name says chain and base offset, so that a directory can be understood without the catalog.

use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use uuid::Uuid;

/// Directories that files are spread over.
const FAN_OUT: u32 = 256;
/// Digits of a number in a name.
const DIGITS: usize = 8;
/// Bytes of a topic's id that the store's id does not take.
const TOPIC_RANDOM_LEN: usize = 12;

/// Which store; eight hex digits as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(NonZeroU32);

/// Which partition of which topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic.
    pub topic: Uuid,
    /// The partition's index.
    pub index: u32,
}

/// Which chain: the broker epoch that opened it, a number within the epoch, and the store that holds it. In this order: of two
/// chains the later is the larger, in whatever stores they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId {
    /// The broker epoch, which is also the leader epoch of its batches.
    pub epoch: u32,
    /// A number within the epoch, over all stores.
    pub sequence: u32,
    /// The store.
    pub store: StoreId,
}

/// Which segment of which chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId {
    /// The chain.
    pub chain: ChainId,
    /// Offset of the segment's first record.
    pub base_offset: i64,
}

impl StoreId {
    /// The store with this number, which is not zero.
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number).map(Self)
    }

    /// A random one, for a new store.
    pub fn random() -> Self {
        loop {
            let bytes = Uuid::new_v4().into_bytes();
            if let Some(id) = last_four(&bytes).and_then(Self::new) {
                return id;
            }
        }
    }

    /// The store that announced the topic with this id.
    pub fn of_topic(topic: Uuid) -> Option<Self> {
        last_four(topic.as_bytes()).and_then(Self::new)
    }

    /// As a number.
    pub fn get(self) -> u32 {
        self.0.get()
    }
}

fn last_four(bytes: &[u8; 16]) -> Option<u32> {
    bytes.last_chunk().map(|last| u32::from_be_bytes(*last))
}

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.get())
    }
}

/// The text is not the id of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAStoreId;

impl FromStr for StoreId {
    type Err = NotAStoreId;

    fn from_str(text: &str) -> Result<Self, NotAStoreId> {
        hex(text).and_then(Self::new).ok_or(NotAStoreId)
    }
}

/// A number of exactly eight hex digits.
fn hex(text: &str) -> Option<u32> {
    let plain = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// A random id that ends with `store` and whose text does not begin with a dash, as Apache Kafka's `Uuid.randomUuid`.
pub fn new_topic_id(store: StoreId) -> Uuid {
    loop {
        let mut bytes = Uuid::new_v4().into_bytes();
        bytes[TOPIC_RANDOM_LEN..].copy_from_slice(&store.get().to_be_bytes());
        // A dash is 62 in base64url: the first six bits.
        if bytes[0] >> 2 != 62 {
            return Uuid::from_bytes(bytes);
        }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index)
    }
}

impl ChainId {
    /// The leader epoch of the chain's batches.
    pub fn leader_epoch(self) -> i32 {
        i32::try_from(self.epoch).unwrap_or(i32::MAX)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:08x}-{:08x}", self.store, self.epoch, self.sequence)
    }
}

impl FromStr for ChainId {
    type Err = NotAStoreId;

    fn from_str(text: &str) -> Result<Self, NotAStoreId> {
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or(NotAStoreId);
        let (store, epoch, sequence) = (part()?.parse()?, part()?, part()?);
        let number = |text| hex(text).ok_or(NotAStoreId);
        Ok(Self { store, epoch: number(epoch)?, sequence: number(sequence)? })
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
        let known = parts.next().is_none() && matches!(kind, "log" | "index");
        known.then_some(Self { chain: chain.parse().ok()?, base_offset: base.parse().ok()? })
    }
}

/// 22 characters of base64url, as Apache Kafka's `Uuid.randomUuid().toString()`.
pub fn random_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    loop {
        let bits = u128::from_be_bytes(*Uuid::new_v4().as_bytes());
        let digit = |at: u32| {
            // 21 digits of six bits, and the last two bits in front of four zeros.
            let six = if at < 21 { bits >> (122 - 6 * at) } else { bits << 4 };
            char::from(ALPHABET[(six & 63) as usize])
        };
        let id: String = (0..22).map(digit).collect();
        // A leading dash would be taken for an option by command lines.
        if !id.starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(epoch: u32, sequence: u32, store: u32) -> ChainId {
        ChainId { epoch, sequence, store: StoreId::new(store).unwrap() }
    }

    #[test]
    fn a_file_name_says_which_segment_it_is() {
        let id = SegmentId { chain: chain(17, 0xabc, 0xff), base_offset: 4_711 };
        for path in [id.log_path(Path::new("chains")), id.index_path(Path::new("chains"))] {
            assert_eq!(path.parent(), Some(Path::new("chains/bc")));
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with("000000ff-00000011-00000abc.00000000000000004711."), "{name}");
            assert_eq!(SegmentId::of_file_name(name), Some(id));
        }
        for other in ["", "catena.store", "000000ff-00000011-00000abc.log", "x-y-z.00000000000000000001.log"] {
            assert_eq!(SegmentId::of_file_name(other), None, "{other}");
        }
        for chain in ["00000000-00000011-00000abc", "00000011-00000abc", "1-2-3", "000000ff-0000001é-00000abc"] {
            assert_eq!(SegmentId::of_file_name(&format!("{chain}.1.log")), None, "{chain}");
        }
    }

    #[test]
    fn a_store_is_eight_hex_digits_and_never_zero() {
        let id = StoreId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["00000000", "1", "+0000001", "000000011", "0000000g", ""] {
            assert_eq!(text.parse::<StoreId>(), Err(NotAStoreId), "{text}");
        }
    }

    #[test]
    fn a_topic_says_which_store_announced_it() {
        let store = StoreId::random();
        let ids: Vec<Uuid> = (0..1_000).map(|_| new_topic_id(store)).collect();
        assert!(ids.iter().all(|id| StoreId::of_topic(*id) == Some(store) && id.as_bytes()[0] >> 2 != 62));
        assert_ne!(ids[0], ids[1]);
        assert_eq!(StoreId::of_topic(Uuid::nil()), None);
    }

    #[test]
    fn a_later_chain_is_larger_in_whatever_store_it_is() {
        assert!([chain(1, 5, 9), chain(1, 6, 1), chain(2, 0, 3), chain(2, 0, 4)].is_sorted());
    }
}
