//! Requests to the coordinator of share-group state: of each a group, its topics, and what is said of their partitions.

use crate::bounds::schema::{Field, Schema, Versions, array, int8, int16, int32, int64, string, uuid};

pub const INITIALIZE_SHARE_GROUP_STATE: Schema = Schema {
    key: 83,
    name: "InitializeShareGroupState",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[
        string("GroupId"),
        array(
            "Topics",
            &[uuid("TopicId"), array("Partitions", &[int32("Partition"), int32("StateEpoch"), int64("StartOffset")])],
        ),
    ],
};

/// What reading a state and reading its summary ask for.
const READ: &[Field] = &[
    string("GroupId"),
    array("Topics", &[uuid("TopicId"), array("Partitions", &[int32("Partition"), int32("LeaderEpoch")])]),
];

pub const READ_SHARE_GROUP_STATE: Schema = Schema {
    key: 84,
    name: "ReadShareGroupState",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: READ,
};

pub const WRITE_SHARE_GROUP_STATE: Schema = Schema {
    key: 85,
    name: "WriteShareGroupState",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[
        string("GroupId"),
        array(
            "Topics",
            &[
                uuid("TopicId"),
                array(
                    "Partitions",
                    &[
                        int32("Partition"),
                        int32("StateEpoch"),
                        int32("LeaderEpoch"),
                        int64("StartOffset"),
                        int32("DeliveryCompleteCount").since(1),
                        array(
                            "StateBatches",
                            &[int64("FirstOffset"), int64("LastOffset"), int8("DeliveryState"), int16("DeliveryCount")],
                        ),
                    ],
                ),
            ],
        ),
    ],
};

pub const DELETE_SHARE_GROUP_STATE: Schema = Schema {
    key: 86,
    name: "DeleteShareGroupState",
    versions: Versions { min: 0, max: 0 },
    flexible_since: 0,
    fields: &[string("GroupId"), array("Topics", &[uuid("TopicId"), array("Partitions", &[int32("Partition")])])],
};

pub const READ_SHARE_GROUP_STATE_SUMMARY: Schema = Schema {
    key: 87,
    name: "ReadShareGroupStateSummary",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: READ,
};
