//! Manual assignments: which brokers a client wants for a partition. There is one broker, so each partition can be on
//! that one only.
//!
//! Source: Apache Kafka, `ReplicationControlManager.validateManualPartitionAssignment`.

use thiserror::Error;

/// The one broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneNode {
    /// Its id.
    pub id: i32,
    /// Whether all its directories are cordoned (KIP-1066).
    pub is_cordoned: bool,
}

/// Why the brokers named for a partition cannot have it. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAssignment {
    /// No brokers are named.
    #[error("The manual partition assignment includes an empty replica list.")]
    Empty,
    /// A broker that does not exist.
    #[error("The manual partition assignment includes broker {0}, but no such broker is registered.")]
    UnknownBroker(i32),
    /// A broker that takes nothing new.
    #[error("The manual partition assignment includes broker {0}, but all its log directories are cordoned.")]
    Cordoned(i32),
    /// The same broker twice.
    #[error("The manual partition assignment includes the broker {0} more than once.")]
    Repeated(i32),
    /// The same partition twice.
    #[error("Found multiple manual partition assignments for partition {0}")]
    SamePartition(i32),
    /// A partition between the others, or the first, is missing.
    #[error("partitions should be a consecutive 0-based integer sequence")]
    Gap,
    /// Not one list of brokers for each new partition.
    #[error("Attempted to add {added} additional partition(s), but only {given} assignment(s) were specified.")]
    Count {
        /// Partitions to be added.
        added: u32,
        /// Lists of brokers.
        given: usize,
    },
}

/// Checks the brokers of one partition.
///
/// # Errors
/// The rule that they break; of several brokers, the one with the lowest id is named, as Kafka does.
pub fn check(brokers: &[i32], broker: OneNode) -> Result<(), InvalidAssignment> {
    let mut sorted = brokers.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for id in sorted {
        if id != broker.id {
            return Err(InvalidAssignment::UnknownBroker(id));
        }
        if broker.is_cordoned {
            return Err(InvalidAssignment::Cordoned(id));
        }
        if previous.replace(id) == Some(id) {
            return Err(InvalidAssignment::Repeated(id));
        }
    }
    previous.map(|_| ()).ok_or(InvalidAssignment::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_broker_once_is_the_only_possible_list() {
        let seven = OneNode { id: 7, is_cordoned: false };
        assert_eq!(check(&[7], seven), Ok(()));
        assert_eq!(check(&[], seven), Err(InvalidAssignment::Empty));
        assert_eq!(check(&[7, 7], seven), Err(InvalidAssignment::Repeated(7)));
        assert_eq!(check(&[9, 7, 8], seven), Err(InvalidAssignment::UnknownBroker(8)));
        assert_eq!(check(&[-1], seven), Err(InvalidAssignment::UnknownBroker(-1)));
    }

    #[test]
    fn a_cordoned_broker_can_have_nothing() {
        let seven = OneNode { id: 7, is_cordoned: true };
        assert_eq!(check(&[7, 7], seven), Err(InvalidAssignment::Cordoned(7)));
        assert_eq!(check(&[6], seven), Err(InvalidAssignment::UnknownBroker(6)));
    }
}
