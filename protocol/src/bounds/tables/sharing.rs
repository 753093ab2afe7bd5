//! Requests of share consumers, and of those who look after the offsets of share groups.

use crate::bounds::schema::{Field, Schema, Versions, array, boolean, int8, int8s, int32, int32s, int64, string, uuid};

const ACKNOWLEDGEMENT_BATCHES: Field =
    array("AcknowledgementBatches", &[int64("FirstOffset"), int64("LastOffset"), int8s("AcknowledgeTypes")]);

pub const SHARE_FETCH: Schema = Schema {
    key: 78,
    name: "ShareFetch",
    versions: Versions { min: 1, max: 2 },
    flexible_since: 0,
    fields: &[
        string("GroupId").nullable(),
        string("MemberId").nullable(),
        int32("ShareSessionEpoch"),
        int32("MaxWaitMs"),
        int32("MinBytes"),
        int32("MaxBytes"),
        int32("MaxRecords"),
        int32("BatchSize"),
        int8("ShareAcquireMode").since(2),
        boolean("IsRenewAck").since(2),
        array("Topics", &[uuid("TopicId"), array("Partitions", &[int32("PartitionIndex"), ACKNOWLEDGEMENT_BATCHES])]),
        array("ForgottenTopicsData", &[uuid("TopicId"), int32s("Partitions")]),
    ],
};

pub const SHARE_ACKNOWLEDGE: Schema = Schema {
    key: 79,
    name: "ShareAcknowledge",
    versions: Versions { min: 1, max: 2 },
    flexible_since: 0,
    fields: &[
        string("GroupId").nullable(),
        string("MemberId").nullable(),
        int32("ShareSessionEpoch"),
        boolean("IsRenewAck").since(2),
        array("Topics", &[uuid("TopicId"), array("Partitions", &[int32("PartitionIndex"), ACKNOWLEDGEMENT_BATCHES])]),
    ],
};

pub const DESCRIBE_SHARE_GROUP_OFFSETS: Schema = Schema {
    key: 90,
    name: "DescribeShareGroupOffsets",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[array(
        "Groups",
        &[string("GroupId"), array("Topics", &[string("TopicName"), int32s("Partitions")]).nullable()],
    )],
};

pub const ALTER_SHARE_GROUP_OFFSETS: Schema = Schema {
    key: 91,
    name: "AlterShareGroupOffsets",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[
        string("GroupId"),
        array("Topics", &[string("TopicName"), array("Partitions", &[int32("PartitionIndex"), int64("StartOffset")])]),
    ],
};

pub const DELETE_SHARE_GROUP_OFFSETS: Schema = Schema {
    key: 92,
    name: "DeleteShareGroupOffsets",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[string("GroupId"), array("Topics", &[string("TopicName")])],
};
