//! Requests about topics.

use crate::bounds::schema::{
    Schema, Versions, array, boolean, int16, int32, int32s, int64, nested, string, strings, uuid,
};

pub const METADATA: Schema = Schema {
    key: 3,
    name: "Metadata",
    versions: Versions { min: 0, max: 13 },
    flexible_since: 9,
    fields: &[
        array("Topics", &[uuid("TopicId").since(10), string("Name").nullable_since(10)]).nullable_since(1),
        boolean("AllowAutoTopicCreation").since(4),
        boolean("IncludeClusterAuthorizedOperations").since(8).until(10),
        boolean("IncludeTopicAuthorizedOperations").since(8),
    ],
};

pub const CREATE_TOPICS: Schema = Schema {
    key: 19,
    name: "CreateTopics",
    versions: Versions { min: 2, max: 7 },
    flexible_since: 5,
    fields: &[
        array(
            "Topics",
            &[
                string("Name"),
                int32("NumPartitions"),
                int16("ReplicationFactor"),
                array("Assignments", &[int32("PartitionIndex"), int32s("BrokerIds")]),
                array("Configs", &[string("Name"), string("Value").nullable()]),
            ],
        ),
        int32("timeoutMs"),
        boolean("validateOnly"),
    ],
};

pub const DELETE_TOPICS: Schema = Schema {
    key: 20,
    name: "DeleteTopics",
    versions: Versions { min: 1, max: 6 },
    flexible_since: 4,
    fields: &[
        array("Topics", &[string("Name").nullable(), uuid("TopicId")]).since(6),
        strings("TopicNames").until(5),
        int32("TimeoutMs"),
    ],
};

pub const DELETE_RECORDS: Schema = Schema {
    key: 21,
    name: "DeleteRecords",
    versions: Versions { min: 0, max: 2 },
    flexible_since: 2,
    fields: &[
        array("Topics", &[string("Name"), array("Partitions", &[int32("PartitionIndex"), int64("Offset")])]),
        int32("TimeoutMs"),
    ],
};

pub const CREATE_PARTITIONS: Schema = Schema {
    key: 37,
    name: "CreatePartitions",
    versions: Versions { min: 0, max: 3 },
    flexible_since: 2,
    fields: &[
        array("Topics", &[string("Name"), int32("Count"), array("Assignments", &[int32s("BrokerIds")]).nullable()]),
        int32("TimeoutMs"),
        boolean("ValidateOnly"),
    ],
};

pub const DESCRIBE_TOPIC_PARTITIONS: Schema = Schema {
    key: 75,
    name: "DescribeTopicPartitions",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[
        array("Topics", &[string("Name")]),
        int32("ResponsePartitionLimit"),
        nested("Cursor", &[string("TopicName"), int32("PartitionIndex")]).nullable(),
    ],
};

pub const ALTER_PARTITION_REASSIGNMENTS: Schema = Schema {
    key: 45,
    name: "AlterPartitionReassignments",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[
        int32("TimeoutMs"),
        boolean("AllowReplicationFactorChange").since(1),
        array(
            "Topics",
            &[string("Name"), array("Partitions", &[int32("PartitionIndex"), int32s("Replicas").nullable()])],
        ),
    ],
};

pub const LIST_PARTITION_REASSIGNMENTS: Schema = Schema {
    key: 46,
    name: "ListPartitionReassignments",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[int32("TimeoutMs"), array("Topics", &[string("Name"), int32s("PartitionIndexes")]).nullable()],
};
