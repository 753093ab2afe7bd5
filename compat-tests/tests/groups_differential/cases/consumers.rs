//! Consumer groups: the server assigns (KIP-848).

use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DeleteGroupsRequest, DescribeGroupsRequest, GroupId,
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest,
    OffsetFetchRequest, SyncGroupRequest,
};

use crate::Case;
use crate::consumers::{BEAT, Consumer, DESCRIBE_CONSUMERS, describe_consumers};
use crate::requests::{
    COMMIT, DESCRIBE, FETCH, HEARTBEAT, JOIN, LEAVE, Member, SYNC, commit, delete_offsets, describe, fetch,
    fetch_group, heartbeat, join, leave, protocol, subscription, sync, text,
};
use crate::stage::{OTHER, Stage, TOPIC};
use crate::verbs::{joined_alone, stable_alone};

pub const CASES: &[Case] = &[
    ("consumers one member joins and stays", joins),
    ("consumers a member of version 0 is given an id", given_an_id),
    ("consumers what a request must say", must_say),
    ("consumers a second member waits for the first", two_reconcile),
    ("consumers a third and a fourth member", too_many),
    ("consumers a member nobody knows", unknown),
    ("consumers epochs of another time", epochs),
    ("consumers a lost answer is repeated", repeated),
    ("consumers a member leaves", leaves),
    ("consumers a static member goes for a while and comes back", static_returns),
    ("consumers a static member that is still there", static_unreleased),
    ("consumers a static member goes for good", static_leaves),
    ("consumers assignors", assignors),
    ("consumers topics that do not exist", no_topics),
    ("consumers another subscription", resubscribed),
    ("consumers a regular expression", pattern),
    ("consumers a regular expression that is none", bad_pattern),
    ("consumers commit by epoch", commits),
    ("consumers fetch offsets by epoch", fetches),
    ("consumers offsets of a subscribed topic are not deleted", delete_subscribed),
    ("consumers are described", described),
    ("consumers are described that are not there", described_unknown),
    ("consumers for administrators of classic groups", administered),
    ("consumers a group with offsets only", from_simple),
    ("consumers a classic group of another protocol type", of_another_type),
    ("consumers a classic group is upgraded", upgraded),
    ("consumers a classic group is upgraded and goes back", downgraded),
    ("consumers a classic member joins a consumer group", classic_joins),
    ("consumers classic members that do not fit", classic_misfits),
    ("consumers a classic member leaves by its request", classic_leaves),
    ("consumers an empty consumer group becomes a classic one", emptied),
];

fn see(stage: &mut Stage) {
    let group = stage.group_id();
    stage.ask::<ConsumerGroupDescribeRequest>("eve", DESCRIBE_CONSUMERS, describe_consumers(&[group]));
}

/// Anna and bob hold a partition each.
fn pair(stage: &mut Stage) -> (Consumer, Consumer) {
    let (mut anna, mut bob) = (Consumer::new("anna", &[TOPIC]), Consumer::new("bob", &[TOPIC]));
    anna.speaks(stage);
    bob.speaks(stage);
    anna.owns(stage);
    anna.owns(stage);
    bob.owns(stage);
    (anna, bob)
}

fn joins(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    anna.beats(stage);
    anna.owns(stage);
    anna.speaks(stage);
    see(stage);
}

fn given_an_id(stage: &mut Stage) {
    let anna = Consumer { id: String::new(), ..Consumer::new("anna", &[TOPIC]) };
    let request = anna.full(stage);
    let told = stage.ask_unseen::<ConsumerGroupHeartbeatRequest>("anna", 0, request);
    let length = told.member_id.as_ref().map(|id| id.len());
    stage.note(format!("{}: an id of {length:?} bytes, epoch {}", told.error_code, told.member_epoch));
    let request = Consumer { epoch: 1, ..anna }.full(stage);
    stage.ask::<ConsumerGroupHeartbeatRequest>("anna", 0, request);
}

fn must_say(stage: &mut Stage) {
    let anna = Consumer::new("anna", &[TOPIC]);
    let full = anna.full(stage);
    let refused = [
        full.clone().with_group_id(GroupId(text(""))),
        full.clone().with_group_id(GroupId(text(" "))),
        full.clone().with_member_id(text("")),
        full.clone().with_instance_id(Some(text(""))),
        full.clone().with_rack_id(Some(text(""))),
        full.clone().with_rebalance_timeout_ms(-1),
        full.clone().with_topic_partitions(None),
        full.clone().with_subscribed_topic_names(None),
        full.clone().with_member_epoch(-3),
        full.clone().with_member_epoch(-2),
        full.clone().with_server_assignor(Some(text("mine"))),
        full.clone().with_server_assignor(Some(text(""))),
    ];
    for request in refused {
        stage.ask::<ConsumerGroupHeartbeatRequest>("anna", BEAT, request);
    }
    see(stage);
}

fn two_reconcile(stage: &mut Stage) {
    let (mut anna, mut bob) = (Consumer::new("anna", &[TOPIC]), Consumer::new("bob", &[TOPIC]));
    anna.speaks(stage);
    bob.speaks(stage);
    see(stage);
    bob.beats(stage);
    anna.beats(stage);
    see(stage);
    anna.beats(stage);
    anna.owns(stage);
    see(stage);
    bob.beats(stage);
    bob.owns(stage);
    anna.beats(stage);
    see(stage);
}

fn too_many(stage: &mut Stage) {
    for who in ["anna", "bob", "carl", "dora"] {
        Consumer::new(who, &[TOPIC]).speaks(stage);
    }
    see(stage);
}

fn unknown(stage: &mut Stage) {
    let mut nobody = Consumer { epoch: 1, ..Consumer::new("nobody", &[TOPIC]) };
    nobody.beats(stage);
    nobody.leaves(stage, -1);
    Consumer::new("anna", &[TOPIC]).speaks(stage);
    nobody.beats(stage);
    nobody.leaves(stage, -1);
    let mut fixed = Consumer { epoch: 1, ..Consumer::fixed("nobody", "one", &[TOPIC]) };
    fixed.beats(stage);
    fixed.leaves(stage, -1);
    fixed.leaves(stage, -2);
}

fn epochs(stage: &mut Stage) {
    let (anna, _) = pair(stage);
    for epoch in [0, 1, 2, 3, 4, 9] {
        let mut anna = Consumer { epoch, ..anna.clone() };
        anna.beats(stage);
        anna.owns(stage);
    }
    let other = stage.topic_id(OTHER);
    let mut more = Consumer { epoch: 2, ..anna };
    more.holds.push((other, vec![0]));
    more.owns(stage);
}

fn repeated(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let before = anna.clone();
    Consumer::new("bob", &[TOPIC]).speaks(stage);
    anna.beats(stage);
    anna.owns(stage);
    let mut again = Consumer { holds: anna.holds.clone(), ..before.clone() };
    again.owns(stage);
    Consumer { holds: Vec::new(), ..before.clone() }.owns(stage);
    before.clone().beats(stage);
    Consumer { epoch: 0, holds: Vec::new(), ..before }.speaks(stage);
    see(stage);
}

fn leaves(stage: &mut Stage) {
    let (mut anna, mut bob) = pair(stage);
    bob.leaves(stage, -1);
    bob.leaves(stage, -1);
    bob.beats(stage);
    see(stage);
    anna.beats(stage);
    anna.owns(stage);
    anna.leaves(stage, -1);
    see(stage);
    Consumer::new("carl", &[TOPIC]).speaks(stage);
}

fn static_returns(stage: &mut Stage) {
    let mut anna = Consumer::fixed("anna", "one", &[TOPIC]);
    anna.speaks(stage);
    anna.leaves(stage, -2);
    see(stage);
    let mut again = Consumer { id: "another".into(), ..Consumer::fixed("anna", "one", &[TOPIC]) };
    again.speaks(stage);
    again.owns(stage);
    anna.beats(stage);
    anna.leaves(stage, -1);
    see(stage);
}

fn static_unreleased(stage: &mut Stage) {
    let mut anna = Consumer::fixed("anna", "one", &[TOPIC]);
    anna.speaks(stage);
    Consumer { id: "another".into(), ..Consumer::fixed("bob", "one", &[TOPIC]) }.speaks(stage);
    let mut same = Consumer { epoch: 0, holds: Vec::new(), ..anna.clone() };
    same.speaks(stage);
    anna.beats(stage);
}

fn static_leaves(stage: &mut Stage) {
    let mut anna = Consumer::fixed("anna", "one", &[TOPIC]);
    anna.speaks(stage);
    anna.leaves(stage, -1);
    see(stage);
    anna.leaves(stage, -2);
}

fn assignors(stage: &mut Stage) {
    for assignor in ["range", "uniform", "RANGE"] {
        stage.switch(assignor);
        let mut anna = Consumer { assignor: Some(assignor), ..Consumer::new("anna", &[TOPIC, OTHER]) };
        anna.speaks(stage);
        see(stage);
    }
    stage.switch("two of three");
    for (who, assignor) in [("anna", "uniform"), ("bob", "range"), ("carl", "range")] {
        Consumer { assignor: Some(assignor), ..Consumer::new(who, &[TOPIC]) }.speaks(stage);
    }
    see(stage);
}

fn no_topics(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &["not-there"]);
    anna.speaks(stage);
    anna.beats(stage);
    see(stage);
    stage.switch("nothing at all");
    let mut bob = Consumer::new("bob", &[]);
    bob.speaks(stage);
    see(stage);
}

fn resubscribed(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    anna.topics = vec![OTHER];
    anna.speaks(stage);
    see(stage);
    anna.owns(stage);
    see(stage);
    anna.topics = vec![];
    anna.speaks(stage);
    anna.owns(stage);
    see(stage);
}

fn pattern(stage: &mut Stage) {
    let mut anna = Consumer { regex: Some("groups-(two|one)"), ..Consumer::new("anna", &[]) };
    anna.speaks(stage);
    anna.waits_for_partitions(stage);
    anna.regex = Some("");
    anna.speaks(stage);
    anna.owns(stage);
}

fn bad_pattern(stage: &mut Stage) {
    for regex in ["(", "[", "a{2,1}", "*"] {
        let anna = Consumer { regex: Some(regex), ..Consumer::new("anna", &[]) };
        let request = anna.full(stage);
        let told = stage.ask_unseen::<ConsumerGroupHeartbeatRequest>("anna", BEAT, request);
        // The library that reads the expression has words of its own for what is wrong.
        let message = told.error_message.map(|message| message.to_string()).unwrap_or_default();
        let begin = format!("SubscribedTopicRegex `{regex}` is not a valid regular expression: ");
        stage.note(format!("{regex}: {}, {}", told.error_code, message.starts_with(&begin)));
    }
    see(stage);
}

fn committing(anna: &Consumer, epoch: i32) -> Member {
    Member { who: anna.who, id: anna.id.clone(), instance: None, generation: epoch }
}

fn commits(stage: &mut Stage) {
    let (anna, _) = pair(stage);
    let held = anna.holds.first().map_or(0, |(_, partitions)| partitions[0]);
    for epoch in [-1, 0, 1, 2, 3, 4] {
        for partition in [held, 1 - held] {
            let request = commit(stage, &committing(&anna, epoch), TOPIC, &[(partition, 5)]);
            stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
        }
    }
    let request = commit(stage, &committing(&anna, 3), TOPIC, &[(held, 6)]);
    stage.ask::<OffsetCommitRequest>("anna", 8, request);
    let nobody = Member { id: "nobody".into(), ..committing(&anna, 3) };
    let request = commit(stage, &nobody, TOPIC, &[(held, 7)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let request = commit(stage, &Member::new("anna"), TOPIC, &[(held, 8)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let request = fetch(stage, FETCH, Some(&[(TOPIC, &[0, 1])]));
    stage.ask::<OffsetFetchRequest>("anna", FETCH, request);
}

fn fetches(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let request = commit(stage, &committing(&anna, 2), TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    for (id, epoch) in [
        (Some(anna.id.as_str()), 1),
        (Some(&anna.id), 2),
        (Some(&anna.id), 3),
        (Some("nobody"), 2),
        (Some(""), -1),
        (None, -1),
    ] {
        let group =
            fetch_group(stage.group_id(), Some(&[(TOPIC, &[0])])).with_member_id(id.map(text)).with_member_epoch(epoch);
        let request = OffsetFetchRequest::default().with_groups(vec![group]);
        stage.ask::<OffsetFetchRequest>("anna", FETCH, request);
    }
}

fn delete_subscribed(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    for topic in [TOPIC, OTHER] {
        let request = commit(stage, &committing(&anna, 2), topic, &[(0, 5)]);
        stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    }
    let request = delete_offsets(stage, &[(TOPIC, &[0]), (OTHER, &[0])]);
    stage.ask::<OffsetDeleteRequest>("anna", 0, request);
    anna.leaves(stage, -1);
    let request = delete_offsets(stage, &[(TOPIC, &[0])]);
    stage.ask::<OffsetDeleteRequest>("anna", 0, request);
}

fn described(stage: &mut Stage) {
    let mut anna = Consumer { assignor: Some("range"), ..Consumer::fixed("anna", "one", &[TOPIC, OTHER]) };
    anna.speaks(stage);
    let mut bob = Consumer::new("bob", &[TOPIC]);
    bob.speaks(stage);
    anna.beats(stage);
    for version in 0..=DESCRIBE_CONSUMERS {
        let request = describe_consumers(&[stage.group_id()]).with_include_authorized_operations(true);
        stage.ask::<ConsumerGroupDescribeRequest>("eve", version, request);
    }
    for filter in [&["consumer"] as &[&str], &["Classic"], &["CONSUMER", "classic"], &["share"]] {
        let request = ListGroupsRequest::default().with_types_filter(filter.iter().map(|name| text(name)).collect());
        stage.ask::<ListGroupsRequest>("eve", 5, request);
    }
    for state in ["stable", "Reconciling", "assigning", "Empty"] {
        let request = ListGroupsRequest::default().with_states_filter(vec![text(state)]);
        stage.ask::<ListGroupsRequest>("eve", 5, request);
    }
}

fn described_unknown(stage: &mut Stage) {
    stable_alone(stage, "anna");
    let groups = [stage.group_id(), GroupId(text("nobody-knows")), GroupId(text(""))];
    for group in groups {
        stage.ask::<ConsumerGroupDescribeRequest>("eve", DESCRIBE_CONSUMERS, describe_consumers(&[group]));
    }
}

fn administered(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let group = stage.group_id();
    for version in [5, DESCRIBE] {
        stage.ask::<DescribeGroupsRequest>("eve", version, describe(std::slice::from_ref(&group)));
    }
    let delete = DeleteGroupsRequest::default().with_groups_names(vec![group.clone()]);
    stage.ask::<DeleteGroupsRequest>("eve", 2, delete.clone());
    anna.leaves(stage, -1);
    stage.ask::<DeleteGroupsRequest>("eve", 2, delete.clone());
    stage.ask::<DeleteGroupsRequest>("eve", 2, delete);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
}

fn from_simple(stage: &mut Stage) {
    let request = commit(stage, &Member::new("anna"), TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let request = fetch(stage, FETCH, None);
    stage.ask::<OffsetFetchRequest>("anna", FETCH, request);
    anna.leaves(stage, -1);
    let request = commit(stage, &Member::new("anna"), TOPIC, &[(1, 6)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
}

fn of_another_type(stage: &mut Stage) {
    let anna = Member::new("anna");
    let request = join(stage, 3, &anna).with_protocol_type(text("connect"));
    stage.ask::<JoinGroupRequest>("anna", 3, request);
    Consumer::new("bob", &[TOPIC]).speaks(stage);
    let mut known = Consumer { epoch: 1, ..Consumer::new("bob", &[TOPIC]) };
    known.beats(stage);
    known.leaves(stage, -1);
}

/// What anna, a classic member, says when she joins again holding so much.
fn rejoin_holding(stage: &mut Stage, anna: &mut Member, owned: &[i32]) {
    let request = join(stage, JOIN, anna).with_protocols(vec![protocol("range", holding(owned))]);
    let joined = stage.ask::<JoinGroupRequest>(anna.who, JOIN, request);
    anna.generation = joined.generation_id;
}

/// The metadata of a consumer that holds partitions of the topic.
fn holding(owned: &[i32]) -> bytes::Bytes {
    use bytes::BufMut;
    let mut metadata = bytes::BytesMut::from(&subscription(&[TOPIC])[..]);
    metadata.truncate(metadata.len() - 4);
    metadata.put_i32(1);
    metadata.put_i16(TOPIC.len() as i16);
    metadata.put_slice(TOPIC.as_bytes());
    metadata.put_i32(owned.len() as i32);
    owned.iter().for_each(|partition| metadata.put_i32(*partition));
    metadata.freeze()
}

fn syncs(stage: &mut Stage, anna: &Member) {
    let request = sync(stage, SYNC, anna, &[]);
    stage.ask::<SyncGroupRequest>(anna.who, SYNC, request);
}

fn beats(stage: &mut Stage, anna: &Member) {
    let request = heartbeat(stage, anna);
    stage.ask::<HeartbeatRequest>(anna.who, HEARTBEAT, request);
}

/// A classic group of anna alone, who holds both partitions of the topic.
fn classic_alone(stage: &mut Stage) -> Member {
    use bytes::BufMut;
    let anna = joined_alone(stage, "anna");
    let mut assignment = bytes::BytesMut::new();
    assignment.put_i16(1);
    assignment.put_i32(1);
    assignment.put_i16(TOPIC.len() as i16);
    assignment.put_slice(TOPIC.as_bytes());
    assignment.put_i32(2);
    assignment.put_i32(0);
    assignment.put_i32(1);
    assignment.put_i32(-1);
    let request = sync(stage, SYNC, &anna, &[(&anna, &assignment)]);
    stage.ask::<SyncGroupRequest>("anna", SYNC, request);
    anna
}

fn upgraded(stage: &mut Stage) {
    let mut anna = classic_alone(stage);
    let mut bob = Consumer::new("bob", &[TOPIC]);
    bob.speaks(stage);
    see(stage);
    syncs(stage, &anna);
    beats(stage, &anna);
    rejoin_holding(stage, &mut anna, &[0, 1]);
    syncs(stage, &anna);
    see(stage);
    beats(stage, &anna);
    bob.beats(stage);
    rejoin_holding(stage, &mut anna, &[0]);
    syncs(stage, &anna);
    beats(stage, &anna);
    bob.beats(stage);
    see(stage);
    let request = commit(stage, &anna, TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
    let late = Member { generation: 9, ..anna.clone() };
    syncs(stage, &late);
    beats(stage, &late);
    let request = commit(stage, &late, TOPIC, &[(0, 5)]);
    stage.ask::<OffsetCommitRequest>("anna", COMMIT, request);
}

fn downgraded(stage: &mut Stage) {
    let mut anna = classic_alone(stage);
    let mut bob = Consumer::new("bob", &[TOPIC]);
    bob.speaks(stage);
    bob.leaves(stage, -1);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
    beats(stage, &anna);
    rejoin_holding(stage, &mut anna, &[0, 1]);
    syncs(stage, &anna);
    see(stage);
}

fn classic_joins(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let mut bob = joined_alone(stage, "bob");
    syncs(stage, &bob);
    beats(stage, &bob);
    anna.beats(stage);
    anna.owns(stage);
    beats(stage, &bob);
    rejoin_holding(stage, &mut bob, &[]);
    syncs(stage, &bob);
    see(stage);
    anna.leaves(stage, -1);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
}

fn classic_misfits(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    let bob = Member::new("bob");
    let request = join(stage, 3, &bob).with_protocol_type(text("connect"));
    stage.ask::<JoinGroupRequest>("bob", 3, request);
    let request = join(stage, 3, &bob).with_protocols(Vec::new());
    stage.ask::<JoinGroupRequest>("bob", 3, request);
    let stranger = Member { id: "stranger".into(), generation: 1, ..bob };
    syncs(stage, &stranger);
    beats(stage, &stranger);
    let as_anna = Member { id: anna.id.clone(), generation: 1, ..Member::new("bob") };
    syncs(stage, &as_anna);
    beats(stage, &as_anna);
    let mut carl = joined_alone(stage, "carl");
    let request =
        join(stage, JOIN, &Member::new("dora")).with_protocols(vec![protocol("other", subscription(&[TOPIC]))]);
    stage.ask::<JoinGroupRequest>("dora", JOIN, request);
    carl.generation += 5;
    syncs(stage, &carl);
    beats(stage, &carl);
}

fn classic_leaves(stage: &mut Stage) {
    let mut anna = Consumer::fixed("anna", "one", &[TOPIC]);
    anna.speaks(stage);
    let bob = joined_alone(stage, "bob");
    let nobody = Member { id: "nobody".into(), ..Member::new("eve") };
    let fenced = Member { id: "nobody".into(), ..Member::fixed("eve", "one") };
    let absent = Member::fixed("eve", "two");
    let request = leave(stage, LEAVE, &[&bob, &nobody, &fenced, &absent]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    see(stage);
    let by_name = Member::fixed("eve", "one");
    let request = leave(stage, LEAVE, &[&by_name]);
    stage.ask::<LeaveGroupRequest>("eve", LEAVE, request);
    see(stage);
}

fn emptied(stage: &mut Stage) {
    let mut anna = Consumer::new("anna", &[TOPIC]);
    anna.speaks(stage);
    anna.leaves(stage, -1);
    let known = Member { id: "known".into(), ..Member::new("bob") };
    let request = join(stage, JOIN, &known);
    stage.ask::<JoinGroupRequest>("bob", JOIN, request);
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
    stable_alone(stage, "bob");
    stage.ask::<ListGroupsRequest>("eve", 5, ListGroupsRequest::default());
}
