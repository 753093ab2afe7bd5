//! A member that speaks the classic protocol, as its client library does it: eager, or cooperative.
//!
//! Source: Apache Kafka's clients, `AbstractCoordinator`, `ConsumerCoordinator`.

use std::collections::BTreeMap;

use catena_protocol::group_records::{ConsumerAssignment, ConsumerSubscription, NamedPartitions};
use rand::RngExt;
use rand::rngs::StdRng;

use super::super::*;
use super::consumer::{Goes, minus};
use super::network::{Answer, Request};
use super::{GROUP, Held, REBALANCE_MS};
use crate::groups::modern::Topics;

const HEARTBEAT_MS: u64 = 3_000;
/// Silence after which the coordinator removes it.
const CLASSIC_SESSION_MS: i32 = 30_000;

#[derive(Debug, Clone)]
enum Next {
    Join,
    Sync(Vec<(String, bytes::Bytes)>),
    Heartbeat,
}

/// A member of the classic protocol in one process.
pub struct Classic {
    pub id: String,
    pub instance: Option<String>,
    pub topics: Vec<String>,
    pub generation: i32,
    pub holds: Held,
    pub next_ms: u64,
    client_id: String,
    cooperative: bool,
    leads: bool,
    /// The topics there were when it led the assignment.
    assigned_at: u64,
    /// The assignment it led is not the last: something has to be given up first, or it is not its own. (Kafka's clients
    /// leave it to those who give up to join again, which a static member that is started again does not.)
    unfinished: bool,
    /// What it said it wants.
    said: Vec<String>,
    next: Next,
    told: Option<(Held, u64)>,
}

impl Classic {
    pub fn new(
        client_id: String,
        instance: Option<String>,
        topics: Vec<String>,
        cooperative: bool,
        now_ms: u64,
    ) -> Self {
        Self {
            id: String::new(),
            instance,
            topics,
            generation: -1,
            holds: Held::new(),
            next_ms: now_ms,
            client_id,
            cooperative,
            leads: false,
            assigned_at: 0,
            unfinished: false,
            said: Vec::new(),
            next: Next::Join,
            told: None,
        }
    }

    pub fn wakes_ms(&self, waits: bool) -> u64 {
        let done_ms = self.told.as_ref().map_or(u64::MAX, |(_, at_ms)| *at_ms);
        if waits { done_ms } else { done_ms.min(self.next_ms) }
    }

    /// Gives up and takes what it was told to, if it is time; who gave something up joins again.
    pub fn reconcile(&mut self, now_ms: u64) -> bool {
        let Some((told, _)) = self.told.take_if(|(_, at_ms)| *at_ms <= now_ms) else { return false };
        let gave_up = !minus(&self.holds, &told).is_empty();
        self.holds = told;
        if gave_up {
            (self.next, self.next_ms) = (Next::Join, now_ms);
        }
        true
    }

    pub fn wants(&mut self, topics: Vec<String>, now_ms: u64) {
        self.topics = topics;
        self.join_again(now_ms);
    }

    fn join_again(&mut self, now_ms: u64) {
        if !self.cooperative {
            self.holds.clear();
        }
        self.told = None;
        (self.next, self.next_ms) = (Next::Join, now_ms);
    }

    pub fn request(&mut self, topics: &TestTopics) -> Request {
        let must_lead = self.leads && (self.unfinished || self.assigned_at != topics.version());
        if matches!(self.next, Next::Heartbeat) && (must_lead || self.said != self.topics) {
            self.join_again(0);
        }
        match &self.next {
            Next::Join => {
                self.said.clone_from(&self.topics);
                Request::Join(self.joining(topics))
            }
            Next::Sync(assignments) => Request::Sync(SyncEvent {
                generation: self.generation,
                group_instance_id: self.instance.clone(),
                assignments: assignments.clone(),
                ..syncing(GROUP, &self.id)
            }),
            Next::Heartbeat => Request::Heartbeat(HeartbeatEvent {
                generation: self.generation,
                group_instance_id: self.instance.clone(),
                ..heartbeat(GROUP, &self.id)
            }),
        }
    }

    fn joining(&self, topics: &TestTopics) -> JoinEvent {
        let name = if self.cooperative { "cooperative-sticky" } else { "range" };
        let metadata = subscription(&self.topics, &named(&self.holds, topics)).into();
        JoinEvent {
            member_id: self.id.clone(),
            group_instance_id: self.instance.clone(),
            protocols: vec![Protocol { name: name.into(), metadata }],
            session_timeout_ms: CLASSIC_SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS as i32,
            client_id: self.client_id.as_str().into(),
            requires_known_member_id: true,
            ..joining(GROUP)
        }
    }

    pub fn leave(&mut self) -> Request {
        self.holds.clear();
        let member =
            LeavingMember { member_id: self.id.clone(), group_instance_id: self.instance.clone(), reason: None };
        Request::Leave(LeaveEvent { group_id: GROUP.into(), members: vec![member] })
    }

    /// No answer came: it joins again, unless it was a heartbeat.
    pub fn gave_up_waiting(&mut self, now_ms: u64) {
        self.next_ms = now_ms;
        if !matches!(self.next, Next::Heartbeat) {
            self.next = Next::Join;
        }
    }

    pub fn told(&mut self, answer: &Answer, topics: &TestTopics, now_ms: u64, rng: &mut StdRng) -> Goes {
        match answer {
            Answer::Joined(Ok(joined)) => self.joined(joined, topics, now_ms),
            Answer::Joined(Err(refused)) => {
                if refused.error == GroupError::MemberIdRequired {
                    self.id.clone_from(&refused.member_id);
                    return Goes::On;
                }
                return self.refused(refused.error, now_ms);
            }
            Answer::Synced(Ok(synced)) => self.assigned(&synced.assignment, topics, now_ms, rng),
            Answer::Heard(Ok(())) => self.next_ms = now_ms + HEARTBEAT_MS,
            Answer::Synced(Err(error)) | Answer::Heard(Err(error)) => return self.refused(*error, now_ms),
            Answer::Left | Answer::Beaten(_) => {}
        }
        Goes::On
    }

    fn joined(&mut self, joined: &Joined, topics: &TestTopics, now_ms: u64) {
        (self.id, self.generation) = (joined.member_id.clone(), joined.generation);
        self.leads = joined.leader == joined.member_id;
        self.assigned_at = topics.version();
        let assigns = self.leads && !joined.skip_assignment;
        let (assignments, withheld) = if assigns { assign(&joined.members, topics) } else { (Vec::new(), self.leads) };
        self.unfinished = withheld;
        (self.next, self.next_ms) = (Next::Sync(assignments), now_ms);
    }

    fn assigned(&mut self, assignment: &[u8], topics: &TestTopics, now_ms: u64, rng: &mut StdRng) {
        (self.next, self.next_ms) = (Next::Heartbeat, now_ms + HEARTBEAT_MS);
        let assignment = ConsumerAssignment::decode(assignment).expect("an assignment");
        let of_topic = |(name, partitions): (String, Vec<i32>)| {
            let (id, _) = topics.named(&name)?;
            (!partitions.is_empty()).then(|| (id, partitions.into_iter().collect()))
        };
        let told: Held = assignment.partitions.into_iter().filter_map(of_topic).collect();
        let takes_ms = if minus(&self.holds, &told).is_empty() { 0 } else { rng.random_range(0..REBALANCE_MS / 3) };
        self.told = Some((told, now_ms + takes_ms));
    }

    fn refused(&mut self, error: GroupError, now_ms: u64) -> Goes {
        match error {
            GroupError::RebalanceInProgress => self.join_again(now_ms),
            GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable => self.next_ms = now_ms + 300,
            GroupError::UnknownMemberId | GroupError::IllegalGeneration => {
                if error == GroupError::UnknownMemberId {
                    self.id.clear();
                }
                self.holds.clear();
                self.generation = -1;
                self.join_again(now_ms);
            }
            GroupError::FencedInstanceId => {
                self.holds.clear();
                return Goes::Down;
            }
            error => panic!("{} is refused: {error}", self.client_id),
        }
        Goes::On
    }
}

fn named(held: &Held, topics: &TestTopics) -> NamedPartitions {
    let of_topic = |(id, partitions): (&uuid::Uuid, &std::collections::BTreeSet<i32>)| {
        Some((topics.with_id(*id)?.0, partitions.iter().copied().collect()))
    };
    held.iter().filter_map(of_topic).collect()
}

/// A consumer's metadata, version 1.
fn subscription(topics: &[String], owned: &[(String, Vec<i32>)]) -> Vec<u8> {
    let string = |out: &mut Vec<u8>, text: &str| {
        out.extend((text.len() as u16).to_be_bytes());
        out.extend(text.bytes());
    };
    let mut out = vec![0, 1];
    out.extend((topics.len() as u32).to_be_bytes());
    topics.iter().for_each(|name| string(&mut out, name));
    out.extend([255; 4]);
    out.extend((owned.len() as u32).to_be_bytes());
    for (name, partitions) in owned {
        string(&mut out, name);
        out.extend((partitions.len() as u32).to_be_bytes());
        partitions.iter().for_each(|at| out.extend(at.to_be_bytes()));
    }
    out
}

/// What the leader makes of it: in turn; what another must give up first nobody gets this time (and it says so).
fn assign(members: &[JoinedMember], topics: &TestTopics) -> (Vec<(String, bytes::Bytes)>, bool) {
    let said = |member: &JoinedMember| ConsumerSubscription::decode(&member.metadata).expect("a subscription");
    let all: BTreeMap<&str, ConsumerSubscription> =
        members.iter().map(|member| (member.member_id.as_str(), said(member))).collect();
    let owner = |name: &String, at: i32| {
        all.iter().find(|(_, said)| said.owned.iter().any(|(owned, parts)| owned == name && parts.contains(&at)))
    };
    let mut withheld = false;
    let mut given: BTreeMap<&str, BTreeMap<String, Vec<i32>>> = all.keys().map(|id| (*id, BTreeMap::new())).collect();
    for name in topics.names() {
        let wanting: Vec<&str> =
            all.iter().filter(|(_, said)| said.topics.contains(&name)).map(|(id, _)| *id).collect();
        let (_, partitions) = topics.named(&name).expect("just listed");
        for at in (0..partitions as i32).filter(|_| !wanting.is_empty()) {
            let id = wanting[at as usize % wanting.len()];
            if owner(&name, at).is_none_or(|(owner, _)| *owner == id) {
                given.entry(id).or_default().entry(name.clone()).or_default().push(at);
            } else {
                withheld = true;
            }
        }
    }
    let encoded = |partitions: BTreeMap<String, Vec<i32>>| {
        ConsumerAssignment::encode(1, &partitions.into_iter().collect::<Vec<_>>())
    };
    (given.into_iter().map(|(id, partitions)| (id.to_owned(), encoded(partitions))).collect(), withheld)
}
