//! Groups on a real store: what was answered is there after a restart.

use std::time::{Duration, Instant};

use catena_broker::groups::*;

use crate::support::{Running, SOON};

/// A broker with a small `__consumer_offsets` that does not wait for more members.
fn start(delay_ms: u32) -> Running {
    let delay = format!("group.initial.rebalance.delay.ms={delay_ms}");
    let running = Running::start_with(&["offsets.topic.num.partitions=3", &delay]);
    running.block_on(running.broker().topics.offsets_topic()).expect("__consumer_offsets");
    running
}

fn groups(running: &Running) -> &Groups {
    &running.broker().groups
}

fn joining(group: &str) -> JoinEvent {
    JoinEvent {
        group_id: group.into(),
        member_id: String::new(),
        group_instance_id: Some("i".into()),
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "range".into(), metadata: "anything".into() }],
        session_timeout_ms: 30_000,
        rebalance_timeout_ms: 30_000,
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        reason: None,
        requires_known_member_id: true,
        supports_skipping_assignment: true,
    }
}

fn commit(group: &str, offset: i64) -> CommitEvent {
    let partition = PartitionCommit { partition: 0, offset, leader_epoch: -1, metadata: None };
    CommitEvent {
        group_id: group.into(),
        member_id: String::new(),
        group_instance_id: None,
        generation: -1,
        retention_time_ms: -1,
        knows_group_id_not_found: true,
        metadata_bytes_max: 4096,
        topics: vec![TopicCommit { name: "t".into(), topic_id: uuid::Uuid::nil(), partitions: vec![partition] }],
    }
}

fn committed(running: &Running, group: &str) -> Option<i64> {
    let topics = vec![TopicPartitions { name: "t".into(), partitions: vec![0] }];
    let event = FetchOffsetsEvent { group_id: group.into(), member_id: None, member_epoch: -1, topics: Some(topics) };
    let fetched = ask(running, |groups| groups.fetch_offsets(event)).expect("offsets");
    fetched[0].partitions[0].1.as_ref().map(|offset| offset.offset)
}

/// A stable group of one static member; gives its member id.
fn stable(running: &Running, group: &str) -> String {
    let joined = ask(running, |groups| groups.join(joining(group), &running.broker().config().groups)).expect("joined");
    let event = SyncEvent {
        group_id: group.into(),
        member_id: joined.member_id.clone(),
        group_instance_id: Some("i".into()),
        generation: joined.generation,
        protocol_type: None,
        protocol_name: None,
        assignments: vec![(joined.member_id.clone(), "part".into())],
    };
    let synced = ask(running, |groups| groups.sync(event)).expect("synced");
    assert_eq!(synced.assignment, "part");
    joined.member_id
}

#[test]
fn groups_and_offsets_are_back_after_a_restart() {
    let mut running = start(0);
    let member_id = stable(&running, "g");
    let of_member = CommitEvent {
        member_id: member_id.clone(),
        group_instance_id: Some("i".into()),
        generation: 1,
        ..commit("g", 7)
    };
    ask(&running, |groups| groups.commit_offsets(of_member)).expect("committed");
    let simple: Vec<String> = (0..9).map(|at| format!("simple-{at}")).collect();
    for (at, group) in simple.iter().enumerate() {
        ask(&running, |groups| groups.commit_offsets(commit(group, at as i64))).expect("committed");
    }
    ask(&running, |groups| groups.delete_group("simple-8")).expect("deleted");
    let before = ask(&running, |groups| groups.describe("g")).expect("a group");
    assert_eq!((before.state, before.members.len()), (GroupState::Stable, 1));

    running.restart();
    assert_eq!(ask(&running, |groups| groups.describe("g")).expect("a group"), before);
    assert_eq!(committed(&running, "g"), Some(7));
    for (at, group) in simple.iter().enumerate().take(8) {
        assert_eq!(committed(&running, group), Some(at as i64), "{group}");
    }
    assert_eq!(committed(&running, "simple-8"), None);
    let mut listed = ask(&running, |groups| groups.list(ListFilter::default())).expect("a list");
    listed.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    let listed: Vec<_> = listed.into_iter().map(|group| group.group_id).collect();
    assert_eq!(listed[..2], ["g", "simple-0"]);
    assert_eq!(listed.len(), 9);
    let event = HeartbeatEvent { group_id: "g".into(), member_id, group_instance_id: Some("i".into()), generation: 1 };
    assert_eq!(ask(&running, |groups| groups.heartbeat(event)), Ok(()));
    let back = ask(&running, |groups| groups.join(joining("g"), &running.broker().config().groups)).expect("joined");
    assert_eq!((back.generation, back.skip_assignment), (1, true), "a static member comes back without a rebalance");
}

#[test]
fn without_the_offsets_topic_there_is_no_coordinator() {
    let running = Running::start();
    let refused = ask(&running, |groups| groups.join(joining("g"), &running.broker().config().groups))
        .expect_err("no coordinator");
    assert_eq!(refused.error, GroupError::NotCoordinator);
    assert_eq!(ask(&running, |groups| groups.list(ListFilter::default())), Ok(Vec::new()));
}

#[test]
fn events_are_handled_in_the_order_of_the_calls() {
    let running = start(0);
    let waiting: Vec<_> =
        (0..2_000).map(|at| in_runtime(&running, |groups| groups.commit_offsets(commit("g", at)))).collect();
    for answer in waiting {
        running.block_on(answer).expect("committed");
    }
    assert_eq!(committed(&running, "g"), Some(1_999));
    assert_eq!(groups(&running).stats().commits, 2_000);
}

/// Calls a method on the broker's threads and awaits the answer.
fn ask<F: Future>(running: &Running, call: impl FnOnce(&Groups) -> F) -> F::Output {
    running.block_on(async { call(groups(running)).await })
}

/// Calls a method on the broker's threads; the answer is awaited later.
fn in_runtime<F>(running: &Running, call: impl FnOnce(&Groups) -> F) -> F {
    running.block_on(async { call(groups(running)) })
}

#[test]
fn a_join_that_waits_is_answered_when_the_broker_stops() {
    let mut running = start(60_000);
    let waits = in_runtime(&running, |groups| {
        groups.join(JoinEvent { session_timeout_ms: 60_000, ..joining("g") }, &running.broker().config().groups)
    });
    let deadline = Instant::now() + SOON;
    while groups(&running).stats().members == 0 {
        assert!(Instant::now() < deadline, "the member does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = running.stop();
    assert!(took < Duration::from_secs(30), "{took:?}");
    let refused = running.block_on(waits).expect_err("refused");
    assert_eq!(refused.error, GroupError::NotCoordinator);
}

#[test]
fn a_new_offsets_topic_begins_without_groups() {
    let running = start(0);
    ask(&running, |groups| groups.commit_offsets(commit("g", 7))).expect("committed");
    let topic = running.broker().storage.topic(OFFSETS_TOPIC).expect("the topic");
    for deleted in running.broker().storage.delete_topics(&[topic.id]) {
        deleted.expect("deleted");
    }
    let gone = ask(&running, |groups| groups.commit_offsets(commit("g", 8)));
    assert_eq!(gone, Err(GroupError::NotCoordinator));
    running.block_on(running.broker().topics.offsets_topic()).expect("__consumer_offsets");
    assert_eq!(committed(&running, "g"), None);
    ask(&running, |groups| groups.commit_offsets(commit("g", 9))).expect("committed");
    assert_eq!(committed(&running, "g"), Some(9));
}
