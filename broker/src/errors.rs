//! From the errors of the parts to Kafka's error codes. The only place where the two meet.
//!
//! What must always hold: no `_` arm: a new error does not compile until somebody has decided what clients are told.
//!
//! Source: Apache Kafka, `Errors.forException`, `ReplicaManager.appendToLocalLog`, `ReplicaManager.readFromLog`.

use catena_protocol::error_code::ErrorCode;
use catena_storage::{AppendError, DeleteRecordsError, MoveError, ReadError, StoreError, TopicError};

use crate::config::change::AlterError;
use crate::config::change::error::{BrokerRule, ClientMetricsRule, GroupRule, TopicRule};
use crate::config::change::logger::LoggerRule;
use crate::config::change::request::RequestError;
use crate::config::describe::ResourceError;
use crate::config::log::NotKept;
use crate::control::AlterFailed;
use crate::fetch::{FetchError, SessionError};
use crate::groups::GroupError;
use crate::topics::creation::CreateError;
use crate::topics::deletion::DeleteError;
use crate::topics::growth::GrowthError;
use crate::topics::listing::InvalidCursor;
use crate::topics::name::InvalidName;
use crate::topics::reassignment::ReassignError;
use crate::topics::{AutoCreateError, ChangeError};

/// What a client is told about a failed append.
pub fn append(error: &AppendError) -> ErrorCode {
    match error {
        AppendError::Corrupt(_) => ErrorCode::CorruptMessage,
        AppendError::InvalidRecord(_) | AppendError::UnsupportedMagic(_) => ErrorCode::InvalidRecord,
        // Kafka fails on an unknown codec id with an exception it has no code for.
        AppendError::UnsupportedCompression(_) | AppendError::Overtaken { .. } => ErrorCode::UnknownServerError,
        AppendError::TooLarge { .. } => ErrorCode::MessageTooLarge,
        AppendError::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
        AppendError::Rejected(rejected) if rejected.timestamps => ErrorCode::InvalidTimestamp,
        AppendError::Rejected(_) => ErrorCode::InvalidRecord,
        AppendError::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
        AppendError::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
        AppendError::InvalidTransaction(_) => ErrorCode::InvalidTxnState,
        AppendError::Deleted => ErrorCode::UnknownTopicOrPartition,
        AppendError::Store(error) => store(error),
    }
}

/// What a client is told when a store cannot do it. Retriable: there may be space again, or another store.
pub fn store(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Failed(_) | StoreError::Full | StoreError::NoFiles => ErrorCode::KafkaStorageError,
    }
}

/// What an administrator is told about a partition that is not reassigned.
pub fn reassignment(error: &ReassignError) -> ErrorCode {
    match error {
        ReassignError::UnknownTopic(_) | ReassignError::UnknownPartition(..) => ErrorCode::UnknownTopicOrPartition,
        ReassignError::NotInProgress => ErrorCode::NoReassignmentInProgress,
        ReassignError::Assignment(_) => ErrorCode::InvalidReplicaAssignment,
    }
}

/// What an administrator is told about a partition that is not moved to another directory.
pub fn moving(error: MoveError) -> ErrorCode {
    match error {
        MoveError::NotFound => ErrorCode::LogDirNotFound,
        MoveError::Away | MoveError::Refused => ErrorCode::KafkaStorageError,
        MoveError::Cordoned => ErrorCode::InvalidReplicaAssignment,
        MoveError::Unknown => ErrorCode::UnknownTopicOrPartition,
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

/// What a client is told about records that are not deleted.
pub fn delete_records(error: &DeleteRecordsError) -> ErrorCode {
    match error {
        DeleteRecordsError::Policy => ErrorCode::PolicyViolation,
        DeleteRecordsError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        DeleteRecordsError::Store(error) => store(error),
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
        GroupError::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        GroupError::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        GroupError::UnreleasedInstanceId => ErrorCode::UnreleasedInstanceId,
        GroupError::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        GroupError::InvalidRegularExpression => ErrorCode::InvalidRegularExpression,
        GroupError::InvalidRequest => ErrorCode::InvalidRequest,
        GroupError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        GroupError::RecordTooLarge => ErrorCode::UnknownServerError,
    }
}

/// What a client is told about topics that were not created, grown or deleted; `rule` speaks of broken rules.
pub fn change<E>(error: &ChangeError<E>, rule: impl Fn(&E) -> ErrorCode) -> ErrorCode {
    match error {
        ChangeError::Rule(error) => rule(error),
        ChangeError::Storage(error) => topic(error),
        ChangeError::Interrupted => ErrorCode::UnknownServerError,
    }
}

/// What a client is told about a topic that breaks a rule of creation.
pub fn creation(error: &CreateError) -> ErrorCode {
    match error {
        CreateError::Name(error) => topic_name(error),
        CreateError::Collision { .. } => ErrorCode::InvalidTopicException,
        CreateError::Exists(_) => ErrorCode::TopicAlreadyExists,
        CreateError::Configs(_) => ErrorCode::InvalidConfig,
        CreateError::Assignment(_) => ErrorCode::InvalidReplicaAssignment,
        CreateError::NoReplicas | CreateError::TooManyReplicas(_) | CreateError::Cordoned(_) => {
            ErrorCode::InvalidReplicationFactor
        }
        CreateError::NoPartitions => ErrorCode::InvalidPartitions,
        CreateError::TooManyPartitions | CreateError::Configuration => ErrorCode::PolicyViolation,
        CreateError::Duplicate
        | CreateError::ClusterMetadata
        | CreateError::FactorAndAssignment
        | CreateError::PartitionsAndAssignment => ErrorCode::InvalidRequest,
    }
}

/// What a client is told about a topic that cannot grow so.
pub fn growth(error: &GrowthError) -> ErrorCode {
    match error {
        GrowthError::Duplicate => ErrorCode::InvalidRequest,
        GrowthError::Unknown => ErrorCode::UnknownTopicOrPartition,
        GrowthError::Same(_) | GrowthError::Fewer { .. } => ErrorCode::InvalidPartitions,
        GrowthError::Assignment(_) => ErrorCode::InvalidReplicaAssignment,
        GrowthError::Cordoned => ErrorCode::InvalidReplicationFactor,
        GrowthError::TooMany => ErrorCode::PolicyViolation,
    }
}

/// What a client is told about a topic that is not deleted.
pub fn deletion(error: &DeleteError) -> ErrorCode {
    match error {
        DeleteError::UnknownName => ErrorCode::UnknownTopicOrPartition,
        DeleteError::UnknownId => ErrorCode::UnknownTopicId,
        DeleteError::Disabled => ErrorCode::TopicDeletionDisabled,
        DeleteError::Configuration => ErrorCode::PolicyViolation,
        DeleteError::Neither
        | DeleteError::Both
        | DeleteError::DuplicateName
        | DeleteError::DuplicateId
        | DeleteError::NameOfGivenId => ErrorCode::InvalidRequest,
    }
}

/// What a client is told about a topic that it named, that is not there, and that was not made.
pub fn auto_creation(error: &AutoCreateError) -> ErrorCode {
    match error {
        AutoCreateError::Name(error) => topic_name(error),
        AutoCreateError::NotThere => ErrorCode::UnknownTopicOrPartition,
        AutoCreateError::Create(error) => change(error, creation),
    }
}

/// What a client is told about a name that no topic can have.
pub fn topic_name(error: &InvalidName) -> ErrorCode {
    match error {
        InvalidName::Empty
        | InvalidName::Directory(_)
        | InvalidName::TooLong(_)
        | InvalidName::IllegalCharacters(_) => ErrorCode::InvalidTopicException,
    }
}

/// What a client is told about a page that begins nowhere.
pub fn cursor(error: &InvalidCursor) -> ErrorCode {
    match error {
        InvalidCursor::Topic(_) | InvalidCursor::Partition(..) => ErrorCode::InvalidRequest,
    }
}

/// What a client is told about a resource whose settings it cannot have.
pub fn config_resource(error: &ResourceError) -> ErrorCode {
    match error {
        ResourceError::OtherBroker(..)
        | ResourceError::OtherLogger(..)
        | ResourceError::BrokerNotANumber(_)
        | ResourceError::NoBroker
        | ResourceError::NoSubscription
        | ResourceError::NoGroup
        | ResourceError::TooMany => ErrorCode::InvalidRequest,
    }
}

/// What a client is told about settings that are not changed.
pub fn alter(error: &AlterFailed) -> ErrorCode {
    match error {
        AlterFailed::Rule(error) => alteration(error),
        AlterFailed::NotKept(error) => not_kept(error),
        AlterFailed::Stopping => ErrorCode::BrokerNotAvailable,
    }
}

fn not_kept(error: &NotKept) -> ErrorCode {
    match error {
        NotKept::NoTopic(_) => ErrorCode::KafkaStorageError,
        NotKept::TooLarge => ErrorCode::InvalidConfig,
        NotKept::Store(error) => store(error),
        NotKept::Refused(_) | NotKept::Overtaken => ErrorCode::UnknownServerError,
    }
}

/// What a client is told about a request that makes no sense, whatever it is about.
pub fn config_request(error: &RequestError) -> ErrorCode {
    match error {
        RequestError::SameResource
        | RequestError::SameSetting
        | RequestError::NoValue(_)
        | RequestError::UnknownType(_)
        | RequestError::UnknownOperation(_) => ErrorCode::InvalidRequest,
    }
}

/// What a client is told about levels of loggers that are not changed.
pub fn logger(rule: &LoggerRule) -> ErrorCode {
    match rule {
        LoggerRule::Unknown(_) | LoggerRule::Level { .. } => ErrorCode::InvalidConfig,
        LoggerRule::NotANumber(_)
        | LoggerRule::Other { .. }
        | LoggerRule::Root
        | LoggerRule::List(_)
        | LoggerRule::UnknownOperation(_) => ErrorCode::InvalidRequest,
    }
}

fn alteration(error: &AlterError) -> ErrorCode {
    match error {
        AlterError::NotAList { .. } | AlterError::TooLong { .. } | AlterError::Value(_) => ErrorCode::InvalidConfig,
        AlterError::RemarkNotSet(_)
        | AlterError::NotAVersion(_)
        | AlterError::VersionOfSeveral
        | AlterError::LongName(_) => ErrorCode::InvalidRequest,
        AlterError::OtherVersion { .. } => ErrorCode::InvalidUpdateVersion,
        AlterError::Topic(rule) => altered_topic(rule),
        AlterError::Broker(rule) => altered_broker(rule),
        AlterError::Group(rule) => altered_group(rule),
        AlterError::ClientMetrics(rule) => altered_subscription(rule),
    }
}

fn altered_topic(rule: &TopicRule) -> ErrorCode {
    match rule {
        TopicRule::NoName => ErrorCode::InvalidRequest,
        TopicRule::Unknown(_) => ErrorCode::UnknownTopicOrPartition,
        TopicRule::OfConfiguration(_) => ErrorCode::PolicyViolation,
        TopicRule::Configs(_) => ErrorCode::InvalidConfig,
    }
}

fn altered_broker(rule: &BrokerRule) -> ErrorCode {
    match rule {
        BrokerRule::NotAList { .. } | BrokerRule::Unknown(_) => ErrorCode::InvalidConfig,
        BrokerRule::NotANumber(_)
        | BrokerRule::Other { .. }
        | BrokerRule::Restart(_)
        | BrokerRule::WithoutListener(_)
        | BrokerRule::PerBroker(_)
        | BrokerRule::Value(_)
        | BrokerRule::Secret(_)
        | BrokerRule::Refused { .. }
        | BrokerRule::Unresolvable(_) => ErrorCode::InvalidRequest,
    }
}

fn altered_group(rule: &GroupRule) -> ErrorCode {
    match rule {
        GroupRule::NoName => ErrorCode::InvalidRequest,
        GroupRule::Unknown(_)
        | GroupRule::OutOfRange { .. }
        | GroupRule::Above { .. }
        | GroupRule::NotAbove { .. }
        | GroupRule::OffsetReset(_)
        | GroupRule::SameTag
        | GroupRule::UnknownAssignor { .. }
        | GroupRule::DeadLetters => ErrorCode::InvalidConfig,
    }
}

fn altered_subscription(rule: &ClientMetricsRule) -> ErrorCode {
    match rule {
        ClientMetricsRule::Match(_) => ErrorCode::InvalidConfig,
        ClientMetricsRule::NoName | ClientMetricsRule::Unknown(_) | ClientMetricsRule::Interval(_) => {
            ErrorCode::InvalidRequest
        }
    }
}
