//! Requests of members that the broker coordinates, and of those who look at their groups.

use crate::bounds::schema::{Schema, Versions, array, boolean, int32, int32s, string, strings, uuid};

pub const CONSUMER_GROUP_HEARTBEAT: Schema = Schema {
    key: 68,
    name: "ConsumerGroupHeartbeat",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[
        string("GroupId"),
        string("MemberId"),
        int32("MemberEpoch"),
        string("InstanceId").nullable(),
        string("RackId").nullable(),
        int32("RebalanceTimeoutMs"),
        strings("SubscribedTopicNames").nullable(),
        string("SubscribedTopicRegex").since(1).nullable(),
        string("ServerAssignor").nullable(),
        array("TopicPartitions", &[uuid("TopicId"), int32s("Partitions")]).nullable(),
    ],
};

pub const CONSUMER_GROUP_DESCRIBE: Schema = Schema {
    key: 69,
    name: "ConsumerGroupDescribe",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[strings("GroupIds"), boolean("IncludeAuthorizedOperations")],
};

pub const SHARE_GROUP_HEARTBEAT: Schema = Schema {
    key: 76,
    name: "ShareGroupHeartbeat",
    versions: Versions { min: 1, max: 1 },
    flexible_since: 0,
    fields: &[
        string("GroupId"),
        string("MemberId"),
        int32("MemberEpoch"),
        string("RackId").nullable(),
        strings("SubscribedTopicNames").nullable(),
    ],
};

pub const SHARE_GROUP_DESCRIBE: Schema = Schema {
    key: 77,
    name: "ShareGroupDescribe",
    versions: Versions { min: 1, max: 1 },
    flexible_since: 0,
    fields: &[strings("GroupIds"), boolean("IncludeAuthorizedOperations")],
};
