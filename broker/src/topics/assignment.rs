//! Manual assignments: which brokers a client wants for a partition. There is one broker, so each partition can be on
//! that one only.
//!
//! Source: Apache Kafka, `ReplicationControlManager.validateManualPartitionAssignment`.

use thiserror::Error;

/// Why the brokers named for a partition cannot have it. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAssignment {
    /// No brokers are named.
    #[error("The manual partition assignment includes an empty replica list.")]
    Empty,
    /// A broker that does not exist.
    #[error("The manual partition assignment includes broker {0}, but no such broker is registered.")]
    UnknownBroker(i32),
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
pub fn check(brokers: &[i32], node_id: i32) -> Result<(), InvalidAssignment> {
    let mut sorted = brokers.to_vec();
    sorted.sort_unstable();
    let mut previous = None;
    for broker in sorted {
        if broker != node_id {
            return Err(InvalidAssignment::UnknownBroker(broker));
        }
        if previous.replace(broker) == Some(broker) {
            return Err(InvalidAssignment::Repeated(broker));
        }
    }
    previous.map(|_| ()).ok_or(InvalidAssignment::Empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_broker_once_is_the_only_possible_list() {
        assert_eq!(check(&[7], 7), Ok(()));
        assert_eq!(check(&[], 7), Err(InvalidAssignment::Empty));
        assert_eq!(check(&[7, 7], 7), Err(InvalidAssignment::Repeated(7)));
        assert_eq!(check(&[9, 7, 8], 7), Err(InvalidAssignment::UnknownBroker(8)));
        assert_eq!(check(&[-1], 7), Err(InvalidAssignment::UnknownBroker(-1)));
    }
}
