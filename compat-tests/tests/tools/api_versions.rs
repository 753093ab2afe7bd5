//! `kafka-broker-api-versions`: what Catena offers is what Apache Kafka offers, version for version.

use std::collections::BTreeMap;

use compat_tests::java;
use compat_tests::tools::class::API_VERSIONS;

use crate::{Bench, on_catena, on_kafka};

/// What no client or tool of the first release can do without.
const NEEDED: [&str; 28] = [
    "AlterConfigs",
    "ApiVersions",
    "CreatePartitions",
    "CreateTopics",
    "DeleteGroups",
    "DeleteRecords",
    "DeleteTopics",
    "DescribeCluster",
    "DescribeConfigs",
    "DescribeGroups",
    "DescribeTopicPartitions",
    "Fetch",
    "FindCoordinator",
    "Heartbeat",
    "IncrementalAlterConfigs",
    "InitProducerId",
    "JoinGroup",
    "LeaveGroup",
    "ListConfigResources",
    "ListGroups",
    "ListOffsets",
    "Metadata",
    "OffsetCommit",
    "OffsetDelete",
    "OffsetFetch",
    "OffsetForLeaderEpoch",
    "Produce",
    "SyncGroup",
];

#[test]
fn every_api_is_offered_in_kafkas_versions() {
    if !java::available() {
        return;
    }
    let (mut kafka, mut catena) = (BTreeMap::new(), BTreeMap::new());
    on_kafka(|bench| kafka = offered(bench));
    on_catena(|bench| catena = offered(bench));
    let missing: Vec<&&str> = NEEDED.iter().filter(|api| !catena.contains_key(**api)).collect();
    assert!(missing.is_empty(), "not offered: {missing:?}");
    let different: Vec<_> = catena.iter().filter(|(api, versions)| kafka.get(*api) != Some(versions)).collect();
    assert!(different.is_empty(), "other versions than Kafka: {different:?}");
}

/// Name and versions of each API that the broker offers.
fn offered(bench: &mut Bench) -> BTreeMap<String, String> {
    let bootstrap = bench.broker.bootstrap();
    let answer = bench.tools.call(API_VERSIONS, &["--bootstrap-server", &bootstrap], "");
    let offers = answer.lines().into_iter().filter(|line| line.contains("[usable: "));
    offers
        .filter_map(|line| {
            let (api, versions) = line.split_once("): ")?;
            let (name, _key) = api.split_once('(')?;
            Some((name.to_owned(), versions.trim_end_matches(',').to_owned()))
        })
        .collect()
}
