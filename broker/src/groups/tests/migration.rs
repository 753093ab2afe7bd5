//! Groups on their way from the classic to the consumer protocol and back, member by member.

use catena_protocol::group_records::ConsumerAssignment;

use super::modern::Consumer;
use super::*;
use crate::groups::modern::LEFT;

impl Scene {
    fn joins(&mut self, event: JoinEvent) -> JoinReply {
        self.ask(|to| Message::Join(event, to))
    }

    fn sync_of(&mut self, member_id: &str, generation: i32) -> Result<Vec<i32>, GroupError> {
        let event = SyncEvent { generation, assignments: Vec::new(), ..syncing("g", member_id) };
        let synced = self.ask(|to| Message::Sync(event, to))?;
        let assignment = ConsumerAssignment::decode(&synced.assignment).expect("an assignment");
        Ok(assignment.partitions.into_iter().flat_map(|(_, partitions)| partitions).collect())
    }

    fn beat_of(&mut self, member_id: &str, generation: i32) -> Result<(), GroupError> {
        let event = HeartbeatEvent { generation, ..heartbeat("g", member_id) };
        self.ask(|to| Message::Heartbeat(event, to))
    }

    fn kind(&mut self) -> (&'static str, &'static str) {
        let listed = self.ask(|to| Message::List(ListFilter::default(), to)).expect("a list");
        (listed[0].group_type, listed[0].state)
    }

    /// A classic group of one member, `u`, that has all partitions of `t`.
    fn with_classic_member(partitions: &[i32]) -> Self {
        let mut scene = Self::new();
        scene.topics.make("t", partitions.len() as u32);
        let mut reply = scene.send(|to| Message::Join(joining("g"), to));
        scene.pass(1);
        let joined = reply.try_recv().expect("an answer").expect("joined");
        let assignment = ConsumerAssignment::encode(0, &[("t".to_owned(), partitions.to_vec())]);
        let event =
            SyncEvent { assignments: vec![(joined.member_id.clone(), assignment)], ..syncing("g", &joined.member_id) };
        scene.ask(|to| Message::Sync(event, to)).expect("synced");
        scene
    }
}

fn rejoining(member_id: &str, owned: &[i32]) -> JoinEvent {
    let mut metadata = vec![0, 1, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255, 0, 0, 0, 1, 0, 1, b't'];
    metadata.extend((owned.len() as u32).to_be_bytes());
    owned.iter().for_each(|partition| metadata.extend(partition.to_be_bytes()));
    let protocols = vec![Protocol { name: "range".into(), metadata: metadata.into() }];
    JoinEvent { member_id: member_id.into(), protocols, ..joining("g") }
}

#[test]
fn a_classic_group_goes_on_as_a_consumer_group_and_gives_up_partitions_one_by_one() {
    let mut scene = Scene::with_classic_member(&[0, 1]);
    let mut new = Consumer::new("n", &["t"]);
    new.beats(&mut scene).expect("joined");
    assert_eq!((scene.kind(), new.shown(&scene).as_str()), (("consumer", "Reconciling"), ""));
    scene = scene.restarted();
    assert_eq!(scene.sync_of("c-u", 1), Err(GroupError::RebalanceInProgress));

    assert_eq!(scene.beat_of("c-u", 1), Err(GroupError::RebalanceInProgress), "it has a step to take");
    let joined = scene.joins(rejoining("c-u", &[0, 1])).expect("joined");
    assert_eq!(joined.generation, 1, "it has to give up first");
    assert_eq!(scene.sync_of("c-u", 1), Ok(vec![0]));
    assert_eq!(scene.beat_of("c-u", 1), Err(GroupError::RebalanceInProgress), "it has given up: another step");
    let joined = scene.joins(rejoining("c-u", &[0])).expect("joined");
    assert_eq!((joined.generation, scene.sync_of("c-u", 2)), (2, Ok(vec![0])));
    assert_eq!(scene.beat_of("c-u", 2), Ok(()));
    new.beats(&mut scene).expect("alive");
    assert_eq!((scene.kind().1, new.shown(&scene).as_str()), ("Stable", "t: {1}"));
}

#[test]
fn when_the_last_member_of_the_new_protocol_leaves_the_group_is_a_classic_one_again() {
    let mut scene = Scene::with_classic_member(&[0, 1]);
    let mut new = Consumer::new("n", &["t"]);
    new.beats(&mut scene).expect("joined");
    new.beat.member_epoch = LEFT;
    new.beats(&mut scene).expect("left");
    assert_eq!(scene.kind(), ("classic", "PreparingRebalance"));
    let mut reply = scene.send(|to| Message::Join(rejoining("c-u", &[0, 1]), to));
    scene.drain();
    let joined = reply.try_recv().expect("an answer").expect("joined");
    assert_eq!((joined.leader.as_str(), joined.members.len()), ("c-u", 1));
    assert_eq!(scene.restarted().kind().0, "classic");
}

#[test]
fn a_classic_member_that_does_not_ask_for_its_assignment_is_removed() {
    let mut scene = Scene::with_classic_member(&[0]);
    let mut new = Consumer::new("n", &["t"]);
    new.beats(&mut scene).expect("joined");
    scene.joins(rejoining("c-u", &[0])).expect("joined");
    for _ in 0..3 {
        scene.pass(4_000);
        new.beats(&mut scene).expect("alive");
    }
    assert_eq!(new.shown(&scene), "t: {0}");
    assert_eq!(scene.beat_of("c-u", 2), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_group_that_is_none_of_consumers_or_uses_an_assignor_of_its_own_stays_as_it_is() {
    let mut scene = Scene::with_classic_member(&[0]);
    let event = SyncEvent { assignments: Vec::new(), ..syncing("g", "c-u") };
    scene.ask(|to| Message::Sync(event, to)).expect("stable");
    let mut connect = JoinEvent { protocol_type: "connect".into(), ..joining("h") };
    connect.group_id = "h".into();
    let _joining = scene.send(|to| Message::Join(connect, to));
    scene.pass(1);
    let mut new = Consumer::new("n", &["t"]);
    new.beat.group_id = "h".into();
    assert_eq!(new.beats(&mut scene), Err(GroupError::GroupIdNotFound));
}

/// A static member of the consumer protocol waited for a partition that a cooperative member had not given up, when it
/// was started again with the classic protocol. That was the last of the consumer protocol: the group became a classic
/// one at rest, in which each holds what it shall hold, and both consumed the partition.
#[test]
fn a_group_that_becomes_a_classic_one_before_all_is_given_up_finds_a_new_assignment() {
    let mut scene = Scene::with_classic_member(&[0, 1]);
    let mut new = Consumer::named("n", "i", &["t"]);
    new.beats(&mut scene).expect("joined");
    let mut event = rejoining("", &[]);
    event.group_instance_id = Some("i".into());
    let joined = scene.joins(event).expect("joined");
    assert_eq!(scene.kind(), ("classic", "PreparingRebalance"));
    let event = SyncEvent {
        generation: joined.generation,
        group_instance_id: Some("i".into()),
        assignments: Vec::new(),
        ..syncing("g", &joined.member_id)
    };
    let synced = scene.ask(|to| Message::Sync(event, to));
    assert_eq!(synced, Err(GroupError::RebalanceInProgress));
}
