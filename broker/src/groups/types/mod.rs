//! The words of the group coordinator: what is asked of it and what it answers. No wire types.
//!
//! What must always hold: an answer lists topics, partitions and members in the order in which they were asked for.

mod membership;
mod modern;
mod offsets;
mod views;

use thiserror::Error;

pub use membership::*;
pub use modern::*;
pub use offsets::*;
pub use views::*;

/// Why the coordinator says no. One value per Kafka error code that groups answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The members must join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// The group does not know the member.
    #[error("unknown member")]
    UnknownMemberId,
    /// The generation is not the current one.
    #[error("illegal generation")]
    IllegalGeneration,
    /// The member shall join again with the id it was given (KIP-394).
    #[error("the group member needs a member id before it can join")]
    MemberIdRequired,
    /// Another member took over the `group.instance.id` (KIP-345).
    #[error("the static member was fenced by a newer one")]
    FencedInstanceId,
    /// Protocol type or protocols do not fit those of the group.
    #[error("inconsistent group protocol")]
    InconsistentGroupProtocol,
    /// Outside of `group.min.session.timeout.ms` and `group.max.session.timeout.ms`.
    #[error("invalid session timeout")]
    InvalidSessionTimeout,
    /// `group.max.size`.
    #[error("the group has reached its maximum size")]
    GroupMaxSizeReached,
    /// Retry later, after looking for the coordinator.
    #[error("the coordinator is not available")]
    CoordinatorNotAvailable,
    /// Retry later.
    #[error("the coordinator is loading or overloaded")]
    CoordinatorLoadInProgress,
    /// This broker does not coordinate the group (or the broker stops).
    #[error("not the coordinator")]
    NotCoordinator,
    /// The empty group id, where Kafka does not allow it.
    #[error("invalid group id")]
    InvalidGroupId,
    /// No such group.
    #[error("the group id does not exist")]
    GroupIdNotFound,
    /// Only an empty group can be deleted.
    #[error("the group is not empty")]
    NonEmptyGroup,
    /// Offsets of a topic the group consumes cannot be deleted.
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    /// `offset.metadata.max.bytes`.
    #[error("the metadata of the offset commit is too large")]
    OffsetMetadataTooLarge,
    /// The member must give up its partitions and join again (KIP-848).
    #[error("the member epoch is fenced by the group coordinator")]
    FencedMemberEpoch,
    /// The member must first learn its new epoch (KIP-848).
    #[error("the member epoch is stale")]
    StaleMemberEpoch,
    /// Another member has the `group.instance.id` and has not left (KIP-848).
    #[error("the instance id is still used by another member")]
    UnreleasedInstanceId,
    /// `group.consumer.assignors` has no such assignor.
    #[error("the assignor is not supported")]
    UnsupportedAssignor,
    /// The regular expression of a subscription is none.
    #[error("invalid regular expression")]
    InvalidRegularExpression,
    /// A field of the request has a value it cannot have.
    #[error("invalid request")]
    InvalidRequest,
    /// The request's version cannot say what this group must know.
    #[error("the version is not supported for groups of this kind")]
    UnsupportedVersion,
    /// A record of the group does not fit into a batch of `__consumer_offsets`. Kafka: `UNKNOWN_SERVER_ERROR`.
    #[error("the group is too large to be stored")]
    RecordTooLarge,
}

/// The state of a classic group (Kafka's `ClassicGroupState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GroupState {
    /// No members; possibly committed offsets.
    Empty,
    /// Waits for members to join.
    PreparingRebalance,
    /// Waits for the leader's assignment.
    CompletingRebalance,
    /// Every member has an assignment.
    Stable,
    /// Removed.
    Dead,
}

impl GroupState {
    /// Kafka's name, as DescribeGroups and ListGroups spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
            Self::Dead => "Dead",
        }
    }
}
