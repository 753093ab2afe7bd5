//! Committed offsets: stored, fetched, deleted, forgotten.

use super::*;
use crate::groups::types::GroupError::*;

fn asked(topic: &str, partitions: &[i32]) -> TopicPartitions {
    TopicPartitions { name: topic.into(), partitions: partitions.to_vec() }
}

impl Scene {
    fn commit(&mut self, event: CommitEvent) {
        self.ask(|to| Message::Commit(event, to)).expect("committed");
    }

    /// A member of `g` that consumes `t`.
    fn join(&mut self) {
        let joined = self.send(|to| Message::Join(joining("g"), to));
        self.pass(0);
        drop(joined);
        self.ask(|to| Message::Sync(syncing("g", "c-u"), to)).expect("synced");
    }

    fn leave(&mut self) {
        let leaving = LeavingMember { member_id: "c-u".into(), group_instance_id: None, reason: None };
        let event = LeaveEvent { group_id: "g".into(), members: vec![leaving] };
        assert_eq!(self.ask(|to| Message::Leave(event, to)), Ok(vec![Ok(())]));
    }
}

#[test]
fn the_last_commit_counts() {
    let mut scene = Scene::new();
    scene.commit(commit("g", "t", 0, 1));
    scene.commit(commit("g", "t", 1, 2));
    scene.commit(commit("g", "t", 0, 3));
    assert_eq!(scene.offsets("g"), ["t-0: 3", "t-1: 2"]);
    assert_eq!(scene.stats().commits, 3);
    assert_eq!(scene.restarted().offsets("g"), ["t-0: 3", "t-1: 2"]);
}

#[test]
fn fetched_offsets_come_in_the_order_asked() {
    let mut scene = Scene::new();
    scene.commit(commit("g", "t", 1, 7));
    let fetched = scene.fetch("g", Some(vec![asked("u", &[0]), asked("t", &[1, 0, 1])]));
    let seven = Some(CommittedOffset { offset: 7, leader_epoch: 3, metadata: "m".into(), topic_id: TOPIC_ID });
    let expected = [
        TopicOffsets { name: "u".into(), partitions: vec![(0, None)] },
        TopicOffsets { name: "t".into(), partitions: vec![(1, seven.clone()), (0, None), (1, seven)] },
    ];
    assert_eq!(fetched, expected);
    assert_eq!(scene.fetch("other", Some(vec![asked("t", &[1])]))[0].partitions, [(1, None)]);
    assert_eq!(scene.fetch("other", None), []);
}

#[test]
fn metadata_over_the_limit_is_refused_for_its_partition_alone() {
    let mut scene = Scene::new();
    let partition = |partition, metadata: &str| PartitionCommit {
        partition,
        offset: 1,
        leader_epoch: -1,
        metadata: Some(metadata.into()),
    };
    let partitions = vec![partition(0, "12345"), partition(1, "123456"), partition(2, "äöüäö"), partition(3, "😀😀😀")];
    let topics = vec![TopicCommit { name: "t".into(), topic_id: TOPIC_ID, partitions }];
    let event = CommitEvent { topics, ..commit("g", "t", 0, 0) };
    let results = scene.ask(|to| Message::Commit(event, to)).expect("results");
    let too_large = Err(OffsetMetadataTooLarge);
    // Java counts UTF-16 units: an emoji has two.
    assert_eq!(results[0].partitions, [(0, Ok(())), (1, too_large), (2, Ok(())), (3, too_large)]);
    assert_eq!(scene.offsets("g"), ["t-0: 1", "t-2: 1"]);
}

#[test]
fn offsets_of_a_subscribed_topic_cannot_be_deleted() {
    let mut scene = Scene::new();
    scene.join();
    scene.commit(commit_of("c-u", commit("g", "t", 0, 1)));
    scene.commit(commit_of("c-u", commit("g", "u", 0, 2)));
    let topics = vec![asked("t", &[0, 1]), asked("u", &[0, 1])];
    let event = DeleteOffsetsEvent { group_id: "g".into(), topics };
    let results = scene.ask(|to| Message::DeleteOffsets(event, to)).expect("results");
    let subscribed = Err(GroupSubscribedToTopic);
    assert_eq!(results[0].partitions, [(0, subscribed), (1, subscribed)]);
    assert_eq!(results[1].partitions, [(0, Ok(())), (1, Ok(()))]);
    assert_eq!(scene.offsets("g"), ["t-0: 1"]);
    assert_eq!(scene.restarted().offsets("g"), ["t-0: 1"]);
}

#[test]
fn a_deleted_group_is_gone_with_its_offsets() {
    let mut scene = Scene::new();
    scene.join();
    scene.commit(commit_of("c-u", commit("g", "t", 0, 1)));
    assert_eq!(scene.ask(|to| Message::DeleteGroup("g".into(), to)), Err(NonEmptyGroup));
    scene.leave();
    assert_eq!(scene.ask(|to| Message::DeleteGroup("g".into(), to)), Ok(()));
    assert_eq!((scene.groups(), scene.offsets("g")), (vec![], vec![]));
    let mut scene = scene.restarted();
    assert_eq!((scene.groups(), scene.offsets("g")), (vec![], vec![]));
}

#[test]
fn a_deleted_topic_takes_its_offsets_along() {
    let mut scene = Scene::new();
    for group in ["g", "h"] {
        scene.commit(commit(group, "t", 0, 1));
        scene.commit(commit(group, "u", 0, 2));
    }
    scene.coordinator.handle(Message::TopicDeleted("t".into()), scene.now);
    let mut scene = scene.restarted();
    assert_eq!((scene.offsets("g"), scene.offsets("h")), (vec!["u-0: 2".to_owned()], vec!["u-0: 2".to_owned()]));
}

#[test]
fn offsets_of_an_empty_group_expire_after_the_retention_and_the_group_with_them() {
    let mut scene = Scene::new();
    scene.join();
    scene.commit(commit_of("c-u", commit("g", "u", 0, 1)));
    scene.pass(5_000);
    scene.leave();
    scene.pass(10 * MINUTE_MS - 5_000);
    assert_eq!(scene.offsets("g"), ["u-0: 1"], "it is empty for less than the retention");
    scene.pass(2 * MINUTE_MS);
    assert_eq!((scene.offsets("g"), scene.groups()), (vec![], vec![]));
    assert_eq!((scene.stats().expired_offsets, scene.stats().groups), (1, 0));
    let mut scene = scene.restarted();
    assert_eq!((scene.offsets("g"), scene.groups()), (vec![], vec![]));
}

#[test]
fn offsets_of_a_simple_group_expire_one_by_one_and_by_their_own_time_if_they_have_one() {
    let mut scene = Scene::new();
    scene.commit(commit("g", "t", 0, 1));
    scene.commit(CommitEvent { retention_time_ms: 60 * MINUTE_MS, ..commit("g", "t", 1, 2) });
    scene.pass(5 * MINUTE_MS);
    scene.commit(commit("g", "t", 2, 3));
    scene.pass(5 * MINUTE_MS);
    assert_eq!(scene.offsets("g"), ["t-1: 2", "t-2: 3"]);
    scene.pass(5 * MINUTE_MS);
    assert_eq!(scene.offsets("g"), ["t-1: 2"]);
    scene.pass(50 * MINUTE_MS);
    assert_eq!(scene.groups(), Vec::<String>::new());
}

#[test]
fn of_a_group_with_members_only_unsubscribed_topics_expire() {
    let mut scene = Scene::new();
    scene.join();
    scene.commit(commit_of("c-u", commit("g", "t", 0, 1)));
    scene.commit(commit_of("c-u", commit("g", "u", 0, 2)));
    for _ in 0..12 * 10 {
        assert_eq!(scene.ask(|to| Message::Heartbeat(heartbeat("g", "c-u"), to)), Ok(()));
        scene.pass(6_000);
    }
    assert_eq!(scene.offsets("g"), ["t-0: 1"]);
}

#[test]
fn an_empty_group_without_offsets_is_forgotten_unless_somebody_is_about_to_join() {
    let mut scene = Scene::new();
    let event = JoinEvent { requires_known_member_id: true, session_timeout_ms: 90_000, ..joining("g") };
    let refused = scene.ask(|to| Message::Join(event, to)).expect_err("an id first");
    assert_eq!(refused.error, MemberIdRequired);
    scene.pass(MINUTE_MS);
    assert_eq!(scene.groups(), ["g"]);
    scene.pass(MINUTE_MS);
    assert_eq!(scene.groups(), Vec::<String>::new());
}

#[test]
fn expired_offsets_stay_while_the_log_refuses() {
    let mut scene = Scene::new();
    scene.commit(commit("g", "t", 0, 1));
    scene.log.refuse(Some(CoordinatorNotAvailable));
    scene.pass(20 * MINUTE_MS);
    assert_eq!((scene.offsets("g"), scene.stats().expired_offsets), (vec!["t-0: 1".to_owned()], 0));
    scene.log.refuse(None);
    scene.pass(MINUTE_MS);
    assert_eq!((scene.offsets("g"), scene.stats().expired_offsets), (vec![], 1));
}
