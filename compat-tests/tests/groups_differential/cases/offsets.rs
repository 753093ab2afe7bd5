//! Committing, reading and forgetting offsets.

use kafka_protocol::messages::{
    GroupId, LeaveGroupRequest, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest,
};

use crate::Case;
use crate::requests::{COMMIT, FETCH, LEAVE, Member, commit, delete_offsets, fetch, fetch_group, leave, text};
use crate::stage::{OTHER, Stage, TOPIC};
use crate::verbs::{begin_join, introduce, joined_alone, stable_alone, synchronize};

pub const CASES: &[Case] = &[
    ("a member commits and reads", a_member_commits),
    ("a consumer without a group's members commits", a_simple_consumer),
    ("a commit to a group that does not exist", a_commit_to_no_group),
    ("a commit that fits the group badly", bad_commits),
    ("a commit in each state", commits_in_each_state),
    ("a commit of what does not exist", unknown_partitions),
    ("a commit with odd metadata", odd_metadata),
    ("a commit with odd offsets", odd_offsets),
    ("a commit of an old client with a retention time of its own", own_retention),
    ("a commit without topics", no_topics),
    ("a commit of a group without a name", no_name),
    ("offsets of nothing", offsets_of_nothing),
    ("offsets of several groups", several_groups),
    ("offsets of a subscribed topic are not deleted", delete_subscribed),
    ("offsets of a group without members are deleted", delete_of_empty),
    ("a deletion of offsets that fits badly", bad_deletions),
];

const ALL: &[(&str, &[i32])] = &[(TOPIC, &[0, 1]), (OTHER, &[0])];

fn committed(stage: &mut Stage, member: &Member, topic: &str, offsets: &[(i32, i64)]) {
    let request = commit(stage, member, topic, offsets);
    stage.ask::<OffsetCommitRequest>(member.who, COMMIT, request);
}

fn read(stage: &mut Stage, asked: Option<&[(&str, &[i32])]>) {
    let request = fetch(stage, FETCH, asked);
    stage.ask::<OffsetFetchRequest>("reader", FETCH, request);
}

fn a_member_commits(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    committed(stage, &anna, TOPIC, &[(0, 17), (1, 4)]);
    read(stage, Some(ALL));
    committed(stage, &anna, TOPIC, &[(0, 18)]);
    read(stage, Some(ALL));
    read(stage, None);
}

fn a_simple_consumer(stage: &mut Stage) {
    let nobody = Member::new("anna");
    committed(stage, &nobody, TOPIC, &[(1, 5)]);
    read(stage, Some(ALL));
    // A member takes over, and the consumer without membership may not commit any more.
    let anna = stable_alone(stage, "anna");
    committed(stage, &nobody, TOPIC, &[(1, 6)]);
    read(stage, Some(ALL));
    let request = leave(stage, LEAVE, &[&anna]);
    stage.ask::<LeaveGroupRequest>("anna", LEAVE, request);
    committed(stage, &nobody, TOPIC, &[(1, 7)]);
    read(stage, Some(ALL));
}

fn a_commit_to_no_group(stage: &mut Stage) {
    for version in [2, 8, 9] {
        let stranger = Member { id: "stranger".into(), generation: 1, ..Member::new("eve") };
        let request = commit(stage, &stranger, TOPIC, &[(0, 1)]);
        stage.ask::<OffsetCommitRequest>("eve", version, request);
        let zero = Member { generation: 0, ..Member::new("eve") };
        let request = commit(stage, &zero, TOPIC, &[(0, 1)]);
        stage.ask::<OffsetCommitRequest>("eve", version, request);
    }
    // A member id without a generation makes a group.
    let named = Member { id: "stranger".into(), ..Member::new("eve") };
    committed(stage, &named, TOPIC, &[(0, 1)]);
    read(stage, Some(ALL));
}

fn bad_commits(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    committed(stage, &Member { generation: anna.generation + 1, ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { generation: anna.generation - 1, ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { generation: -1, ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { id: "stranger".into(), ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { id: String::new(), ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { instance: Some("unknown"), ..anna.clone() }, TOPIC, &[(0, 1)]);
    committed(stage, &Member { instance: Some("unknown"), ..Member::new("eve") }, TOPIC, &[(0, 1)]);
    read(stage, Some(ALL));
}

fn commits_in_each_state(stage: &mut Stage) {
    let anna = joined_alone(stage, "anna");
    committed(stage, &anna, TOPIC, &[(0, 1)]);
    synchronize(stage, &anna, &[(&anna, b"all")]);
    committed(stage, &anna, TOPIC, &[(0, 2)]);
    let bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    committed(stage, &anna, TOPIC, &[(0, 3)]);
    read(stage, Some(ALL));
    let request = leave(stage, LEAVE, &[&anna, &bob]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    committed(stage, &anna, TOPIC, &[(0, 4)]);
    committed(stage, &Member { generation: -1, ..anna }, TOPIC, &[(0, 5)]);
    read(stage, Some(ALL));
}

fn unknown_partitions(stage: &mut Stage) {
    let nobody = Member::new("anna");
    committed(stage, &nobody, "groups-missing", &[(0, 1), (1, 2)]);
    committed(stage, &nobody, TOPIC, &[(2, 1), (-1, 1)]);
    read(stage, None);
    let mut mixed = commit(stage, &nobody, TOPIC, &[(0, 1), (7, 1), (1, 2)]);
    mixed.topics.extend(commit(stage, &nobody, "groups-missing", &[(0, 1)]).topics);
    mixed.topics.extend(commit(stage, &nobody, OTHER, &[(0, 3)]).topics);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, mixed);
    read(stage, None);
    // Nothing that exists is named: the group is not even asked.
    let stranger = Member { id: "stranger".into(), generation: 9, ..Member::new("eve") };
    committed(stage, &stranger, "groups-missing", &[(0, 1)]);
    committed(stage, &stranger, TOPIC, &[(0, 1), (5, 1)]);
}

fn odd_metadata(stage: &mut Stage) {
    let nobody = Member::new("anna");
    let mut request = commit(stage, &nobody, TOPIC, &[(0, 1), (1, 2)]);
    for metadata in [None, Some(String::new()), Some("m".repeat(4096)), Some("m".repeat(4097)), Some("ü".repeat(3000))]
    {
        request.topics[0].partitions[0].committed_metadata = metadata.as_deref().map(text);
        stage.ask::<OffsetCommitRequest>("anna", COMMIT, request.clone());
        read(stage, Some(ALL));
    }
}

fn odd_offsets(stage: &mut Stage) {
    let nobody = Member::new("anna");
    committed(stage, &nobody, TOPIC, &[(0, -1), (1, i64::MAX)]);
    read(stage, Some(ALL));
    committed(stage, &nobody, TOPIC, &[(0, -7), (1, 0)]);
    let mut with_epoch = commit(stage, &nobody, OTHER, &[(0, 3)]);
    with_epoch.topics[0].partitions[0].committed_leader_epoch = 12;
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, with_epoch);
    read(stage, Some(ALL));
    committed(stage, &nobody, OTHER, &[(0, 4), (0, 5)]);
    read(stage, Some(ALL));
}

fn own_retention(stage: &mut Stage) {
    let nobody = Member::new("anna");
    let request = commit(stage, &nobody, TOPIC, &[(0, 1)]).with_retention_time_ms(3_600_000);
    stage.ask::<OffsetCommitRequest>("anna", 4, request);
    let request = commit(stage, &nobody, TOPIC, &[(1, 2)]).with_retention_time_ms(-1);
    stage.ask::<OffsetCommitRequest>("anna", 4, request);
    read(stage, Some(ALL));
}

fn no_topics(stage: &mut Stage) {
    let nobody = Member::new("anna");
    let request = commit(stage, &nobody, TOPIC, &[]).with_topics(vec![]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    committed(stage, &nobody, TOPIC, &[]);
    committed(stage, &nobody, "groups-missing", &[]);
    read(stage, None);
}

fn no_name(stage: &mut Stage) {
    let nobody = Member::new("anna");
    let request = commit(stage, &nobody, TOPIC, &[(0, 8)]).with_group_id(GroupId::default());
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let stranger = Member { id: "stranger".into(), generation: 3, ..Member::new("eve") };
    let request = commit(stage, &stranger, TOPIC, &[(0, 9)]).with_group_id(GroupId::default());
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let request = OffsetFetchRequest::default().with_groups(vec![fetch_group(GroupId::default(), Some(ALL))]);
    stage.ask::<OffsetFetchRequest>("anna", FETCH, request);
}

fn offsets_of_nothing(stage: &mut Stage) {
    read(stage, Some(ALL));
    read(stage, None);
    read(stage, Some(&[]));
    read(stage, Some(&[("groups-missing", &[0]), (TOPIC, &[-1, 99]), (OTHER, &[])]));
    stable_alone(stage, "anna");
    read(stage, None);
    let stranger = fetch_group(stage.group_id(), Some(ALL)).with_member_id(Some(text("stranger"))).with_member_epoch(4);
    let request = OffsetFetchRequest::default().with_groups(vec![stranger]).with_require_stable(true);
    stage.ask::<OffsetFetchRequest>("eve", FETCH, request);
}

fn several_groups(stage: &mut Stage) {
    let nobody = Member::new("anna");
    committed(stage, &nobody, TOPIC, &[(0, 1)]);
    let first = stage.group_id();
    stage.switch("second");
    committed(stage, &nobody, OTHER, &[(0, 2)]);
    let second = stage.group_id();
    let asked = vec![
        fetch_group(second.clone(), Some(ALL)),
        fetch_group(GroupId(text("groups-nowhere")), None),
        fetch_group(first, None),
        fetch_group(second, None),
    ];
    for version in [8, 9] {
        let request = OffsetFetchRequest::default().with_groups(asked.clone()).with_require_stable(true);
        stage.ask::<OffsetFetchRequest>("reader", version, request);
    }
    stage.ask::<OffsetFetchRequest>("reader", FETCH, OffsetFetchRequest::default());
}

fn delete_subscribed(stage: &mut Stage) {
    let anna = stable_alone(stage, "anna");
    committed(stage, &anna, TOPIC, &[(0, 1)]);
    committed(stage, &anna, OTHER, &[(0, 2)]);
    let request = delete_offsets(stage, &[(TOPIC, &[0, 1]), (OTHER, &[0]), ("groups-missing", &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    read(stage, None);
    let bob = introduce(stage, "bob");
    begin_join(stage, &bob);
    stage.until("PreparingRebalance", 2);
    let request = delete_offsets(stage, &[(TOPIC, &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
}

fn delete_of_empty(stage: &mut Stage) {
    let nobody = Member::new("anna");
    committed(stage, &nobody, TOPIC, &[(0, 1), (1, 2)]);
    let request = delete_offsets(stage, &[(TOPIC, &[0, 7]), (OTHER, &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    read(stage, None);
    let request = delete_offsets(stage, &[(TOPIC, &[1])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    read(stage, None);
    let request = delete_offsets(stage, &[(TOPIC, &[1])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
}

fn bad_deletions(stage: &mut Stage) {
    let request = delete_offsets(stage, &[(TOPIC, &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request.clone());
    stage.ask::<OffsetDeleteRequest>("eve", 0, request.with_group_id(GroupId::default()));
    let request = delete_offsets(stage, &[("groups-missing", &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    let request = delete_offsets(stage, &[]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    stable_alone(stage, "anna");
    let request = delete_offsets(stage, &[]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
    let request = delete_offsets(stage, &[(OTHER, &[0]), (OTHER, &[0])]);
    stage.ask::<OffsetDeleteRequest>("eve", 0, request);
}
