//! Directories that were named for partitions before there were such partitions.
//!
//! What must always hold: it is forgotten by a stop, and used once; so many are remembered at most.
//!
//! Source: Apache Kafka, `LogManager.maybeUpdatePreferredLogDir` (KIP-113).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::storage::lock;

/// Partitions that are remembered at most; who asks for more is not heard.
const PARTITIONS_MAX: usize = 10_000;
/// No topic has a longer name, bytes.
const NAME_MAX: usize = 249;

/// The directory for each partition that is still to come, by topic and index.
#[derive(Default)]
pub struct Preferred(Mutex<BTreeMap<(String, u32), PathBuf>>);

impl Preferred {
    /// The partition is to be made in `dir`; a later word counts.
    pub fn remember(&self, topic: &str, index: u32, dir: &Path) {
        let mut held = lock(&self.0);
        let key = (topic.to_owned(), index);
        if topic.len() <= NAME_MAX && (held.len() < PARTITIONS_MAX || held.contains_key(&key)) {
            held.insert(key, dir.to_owned());
        }
    }

    /// Where the partition, which is made now, is to be.
    pub fn take(&self, topic: &str, index: u32) -> Option<PathBuf> {
        let mut held = lock(&self.0);
        if held.is_empty() { None } else { held.remove(&(topic.to_owned(), index)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_once() {
        let preferred = Preferred::default();
        preferred.remember("t", 1, Path::new("a"));
        preferred.remember("t", 1, Path::new("b"));
        assert_eq!(preferred.take("t", 0), None);
        assert_eq!(preferred.take("t", 1), Some("b".into()));
        assert_eq!(preferred.take("t", 1), None);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let preferred = Preferred::default();
        (0..PARTITIONS_MAX as u32 + 1).for_each(|index| preferred.remember("t", index, Path::new("a")));
        preferred.remember("t", 0, Path::new("b"));
        preferred.remember(&"t".repeat(NAME_MAX + 1), 0, Path::new("a"));
        assert_eq!(preferred.take("t", PARTITIONS_MAX as u32), None);
        assert_eq!(preferred.take("t", 0), Some("b".into()));
        assert_eq!(lock(&preferred.0).len(), PARTITIONS_MAX - 1);
    }
}
