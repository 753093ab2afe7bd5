//! Requests about the broker itself.

use crate::bounds::schema::{Schema, Versions, array, boolean, int8, int8s, int32, int32s, string, strings};

pub const API_VERSIONS: Schema = Schema {
    key: 18,
    name: "ApiVersions",
    versions: Versions { min: 0, max: 5 },
    flexible_since: 3,
    fields: &[
        string("ClientSoftwareName").since(3),
        string("ClientSoftwareVersion").since(3),
        string("ClusterId").since(5).nullable(),
        int32("NodeId").since(5),
    ],
};

pub const DESCRIBE_CONFIGS: Schema = Schema {
    key: 32,
    name: "DescribeConfigs",
    versions: Versions { min: 1, max: 4 },
    flexible_since: 4,
    fields: &[
        array("Resources", &[int8("ResourceType"), string("ResourceName"), strings("ConfigurationKeys").nullable()]),
        boolean("IncludeSynonyms"),
        boolean("IncludeDocumentation").since(3),
    ],
};

pub const ALTER_CONFIGS: Schema = Schema {
    key: 33,
    name: "AlterConfigs",
    versions: Versions { min: 0, max: 2 },
    flexible_since: 2,
    fields: &[
        array(
            "Resources",
            &[
                int8("ResourceType"),
                string("ResourceName"),
                array("Configs", &[string("Name"), string("Value").nullable()]),
            ],
        ),
        boolean("ValidateOnly"),
    ],
};

pub const INCREMENTAL_ALTER_CONFIGS: Schema = Schema {
    key: 44,
    name: "IncrementalAlterConfigs",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 1,
    fields: &[
        array(
            "Resources",
            &[
                int8("ResourceType"),
                string("ResourceName"),
                array("Configs", &[string("Name"), int8("ConfigOperation"), string("Value").nullable()]),
            ],
        ),
        boolean("ValidateOnly"),
    ],
};

pub const LIST_CONFIG_RESOURCES: Schema = Schema {
    key: 74,
    name: "ListConfigResources",
    versions: Versions { min: 0, max: 1 },
    flexible_since: 0,
    fields: &[int8s("ResourceTypes").since(1)],
};

pub const ALTER_REPLICA_LOG_DIRS: Schema = Schema {
    key: 34,
    name: "AlterReplicaLogDirs",
    versions: Versions { min: 1, max: 2 },
    flexible_since: 2,
    fields: &[array("Dirs", &[string("Path"), array("Topics", &[string("Name"), int32s("Partitions")])])],
};

pub const DESCRIBE_LOG_DIRS: Schema = Schema {
    key: 35,
    name: "DescribeLogDirs",
    versions: Versions { min: 1, max: 5 },
    flexible_since: 2,
    fields: &[array("Topics", &[string("Topic"), int32s("Partitions")]).nullable()],
};

pub const DESCRIBE_CLUSTER: Schema = Schema {
    key: 60,
    name: "DescribeCluster",
    versions: Versions { min: 0, max: 2 },
    flexible_since: 0,
    fields: &[
        boolean("IncludeClusterAuthorizedOperations"),
        int8("EndpointType").since(1),
        boolean("IncludeFencedBrokers").since(2),
    ],
};
