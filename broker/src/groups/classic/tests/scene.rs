//! A group, a clock that is set by hand, and a log that may refuse.

use std::collections::BTreeMap;

use bytes::Bytes;
use catena_protocol::group_records::GroupMetadata;

use crate::groups::classic::{ClassicGroup, Effects, Joining, Limits, Now, Reply, RequestId, Turn};
use crate::groups::types::*;

pub const SESSION_MS: i32 = 10_000;
pub const REBALANCE_MS: i32 = 60_000;
pub const DELAY_MS: u64 = 3_000;

pub struct Scene {
    pub group: ClassicGroup,
    pub now: Now,
    pub limits: Limits,
    pub refuse_appends: Option<GroupError>,
    pub log: Vec<GroupMetadata>,
    pub expired: u64,
    replies: BTreeMap<RequestId, Reply>,
    requests: RequestId,
    /// When the group wants to be woken, as its effects say.
    pub wake_at_ms: Option<u64>,
}

impl Scene {
    pub fn new() -> Self {
        let now = Now { steady_ms: 1_000, wall_ms: 1_700_000_000_000 };
        Self {
            group: ClassicGroup::simple(now),
            now,
            limits: Limits { members_max: usize::MAX, initial_rebalance_delay_ms: DELAY_MS },
            refuse_appends: None,
            log: Vec::new(),
            expired: 0,
            replies: BTreeMap::new(),
            requests: 0,
            wake_at_ms: None,
        }
    }

    /// A stable group of dynamic members of these clients. The first leads; ids are `a-1`, `b-2` and so on.
    pub fn stable(clients: &[&str]) -> Self {
        let mut scene = Self::new();
        for client in clients {
            scene.join(joining(client));
        }
        scene.pass(2 * DELAY_MS);
        scene.sync_all();
        assert_eq!(scene.group.state(), GroupState::Stable);
        scene
    }

    /// Every member of the generation asks for its assignment, `part of <id>`.
    pub fn sync_all(&mut self) -> Vec<RequestId> {
        let leader = self.group.leader.clone().expect("a leader");
        let mut ids: Vec<String> = self.group.members.keys().cloned().collect();
        ids.sort_by_key(|id| *id == leader);
        ids.iter().map(|id| self.sync(id)).collect()
    }

    pub fn join(&mut self, event: JoinEvent) -> RequestId {
        let request = self.next_request();
        let unique = request.to_string();
        self.turn(|group, turn| group.join(Joining { event: &event, request, unique: &unique }, turn));
        request
    }

    pub fn sync(&mut self, member_id: &str) -> RequestId {
        let event = self.sync_event(member_id);
        self.sync_with(event)
    }

    pub fn sync_event(&self, member_id: &str) -> SyncEvent {
        let part = |id: &String| (id.clone(), Bytes::from(format!("part of {id}")));
        SyncEvent {
            group_id: "g".into(),
            member_id: member_id.into(),
            group_instance_id: None,
            generation: self.group.generation(),
            protocol_type: None,
            protocol_name: None,
            assignments: self.group.members.keys().map(part).collect(),
        }
    }

    pub fn sync_with(&mut self, event: SyncEvent) -> RequestId {
        let request = self.next_request();
        self.turn(|group, turn| group.sync(&event, request, turn));
        request
    }

    pub fn heartbeat(&mut self, member_id: &str) -> HeartbeatReply {
        let generation = self.group.generation();
        self.heartbeat_with(HeartbeatEvent {
            group_id: "g".into(),
            member_id: member_id.into(),
            group_instance_id: None,
            generation,
        })
    }

    pub fn heartbeat_with(&mut self, event: HeartbeatEvent) -> HeartbeatReply {
        self.turn(|group, turn| group.heartbeat(&event, turn))
    }

    pub fn leave(&mut self, members: &[LeavingMember]) -> Vec<Result<(), GroupError>> {
        self.turn(|group, turn| group.leave(members, turn))
    }

    pub fn leave_by_id(&mut self, member_id: &str) -> Result<(), GroupError> {
        let leaving = LeavingMember { member_id: member_id.into(), group_instance_id: None, reason: None };
        self.leave(&[leaving]).remove(0)
    }

    pub fn check_commit(&mut self, member_id: &str, instance: Option<&str>, generation: i32) -> Result<(), GroupError> {
        let event = CommitEvent {
            group_id: "g".into(),
            member_id: member_id.into(),
            group_instance_id: instance.map(str::to_owned),
            generation,
            retention_time_ms: -1,
            knows_group_id_not_found: true,
            metadata_bytes_max: 0,
            topics: Vec::new(),
        };
        self.turn(|group, turn| group.check_commit(&event, turn))
    }

    /// Lets time pass; the group is woken when it asked for it.
    pub fn pass(&mut self, ms: u64) {
        let until = self.now.steady_ms + ms;
        while let Some(at) = self.wake_at_ms.filter(|at| *at <= until) {
            self.set_clock(at);
            self.wake_at_ms = None;
            self.turn(ClassicGroup::expire);
        }
        self.set_clock(until);
    }

    /// Lets time pass while these members send heartbeats.
    pub fn pass_while_alive(&mut self, ms: u64, members: &[&str]) {
        for _ in 0..ms / 1_000 {
            for id in members {
                let _ = self.heartbeat(id);
            }
            self.pass(1_000);
        }
    }

    fn set_clock(&mut self, steady_ms: u64) {
        self.now.wall_ms += (steady_ms.max(self.now.steady_ms) - self.now.steady_ms) as i64;
        self.now.steady_ms = steady_ms.max(self.now.steady_ms);
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        self.requests
    }

    pub fn turn<T>(&mut self, event: impl FnOnce(&mut ClassicGroup, &mut Turn) -> T) -> T {
        let limits = self.limits;
        let mut turn = Turn::new(self.now, &limits);
        let outcome = event(&mut self.group, &mut turn);
        self.settle(turn.effects);
        outcome
    }

    fn settle(&mut self, mut effects: Effects) {
        loop {
            self.expired += effects.expired_members;
            for (request, reply) in effects.replies {
                assert!(self.replies.insert(request, reply).is_none(), "request {request} was answered before");
            }
            self.wake_at_ms = [self.wake_at_ms, effects.wake_at_ms].into_iter().flatten().min();
            let Some(persist) = effects.persist else { break };
            let limits = self.limits;
            let mut turn = Turn::new(self.now, &limits);
            let outcome = self.refuse_appends.map_or(Ok(()), Err);
            if outcome.is_ok() {
                self.group.apply(&persist.metadata, &mut turn);
                assert_eq!(self.group.snapshot(), persist.metadata, "applying a record gives the record");
                self.log.push(persist.metadata);
            }
            self.group.persisted(persist.then, outcome, &mut turn);
            effects = turn.effects;
        }
    }

    pub fn joined(&self, request: RequestId) -> Joined {
        match self.replies.get(&request) {
            Some(Reply::Join(Ok(joined))) => joined.clone(),
            other => panic!("request {request} has not joined: {other:?}"),
        }
    }

    pub fn refused_join(&self, request: RequestId) -> JoinRefused {
        match self.replies.get(&request) {
            Some(Reply::Join(Err(refused))) => refused.clone(),
            other => panic!("request {request} was not refused: {other:?}"),
        }
    }

    pub fn synced(&self, request: RequestId) -> SyncReply {
        match self.replies.get(&request) {
            Some(Reply::Sync(reply)) => reply.clone(),
            other => panic!("request {request} has no answer to a sync: {other:?}"),
        }
    }

    pub fn waits(&self, request: RequestId) -> bool {
        !self.replies.contains_key(&request)
    }

    /// Requests that nobody has answered.
    pub fn unanswered(&self) -> Vec<RequestId> {
        (1..=self.requests).filter(|request| self.waits(*request)).collect()
    }
}

/// A new member of a client that knows nothing of `MemberIdRequired`.
pub fn joining(client: &str) -> JoinEvent {
    JoinEvent {
        group_id: "g".into(),
        member_id: String::new(),
        group_instance_id: None,
        protocol_type: "consumer".into(),
        protocols: vec![protocol("range", &["t"])],
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        client_id: client.into(),
        client_host: "/127.0.0.1".into(),
        reason: None,
        requires_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

/// A member that has its id joins again.
pub fn rejoining(member_id: &str) -> JoinEvent {
    JoinEvent { member_id: member_id.into(), ..joining("again") }
}

/// A static member that has no id.
pub fn static_joining(instance: &str) -> JoinEvent {
    JoinEvent { group_instance_id: Some(instance.into()), ..joining("static") }
}

/// A protocol with a consumer's subscription to these topics.
pub fn protocol(name: &str, topics: &[&str]) -> Protocol {
    let mut metadata = vec![0, 0];
    metadata.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        metadata.extend((topic.len() as i16).to_be_bytes());
        metadata.extend(topic.as_bytes());
    }
    metadata.extend((-1_i32).to_be_bytes());
    Protocol { name: name.into(), metadata: metadata.into() }
}
