//! From the errors of the parts to Kafka's error codes. The only place where the two meet.
//!
//! What must always hold: no `_` arm: a new error does not compile until somebody has decided what clients are told.
//!
//! Source: Apache Kafka, `Errors.forException`, `ReplicaManager.appendToLocalLog`, `ReplicaManager.readFromLog`.

use catena_protocol::error_code::ErrorCode;
use catena_storage::{AppendError, ReadError, StoreError, TopicError};

use crate::fetch::{FetchError, SessionError};
use crate::groups::GroupError;

/// What a client is told about a failed append.
pub fn append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Corrupt(_) => ErrorCode::CorruptMessage,
        AppendError::InvalidRecord(_) | AppendError::UnsupportedMagic(_) => ErrorCode::InvalidRecord,
        // Kafka fails on an unknown codec id with an exception it has no code for.
        AppendError::UnsupportedCompression(_) => ErrorCode::UnknownServerError,
        AppendError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        AppendError::InvalidTimestamp { .. } => ErrorCode::InvalidTimestamp,
        AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        AppendError::InvalidTransaction(_) => ErrorCode::InvalidTxnState,
        AppendError::Store(error) => store(error),
    }
}

/// What a client is told when a store cannot do it. Retriable: there may be space again, or another store.
pub fn store(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Failed(_) | StoreError::Full => ErrorCode::KafkaStorageError,
    }
}

/// What a client is told about a failed read.
pub fn read(error: &ReadError) -> ErrorCode {
    match error {
        ReadError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        ReadError::Corrupt { .. } => ErrorCode::CorruptMessage,
        ReadError::Store(error) => store(error),
    }
}

/// What a client is told about a partition it cannot fetch.
pub fn fetch(error: &FetchError) -> ErrorCode {
    match error {
        FetchError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        FetchError::UnknownTopicId => ErrorCode::UnknownTopicId,
        FetchError::FencedLeaderEpoch => ErrorCode::FencedLeaderEpoch,
        FetchError::UnknownLeaderEpoch => ErrorCode::UnknownLeaderEpoch,
        FetchError::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        FetchError::Corrupt => ErrorCode::CorruptMessage,
        FetchError::Store => ErrorCode::KafkaStorageError,
    }
}

/// What a client is told about its fetch session.
pub fn fetch_session(error: SessionError) -> ErrorCode {
    match error {
        SessionError::IdNotFound => ErrorCode::FetchSessionIdNotFound,
        SessionError::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIdMismatch => ErrorCode::FetchSessionTopicIdError,
    }
}

/// What a client is told about a topic that cannot be created, changed or deleted.
pub fn topic(error: &TopicError) -> ErrorCode {
    match error {
        TopicError::Exists(_) => ErrorCode::TopicAlreadyExists,
        TopicError::Unknown => ErrorCode::UnknownTopicOrPartition,
        TopicError::FewerPartitions { .. } => ErrorCode::InvalidPartitions,
        TopicError::Store(error) => store(error),
    }
}

/// What a member or an administrator of a group is told.
pub fn group(error: GroupError) -> ErrorCode {
    match error {
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
        GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
        GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
        GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        GroupError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        GroupError::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        GroupError::NotCoordinator => ErrorCode::NotCoordinator,
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::GroupIdNotFound => ErrorCode::GroupIdNotFound,
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupError::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        GroupError::RecordTooLarge => ErrorCode::UnknownServerError,
    }
}
