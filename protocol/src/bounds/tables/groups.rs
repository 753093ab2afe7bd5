//! Requests of group members and of those who look after groups.

use crate::bounds::schema::{
    NEVER_FLEXIBLE, Schema, Versions, array, boolean, bytes, int8, int32, int32s, int64, string, strings, uuid,
};

pub const OFFSET_COMMIT: Schema = Schema {
    key: 8,
    name: "OffsetCommit",
    versions: Versions { min: 2, max: 10 },
    flexible_since: 8,
    fields: &[
        string("GroupId"),
        int32("GenerationIdOrMemberEpoch"),
        string("MemberId"),
        string("GroupInstanceId").since(7).nullable(),
        int64("RetentionTimeMs").until(4),
        array(
            "Topics",
            &[
                string("Name").until(9),
                uuid("TopicId").since(10),
                array(
                    "Partitions",
                    &[
                        int32("PartitionIndex"),
                        int64("CommittedOffset"),
                        int32("CommittedLeaderEpoch").since(6),
                        string("CommittedMetadata").nullable(),
                    ],
                ),
            ],
        ),
    ],
};

pub const OFFSET_FETCH: Schema = Schema {
    key: 9,
    name: "OffsetFetch",
    versions: Versions { min: 1, max: 10 },
    flexible_since: 6,
    fields: &[
        string("GroupId").until(7),
        array("Topics", &[string("Name"), int32s("PartitionIndexes")]).until(7).nullable_since(2),
        array(
            "Groups",
            &[
                string("GroupId"),
                string("MemberId").since(9).nullable(),
                int32("MemberEpoch").since(9),
                array("Topics", &[string("Name").until(9), uuid("TopicId").since(10), int32s("PartitionIndexes")])
                    .nullable(),
            ],
        )
        .since(8),
        boolean("RequireStable").since(7),
    ],
};

pub const FIND_COORDINATOR: Schema = Schema {
    key: 10,
    name: "FindCoordinator",
    versions: Versions { min: 0, max: 6 },
    flexible_since: 3,
    fields: &[string("Key").until(3), int8("KeyType").since(1), strings("CoordinatorKeys").since(4)],
};

pub const JOIN_GROUP: Schema = Schema {
    key: 11,
    name: "JoinGroup",
    versions: Versions { min: 0, max: 9 },
    flexible_since: 6,
    fields: &[
        string("GroupId"),
        int32("SessionTimeoutMs"),
        int32("RebalanceTimeoutMs").since(1),
        string("MemberId"),
        string("GroupInstanceId").since(5).nullable(),
        string("ProtocolType"),
        array("Protocols", &[string("Name"), bytes("Metadata")]),
        string("Reason").since(8).nullable(),
    ],
};

pub const HEARTBEAT: Schema = Schema {
    key: 12,
    name: "Heartbeat",
    versions: Versions { min: 0, max: 4 },
    flexible_since: 4,
    fields: &[
        string("GroupId"),
        int32("GenerationId"),
        string("MemberId"),
        string("GroupInstanceId").since(3).nullable(),
    ],
};

pub const LEAVE_GROUP: Schema = Schema {
    key: 13,
    name: "LeaveGroup",
    versions: Versions { min: 0, max: 5 },
    flexible_since: 4,
    fields: &[
        string("GroupId"),
        string("MemberId").until(2),
        array(
            "Members",
            &[string("MemberId"), string("GroupInstanceId").nullable(), string("Reason").since(5).nullable()],
        )
        .since(3),
    ],
};

pub const SYNC_GROUP: Schema = Schema {
    key: 14,
    name: "SyncGroup",
    versions: Versions { min: 0, max: 5 },
    flexible_since: 4,
    fields: &[
        string("GroupId"),
        int32("GenerationId"),
        string("MemberId"),
        string("GroupInstanceId").since(3).nullable(),
        string("ProtocolType").since(5).nullable(),
        string("ProtocolName").since(5).nullable(),
        array("Assignments", &[string("MemberId"), bytes("Assignment")]),
    ],
};

pub const DESCRIBE_GROUPS: Schema = Schema {
    key: 15,
    name: "DescribeGroups",
    versions: Versions { min: 0, max: 6 },
    flexible_since: 5,
    fields: &[strings("Groups"), boolean("IncludeAuthorizedOperations").since(3)],
};

pub const LIST_GROUPS: Schema = Schema {
    key: 16,
    name: "ListGroups",
    versions: Versions { min: 0, max: 5 },
    flexible_since: 3,
    fields: &[strings("StatesFilter").since(4), strings("TypesFilter").since(5)],
};

pub const DELETE_GROUPS: Schema = Schema {
    key: 42,
    name: "DeleteGroups",
    versions: Versions { min: 0, max: 3 },
    flexible_since: 2,
    fields: &[strings("GroupsNames")],
};

pub const OFFSET_DELETE: Schema = Schema {
    key: 47,
    name: "OffsetDelete",
    versions: Versions { min: 0, max: 0 },
    flexible_since: NEVER_FLEXIBLE,
    fields: &[string("GroupId"), array("Topics", &[string("Name"), array("Partitions", &[int32("PartitionIndex")])])],
};
