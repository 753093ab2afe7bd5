//! Consumer groups, heartbeat by heartbeat.

use std::collections::{BTreeMap, BTreeSet};

use catena_protocol::group_records::GroupKind;
use uuid::Uuid;

use super::*;
use crate::groups::modern;

type Held = BTreeMap<Uuid, BTreeSet<i32>>;

/// A consumer as its client library keeps it.
pub struct Consumer {
    pub beat: Beat,
    pub holds: Held,
}

impl Consumer {
    pub fn new(id: &str, topics: &[&str]) -> Self {
        let beat = Beat {
            group_id: "g".into(),
            member_id: id.into(),
            member_epoch: 0,
            instance_id: None,
            rack_id: None,
            rebalance_timeout_ms: 60_000,
            topics: Some(topics.iter().map(|name| (*name).to_owned()).collect()),
            regex: None,
            assignor: None,
            owned: Some(BTreeMap::new()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
        };
        Self { beat, holds: Held::new() }
    }

    pub fn named(id: &str, instance: &str, topics: &[&str]) -> Self {
        let mut consumer = Self::new(id, topics);
        consumer.beat.instance_id = Some(instance.into());
        consumer
    }

    fn matching(id: &str, regex: &str) -> Self {
        let mut consumer = Self::new(id, &[]);
        (consumer.beat.topics, consumer.beat.regex) = (None, Some(regex.into()));
        consumer
    }

    /// A heartbeat; what is told is done at once and reported with the next.
    pub fn beats(&mut self, scene: &mut Scene) -> Result<Beaten, GroupError> {
        let reply = scene.beat(self.beat.clone()).map_err(|refused| refused.error);
        if let Ok(beaten) = &reply {
            self.beat.member_epoch = beaten.member_epoch;
            if let Some(told) = &beaten.assignment {
                self.holds = told.clone();
            }
            self.beat = Beat {
                topics: None,
                regex: None,
                rebalance_timeout_ms: -1,
                owned: Some(self.holds.clone()),
                ..self.beat.clone()
            };
        }
        reply
    }

    /// As `topic: partitions`.
    pub fn shown(&self, scene: &Scene) -> String {
        let of_topic = |(id, partitions): (&Uuid, &BTreeSet<i32>)| {
            let (name, _) = modern::Topics::with_id(&scene.topics, *id).expect("a topic");
            format!("{name}: {partitions:?}")
        };
        self.holds.iter().map(of_topic).collect::<Vec<_>>().join(" ")
    }
}

impl Scene {
    fn beat(&mut self, beat: Beat) -> BeatReply {
        self.ask(|to| Message::Beat(GroupKind::Consumer, beat, to))
    }

    fn describe_consumers(&mut self) -> DescribedModern {
        self.ask(|to| Message::DescribeModern(GroupKind::Consumer, "g".into(), to)).expect("a group")
    }

    fn with_topic(name: &str, partitions: u32) -> Self {
        let scene = Self::new();
        scene.topics.make(name, partitions);
        scene
    }

    /// Does what the task would do away from itself.
    fn resolve(&mut self) -> usize {
        let jobs: Vec<_> = self.coordinator.to_resolve.drain(..).collect();
        for job in &jobs {
            let found = modern::resolve(&job.patterns, &modern::Topics::names(&self.topics));
            let version = modern::Topics::version(&self.topics);
            self.coordinator.resolved(&job.group_id, &found, version, self.now);
        }
        self.drain();
        jobs.len()
    }
}

#[test]
fn the_first_member_is_given_everything_with_its_first_heartbeat() {
    let mut scene = Scene::with_topic("t", 3);
    let mut a = Consumer::new("a", &["t"]);
    let told = a.beats(&mut scene).expect("joined");
    assert_eq!((told.member_epoch, told.heartbeat_interval_ms), (2, 5_000));
    assert_eq!(a.shown(&scene), "t: {0, 1, 2}");
    let group = scene.describe_consumers();
    assert_eq!((group.state, group.epoch, group.target_epoch, group.assignor), (ModernState::Stable, 2, 2, "uniform"));
}

#[test]
fn a_partition_is_given_to_a_second_member_only_when_the_first_has_given_it_up() {
    let mut scene = Scene::with_topic("t", 2);
    let (mut a, mut b) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    let told = b.beats(&mut scene).expect("joined");
    assert_eq!((told.member_epoch, b.shown(&scene).as_str()), (3, ""), "nothing is free");
    assert_eq!(scene.describe_consumers().state, ModernState::Reconciling);

    let told = a.beats(&mut scene).expect("told to give up");
    assert_eq!((told.member_epoch, a.shown(&scene).as_str()), (2, "t: {0}"), "in its old epoch until it has given up");
    assert_eq!(b.beats(&mut scene).expect("waits").assignment, None);
    assert_eq!(a.beats(&mut scene).expect("has given up").member_epoch, 3);
    b.beats(&mut scene).expect("gets it");
    assert_eq!(b.shown(&scene), "t: {1}");
    assert_eq!(scene.describe_consumers().state, ModernState::Stable);
}

#[test]
fn a_heartbeat_that_says_nothing_new_writes_nothing() {
    let mut scene = Scene::with_topic("t", 1);
    let mut a = Consumer::new("a", &["t"]);
    a.beats(&mut scene).expect("joined");
    a.beats(&mut scene).expect("a full heartbeat was the last");
    let before = scene.log.records().len();
    for _ in 0..10 {
        assert_eq!(a.beats(&mut scene).expect("alive").assignment, None);
    }
    assert_eq!(scene.log.records().len(), before);
}

#[test]
fn epochs_of_another_time_are_fenced() {
    let mut scene = Scene::with_topic("t", 2);
    let (mut a, mut b) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    let at =
        |consumer: &Consumer, epoch, owned: Option<Held>| Beat { member_epoch: epoch, owned, ..consumer.beat.clone() };
    assert_eq!(scene.beat(at(&a, 7, None)).expect_err("from the future").error, GroupError::FencedMemberEpoch);
    b.beats(&mut scene).expect("joined");
    a.beats(&mut scene).expect("gives up");
    a.beats(&mut scene).expect("has given up");
    let held = a.holds.clone();
    assert!(scene.beat(at(&a, 2, Some(held))).is_ok(), "the answer with epoch 3 may be lost");
    let too_much = Held::from([(scene.topics.make("u", 1), BTreeSet::from([0]))]);
    assert_eq!(scene.beat(at(&a, 2, Some(too_much))).expect_err("owns more").error, GroupError::FencedMemberEpoch);
    let nobody = Beat { member_id: "z".into(), ..at(&a, 2, None) };
    let refused = scene.beat(nobody).expect_err("unknown");
    assert_eq!(
        (refused.error, refused.message.as_str()),
        (GroupError::UnknownMemberId, "Member z is not a member of group g.")
    );
}

#[test]
fn a_member_that_is_silent_is_removed_and_what_it_held_goes_to_the_others() {
    let mut scene = Scene::with_topic("t", 2);
    let (mut a, mut b) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    b.beats(&mut scene).expect("joined");
    for _ in 0..4 {
        scene.pass(15_000);
        a.beats(&mut scene).expect("alive");
    }
    assert_eq!(scene.describe_consumers().members.len(), 1);
    assert_eq!((a.shown(&scene).as_str(), scene.stats().expired_members), ("t: {0, 1}", 1));
    assert_eq!(b.beats(&mut scene), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_member_that_does_not_give_up_in_time_is_removed_though_it_is_alive() {
    let mut scene = Scene::with_topic("t", 2);
    let (mut a, mut b) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    let kept = a.holds.clone();
    b.beats(&mut scene).expect("joined");
    for _ in 0..7 {
        a.beat.owned = Some(kept.clone());
        let _ = a.beats(&mut scene);
        b.beats(&mut scene).expect("alive");
        scene.pass(10_000);
    }
    assert_eq!(a.beats(&mut scene), Err(GroupError::UnknownMemberId));
    b.beats(&mut scene).expect("alive");
    assert_eq!(b.shown(&scene), "t: {0, 1}");
}

#[test]
fn a_static_member_comes_back_under_another_id_and_nobody_else_notices() {
    let mut scene = Scene::with_topic("t", 2);
    let (mut a, mut b) = (Consumer::named("a", "one", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    for _ in 0..3 {
        b.beats(&mut scene).expect("alive");
        a.beats(&mut scene).expect("alive");
    }
    let (held, epoch) = (a.holds.clone(), scene.describe_consumers().epoch);

    let mut early = Consumer::named("c", "one", &["t"]);
    assert_eq!(early.beats(&mut scene), Err(GroupError::UnreleasedInstanceId));
    a.beat.member_epoch = modern::LEFT_FOR_NOW;
    assert_eq!(a.beats(&mut scene).expect("left").member_epoch, modern::LEFT_FOR_NOW);
    let mut back = Consumer::named("c", "one", &["t"]);
    back.beats(&mut scene).expect("back");
    assert_eq!((back.holds.clone(), scene.describe_consumers().epoch), (held, epoch));
    let old = Beat { member_epoch: epoch, instance_id: Some("one".into()), ..Consumer::new("a", &["t"]).beat };
    assert_eq!(scene.beat(old).expect_err("fenced").error, GroupError::FencedInstanceId);
}

#[test]
fn more_partitions_and_new_topics_of_a_regular_expression_are_noticed_with_a_heartbeat() {
    let mut scene = Scene::with_topic("t-1", 1);
    let mut a = Consumer::matching("a", "t-.*");
    a.beats(&mut scene).expect("joined");
    assert_eq!(a.shown(&scene), "", "not resolved yet");
    assert_eq!(scene.resolve(), 1);
    a.beats(&mut scene).expect("alive");
    assert_eq!(a.shown(&scene), "t-1: {0}");

    scene.topics.make("t-1", 2);
    a.beats(&mut scene).expect("alive");
    assert_eq!(a.shown(&scene), "t-1: {0, 1}");
    scene.topics.make("t-2", 1);
    scene.topics.make("at-3", 1);
    scene.pass(10_001);
    a.beats(&mut scene).expect("alive");
    scene.resolve();
    a.beats(&mut scene).expect("alive");
    assert_eq!(a.shown(&scene), "t-1: {0, 1} t-2: {0}");
}

#[test]
fn a_topic_that_is_deleted_is_taken_away() {
    let mut scene = Scene::with_topic("t", 1);
    scene.topics.make("u", 1);
    let mut a = Consumer::new("a", &["t", "u"]);
    a.beats(&mut scene).expect("joined");
    scene.topics.delete("u");
    a.beats(&mut scene).expect("alive");
    a.beats(&mut scene).expect("has given it up");
    assert_eq!(a.shown(&scene), "t: {0}");
    assert_eq!(scene.describe_consumers().state, ModernState::Stable);
}

#[test]
fn an_expression_that_is_none_is_refused_and_one_made_to_explode_too() {
    let mut scene = Scene::with_topic("t", 1);
    for regex in ["(", "a)|(b", &"(a{1000}){1000}".repeat(20)] {
        let refused = Consumer::matching("a", regex).beats(&mut scene);
        assert_eq!(refused, Err(GroupError::InvalidRegularExpression), "{regex}");
    }
    assert_eq!(scene.log.records(), vec![]);
}

#[test]
fn after_a_restart_at_any_record_the_group_goes_on() {
    let mut scene = Scene::with_topic("t", 4);
    let mut consumers = [Consumer::new("a", &["t"]), Consumer::named("b", "one", &["t"]), Consumer::new("c", &["t"])];
    for round in 0..6 {
        for consumer in consumers.iter_mut().take(round + 1) {
            consumer.beats(&mut scene).expect("alive");
            let before = scene.describe_consumers();
            scene = scene.restarted();
            assert_eq!(scene.describe_consumers(), before);
        }
    }
    let held: Vec<usize> = consumers.iter().map(|consumer| consumer.holds.values().map(BTreeSet::len).sum()).collect();
    assert_eq!(held.iter().sum::<usize>(), 4, "{held:?}");
}

#[test]
fn commits_are_good_for_what_the_member_holds_since_before_its_epoch() {
    let mut scene = Scene::new();
    let topic_id = scene.topics.make("t", 2);
    let (mut a, mut b) = (Consumer::new("a", &["t"]), Consumer::new("b", &["t"]));
    a.beats(&mut scene).expect("joined");
    b.beats(&mut scene).expect("joined");
    a.beats(&mut scene).expect("gives up");
    a.beats(&mut scene).expect("has given up, epoch 3");
    let mut commits = |member: &str, epoch: i32, partition: i32| {
        let mut event = commit("g", "t", partition, 5);
        event.topics[0].topic_id = topic_id;
        let event = CommitEvent { member_id: member.into(), generation: epoch, ..event };
        let reply = scene.ask(|to| Message::Commit(event, to));
        reply.and_then(|topics| topics[0].partitions[0].1)
    };
    assert_eq!(commits("a", 3, 0), Ok(()));
    assert_eq!(commits("a", 2, 0), Ok(()), "it has held that since epoch 2");
    assert_eq!(commits("a", 2, 1), Err(GroupError::StaleMemberEpoch), "it has given that up");
    assert_eq!(commits("a", 4, 0), Err(GroupError::StaleMemberEpoch));
    assert_eq!(commits("z", 3, 0), Err(GroupError::UnknownMemberId));
    assert_eq!(commits("", -1, 0), Err(GroupError::UnknownMemberId), "the group is not empty");
}

#[test]
fn a_group_that_only_had_offsets_becomes_a_consumer_group_and_keeps_them() {
    let mut scene = Scene::with_topic("t", 1);
    scene.ask(|to| Message::Commit(commit("g", "t", 0, 7), to)).expect("committed");
    let mut a = Consumer::new("a", &["t"]);
    a.beats(&mut scene).expect("joined");
    assert_eq!(scene.offsets("g"), ["t-0: 7"]);
    scene = scene.restarted();
    assert_eq!(scene.offsets("g"), ["t-0: 7"]);
    let listed = scene.ask(|to| Message::List(ListFilter::default(), to)).expect("a list");
    assert_eq!((listed[0].group_type, listed[0].state), ("consumer", "Stable"));

    assert_eq!(scene.ask(|to| Message::DeleteGroup("g".into(), to)), Err(GroupError::NonEmptyGroup));
    a.beat.member_epoch = modern::LEFT;
    a.beats(&mut scene).expect("left");
    assert_eq!(scene.ask(|to| Message::DeleteGroup("g".into(), to)), Ok(()));
    assert_eq!(scene.groups(), Vec::<String>::new());
    assert_eq!(scene.restarted().groups(), Vec::<String>::new());
}
