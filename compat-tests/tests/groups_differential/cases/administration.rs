//! What administrators ask: where groups are coordinated, which there are, what they look like, and that they go.

use bytes::Bytes;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, FindCoordinatorRequest, GroupId, JoinGroupRequest, LeaveGroupRequest,
    ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, SyncGroupRequest,
};

use crate::Case;
use crate::requests::{
    COMMIT, DESCRIBE, FETCH, JOIN, LEAVE, Member, SYNC, commit, delete_offsets, describe, fetch, join, leave, protocol,
    sync, text,
};
use crate::stage::{Stage, TOPIC};
use crate::verbs::{begin_join, end_join, introduce, joined_alone, stable_alone, synchronize};

pub const CASES: &[Case] = &[
    ("a coordinator is looked up in every version", find_in_every_version),
    ("several coordinators are looked up at once", find_several),
    ("a coordinator of a kind that does not exist", find_unknown_kind),
    ("a group is described in each state", describe_each_state),
    ("groups are described that are not there", describe_unknown),
    ("a group is described with what may be done to it", describe_operations),
    ("groups are listed by state", list_by_state),
    ("groups are listed by type", list_by_type),
    ("groups are deleted in each state", delete_each_state),
    ("groups are deleted that are not there", delete_unknown),
    ("a group of another protocol type is described and keeps its offsets", another_type),
];

const VERSIONS_OF_DESCRIBE: std::ops::RangeInclusive<i16> = 0..=DESCRIBE;

fn find_in_every_version(stage: &mut Stage) {
    for version in 0..=6 {
        let request = FindCoordinatorRequest::default();
        let key = text(&stage.group);
        let request = if version < 4 { request.with_key(key) } else { request.with_coordinator_keys(vec![key]) };
        stage.ask::<FindCoordinatorRequest>("anna", version, request);
    }
}

fn find_several(stage: &mut Stage) {
    let keys = ["one", "two", "", "one"].map(text).to_vec();
    for version in 4..=6 {
        let request = FindCoordinatorRequest::default().with_coordinator_keys(keys.clone());
        stage.ask::<FindCoordinatorRequest>("anna", version, request);
    }
    stage.ask::<FindCoordinatorRequest>("anna", 6, FindCoordinatorRequest::default());
    stage.ask::<FindCoordinatorRequest>("anna", 3, FindCoordinatorRequest::default());
}

fn find_unknown_kind(stage: &mut Stage) {
    for kind in [-1, 3, 2] {
        for version in [1, 3] {
            let request = FindCoordinatorRequest::default().with_key(text("key")).with_key_type(kind);
            stage.ask::<FindCoordinatorRequest>("anna", version, request);
        }
        for version in [4, 5] {
            let keys = ["one", "two"].map(text).to_vec();
            let request = FindCoordinatorRequest::default().with_coordinator_keys(keys).with_key_type(kind);
            stage.ask::<FindCoordinatorRequest>("anna", version, request);
        }
    }
}

fn see(stage: &mut Stage) {
    let group = stage.group_id();
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&[group]));
}

fn describe_each_state(stage: &mut Stage) {
    see(stage);
    let mut anna = introduce(stage, "anna");
    // Apache Kafka gives out the id a moment before it shows the group.
    stage.until("Empty", 0);
    see(stage);
    begin_join(stage, &anna);
    end_join(stage, &mut anna);
    see(stage);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    see(stage);
    let bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    see(stage);
    let request = leave(stage, LEAVE, &[&anna, &bob]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    see(stage);
}

fn describe_unknown(stage: &mut Stage) {
    for version in VERSIONS_OF_DESCRIBE {
        let groups = [stage.group_id(), GroupId::default(), GroupId(text("groups-nowhere")), stage.group_id()];
        stage.ask::<DescribeGroupsRequest>("eve", version, describe(&groups));
    }
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&[]));
}

fn describe_operations(stage: &mut Stage) {
    stable_alone(stage, "anna");
    for version in 3..=DESCRIBE {
        let groups = [stage.group_id(), GroupId(text("groups-nowhere"))];
        let request = describe(&groups).with_include_authorized_operations(true);
        stage.ask::<DescribeGroupsRequest>("eve", version, request);
    }
}

/// Four groups: pending, stable, empty after members left, and only offsets.
fn four_groups(stage: &mut Stage) {
    stage.switch("completing");
    joined_alone(stage, "anna");
    stage.until("CompletingRebalance", 1);
    stage.switch("stable");
    stable_alone(stage, "bob");
    stage.switch("left");
    let carl = stable_alone(stage, "carl");
    let request = leave(stage, LEAVE, &[&carl]);
    stage.ask::<LeaveGroupRequest>("carl", LEAVE, request);
    stage.switch("offsets");
    let request = commit(stage, &Member::new("dora"), TOPIC, &[(0, 1)]);
    stage.ask::<OffsetCommitRequest>("dora", COMMIT, request);
    stage.group.truncate(stage.group.find('/').unwrap_or(stage.group.len()));
}

fn list_by_state(stage: &mut Stage) {
    four_groups(stage);
    for version in 0..=5 {
        stage.ask::<ListGroupsRequest>("eve", version, ListGroupsRequest::default());
    }
    let filters: [&[&str]; 7] = [
        &["Stable"],
        &["stable", "EMPTY"],
        &["CompletingRebalance"],
        &["completing_rebalance"],
        &["Dead", "PreparingRebalance"],
        &["nonsense"],
        &[""],
    ];
    for filter in filters {
        let request = ListGroupsRequest::default().with_states_filter(filter.iter().map(|state| text(state)).collect());
        stage.ask::<ListGroupsRequest>("eve", 4, request);
    }
}

fn list_by_type(stage: &mut Stage) {
    four_groups(stage);
    let filters: [&[&str]; 6] =
        [&["classic"], &["Classic"], &["CLASSIC", "consumer"], &["consumer"], &["share", "streams"], &["nonsense"]];
    for filter in filters {
        let types: Vec<_> = filter.iter().map(|kind| text(kind)).collect();
        let request = ListGroupsRequest::default().with_types_filter(types);
        stage.ask::<ListGroupsRequest>("eve", 5, request.clone());
        stage.ask::<ListGroupsRequest>("eve", 5, request.with_states_filter(vec![text("Empty")]));
    }
}

fn delete_each_state(stage: &mut Stage) {
    four_groups(stage);
    let base = stage.group.clone();
    let names: Vec<_> = ["completing", "stable", "left", "offsets", "left"]
        .iter()
        .map(|suffix| GroupId(text(&format!("{base}/{suffix}"))))
        .collect();
    let request = DeleteGroupsRequest::default().with_groups_names(names.clone());
    stage.ask::<DeleteGroupsRequest>("eve", 2, request.clone());
    stage.ask::<DescribeGroupsRequest>("eve", DESCRIBE, describe(&names));
    stage.ask::<DeleteGroupsRequest>("eve", 0, request);
    stage.switch("offsets");
    let request = fetch(stage, FETCH, None);
    stage.ask::<OffsetFetchRequest>("eve", FETCH, request);
    // What is deleted may come again.
    let mut dora = Member::new("dora");
    let request = join(stage, 3, &dora);
    let joined = stage.ask::<JoinGroupRequest>("dora", 3, request);
    (dora.id, dora.generation) = (joined.member_id.to_string(), joined.generation_id);
    synchronize(stage, &dora, &[(&dora, b"all")]);
}

fn delete_unknown(stage: &mut Stage) {
    for version in 0..=2 {
        let names = vec![stage.group_id(), GroupId::default(), stage.group_id()];
        let request = DeleteGroupsRequest::default().with_groups_names(names);
        stage.ask::<DeleteGroupsRequest>("eve", version, request);
    }
    stage.ask::<DeleteGroupsRequest>("eve", 2, DeleteGroupsRequest::default());
}

fn another_type(stage: &mut Stage) {
    let mut anna = introduce(stage, "anna");
    let request = join(stage, JOIN, &anna)
        .with_protocol_type(text("connect"))
        .with_protocols(vec![protocol("eager", Bytes::from_static(b"\x00\x01config"))]);
    let joined = stage.ask::<JoinGroupRequest>("anna", JOIN, request);
    anna.generation = joined.generation_id;
    let request = sync(stage, SYNC, &anna, &[(&anna, b"tasks")])
        .with_protocol_type(Some(text("connect")))
        .with_protocol_name(Some(text("eager")));
    stage.ask::<SyncGroupRequest>("anna", SYNC, request);
    see(stage);
    let request = commit(stage, &anna, TOPIC, &[(0, 3)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let request = delete_offsets(stage, &[(TOPIC, &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
}
