//! Reassigning partitions to brokers, where there is one broker: either nothing changes, or the request is wrong.
//!
//! What must always hold: a reassignment is never in progress.
//!
//! Source: Apache Kafka, `ReplicationControlManager.alterPartitionReassignment`.

use thiserror::Error;

use crate::topics::assignment::{self, InvalidAssignment, OneNode};

/// Why a partition is not reassigned. The texts are Kafka's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReassignError {
    /// No topic has the name.
    #[error("Unable to find a topic named {0}.")]
    UnknownTopic(String),
    /// The topic has no such partition.
    #[error("Unable to find partition {0}:{1}.")]
    UnknownPartition(String, i32),
    /// There is nothing to be cancelled.
    #[error("No partition reassignment is in progress.")]
    NotInProgress,
    /// The brokers cannot have it.
    #[error(transparent)]
    Assignment(#[from] InvalidAssignment),
}

/// Checks what a client asks for one partition of `topic`, which has so many `partitions` if it exists; no `replicas` cancel.
///
/// # Errors
/// `ReassignError`.
pub fn check(
    topic: &str,
    partitions: Option<usize>,
    index: i32,
    replicas: Option<&[i32]>,
    broker: OneNode,
) -> Result<(), ReassignError> {
    let partitions = partitions.ok_or_else(|| ReassignError::UnknownTopic(topic.to_owned()))?;
    if !usize::try_from(index).is_ok_and(|index| index < partitions) {
        return Err(ReassignError::UnknownPartition(topic.to_owned(), index));
    }
    let replicas = replicas.ok_or(ReassignError::NotInProgress)?;
    Ok(assignment::check(replicas, broker)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_one_broker_nothing_moves_and_what_is_wrong_is_named() {
        let text = |topic, index, replicas: Option<&[i32]>| {
            let partitions = (topic == "t").then_some(2);
            check(topic, partitions, index, replicas, OneNode { id: 7, is_cordoned: false })
                .err()
                .map(|error| error.to_string())
        };
        #[rustfmt::skip]
        let cases = [
            ("as it is",         "t", 1,  Some(&[7][..]),    None),
            ("no topic",         "u", 0,  Some(&[7][..]),    Some("Unable to find a topic named u.")),
            ("no partition",     "t", 2,  Some(&[7][..]),    Some("Unable to find partition t:2.")),
            ("negative",         "t", -1, Some(&[7][..]),    Some("Unable to find partition t:-1.")),
            ("cancelled",        "t", 0,  None,              Some("No partition reassignment is in progress.")),
            ("nobody",           "t", 0,  Some(&[][..]),     Some("The manual partition assignment includes an empty replica list.")),
            ("somebody else",    "t", 0,  Some(&[8][..]),    Some("The manual partition assignment includes broker 8, but no such broker is registered.")),
            ("twice",            "t", 0,  Some(&[7, 7][..]), Some("The manual partition assignment includes the broker 7 more than once.")),
        ];
        for (what, topic, index, replicas, expected) in cases {
            assert_eq!(text(topic, index, replicas).as_deref(), expected, "{what}");
        }
    }
}
