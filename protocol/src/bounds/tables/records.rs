//! Requests that write, read and find records.

use crate::bounds::schema::{
    Schema, Versions, array, int8, int16, int32, int32s, int64, nested, records, string, uuid,
};

pub const PRODUCE: Schema = Schema {
    key: 0,
    name: "Produce",
    versions: Versions { min: 3, max: 13 },
    flexible_since: 9,
    fields: &[
        string("TransactionalId").nullable(),
        int16("Acks"),
        int32("TimeoutMs"),
        array(
            "TopicData",
            &[
                string("Name").until(12),
                uuid("TopicId").since(13),
                array("PartitionData", &[int32("Index"), records("Records").nullable()]),
            ],
        ),
    ],
};

pub const FETCH: Schema = Schema {
    key: 1,
    name: "Fetch",
    versions: Versions { min: 4, max: 18 },
    flexible_since: 12,
    fields: &[
        string("ClusterId").since(12).nullable().tagged(0),
        int32("ReplicaId").until(14),
        nested("ReplicaState", &[int32("ReplicaId"), int64("ReplicaEpoch")]).since(15).tagged(1),
        int32("MaxWaitMs"),
        int32("MinBytes"),
        int32("MaxBytes"),
        int8("IsolationLevel"),
        int32("SessionId").since(7),
        int32("SessionEpoch").since(7),
        array(
            "Topics",
            &[
                string("Topic").until(12),
                uuid("TopicId").since(13),
                array(
                    "Partitions",
                    &[
                        int32("Partition"),
                        int32("CurrentLeaderEpoch").since(9),
                        int64("FetchOffset"),
                        int32("LastFetchedEpoch").since(12),
                        int64("LogStartOffset").since(5),
                        int32("PartitionMaxBytes"),
                        uuid("ReplicaDirectoryId").since(17).tagged(0),
                        int64("HighWatermark").since(18).tagged(1),
                    ],
                ),
            ],
        ),
        array("ForgottenTopicsData", &[string("Topic").until(12), uuid("TopicId").since(13), int32s("Partitions")])
            .since(7),
        string("RackId").since(11),
    ],
};

pub const LIST_OFFSETS: Schema = Schema {
    key: 2,
    name: "ListOffsets",
    versions: Versions { min: 1, max: 11 },
    flexible_since: 6,
    fields: &[
        int32("ReplicaId"),
        int8("IsolationLevel").since(2),
        array(
            "Topics",
            &[
                string("Name"),
                array(
                    "Partitions",
                    &[int32("PartitionIndex"), int32("CurrentLeaderEpoch").since(4), int64("Timestamp")],
                ),
            ],
        ),
        int32("TimeoutMs").since(10),
    ],
};

pub const INIT_PRODUCER_ID: Schema = Schema {
    key: 22,
    name: "InitProducerId",
    versions: Versions { min: 0, max: 5 },
    flexible_since: 2,
    fields: &[
        string("TransactionalId").nullable(),
        int32("TransactionTimeoutMs"),
        int64("ProducerId").since(3),
        int16("ProducerEpoch").since(3),
    ],
};

pub const OFFSET_FOR_LEADER_EPOCH: Schema = Schema {
    key: 23,
    name: "OffsetForLeaderEpoch",
    versions: Versions { min: 2, max: 4 },
    flexible_since: 4,
    fields: &[
        int32("ReplicaId").since(3),
        array(
            "Topics",
            &[
                string("Topic"),
                array("Partitions", &[int32("Partition"), int32("CurrentLeaderEpoch"), int32("LeaderEpoch")]),
            ],
        ),
    ],
};
