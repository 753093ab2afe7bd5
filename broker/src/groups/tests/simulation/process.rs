//! Processes: a consumer each, which is on, off, or does not run for a while.

use std::collections::BTreeMap;

use rand::RngExt;
use rand::rngs::StdRng;

use super::super::*;
use super::classic::Classic;
use super::consumer::{Consumer, Goes, Wants, minus};
use super::member::Member;
use super::network::{Answer, Asked, Packet, Request};
use super::server::Server;
use super::{GROUP, Held, REBALANCE_MS, SESSION_MS, Simulation};

/// Which protocols the processes of a group speak.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    Consumer,
    Classic,
    /// Each start of a process decides.
    Mixed,
}

impl Mode {
    pub fn any(rng: &mut StdRng) -> Self {
        match rng.random_range(0..10) {
            0..4 => Self::Consumer,
            4..6 => Self::Classic,
            _ => Self::Mixed,
        }
    }

    fn is_classic(self, rng: &mut StdRng) -> bool {
        match self {
            Self::Consumer => false,
            Self::Classic => true,
            Self::Mixed => rng.random_bool(0.5),
        }
    }
}

/// A consumer and what is known of it.
pub struct Process {
    pub name: usize,
    /// Which of its lives this is.
    pub life: u32,
    pub instance: Option<String>,
    wants: Wants,
    pub member: Option<Member>,
    /// When it is started again, or goes on.
    pub pauses_until_ms: u64,
    requests: u64,
    waits: Option<(u64, u64)>,
    /// When the coordinator last had a request of this life and did not refuse it.
    pub heard_ms: u64,
    /// Since when it is told to give something up that it has not reported as given up.
    pub owes_since_ms: Option<u64>,
    owes: Held,
    /// A member of the classic protocol was removed, and has not been told since what it holds.
    pub removed: bool,
    /// What it has consumed, by topic and partition.
    positions: BTreeMap<(uuid::Uuid, i32), i64>,
    commits_ms: u64,
}

pub fn any_wants(rng: &mut StdRng) -> Wants {
    if rng.random_bool(0.25) {
        let choices = ["t.*", "t[01]", "t[23]", "t0|t3"];
        return Wants::Matching(choices[rng.random_range(0..choices.len())].into());
    }
    let mut names: Vec<String> = (0..4).filter(|_| rng.random_bool(0.6)).map(|at| format!("t{at}")).collect();
    if names.is_empty() {
        names.push("t0".into());
    }
    Wants::Names(names)
}

impl Process {
    pub fn new(name: usize, rng: &mut StdRng) -> Self {
        Self {
            name,
            life: 0,
            instance: rng.random_bool(0.35).then(|| format!("i{name}")),
            wants: any_wants(rng),
            member: None,
            pauses_until_ms: rng.random_range(0..10_000),
            requests: 0,
            waits: None,
            heard_ms: 0,
            owes_since_ms: None,
            owes: Held::new(),
            removed: false,
            positions: BTreeMap::new(),
            commits_ms: 0,
        }
    }

    pub fn wakes_ms(&self) -> u64 {
        let Some(member) = &self.member else { return self.pauses_until_ms };
        let gives_up_ms = self.waits.map_or(u64::MAX, |(_, at_ms)| at_ms);
        member.wakes_ms(self.waits.is_some()).min(gives_up_ms).min(self.commits_ms).max(self.pauses_until_ms)
    }

    pub fn wants(&mut self, wants: Wants, now_ms: u64) {
        self.wants = wants.clone();
        if let Some(member) = &mut self.member {
            member.wants(&wants, now_ms);
        }
    }

    /// What it wants, as its protocol can say it.
    pub fn subscribed(&self) -> Wants {
        let classic = self.member.as_ref().is_some_and(Member::is_classic);
        if classic { Wants::Names(self.wants.names()) } else { self.wants.clone() }
    }

    /// The coordinator need not wait for it any more. (When a classic group began to rebalance is not known here: who is
    /// removed from it may be right or wrong.)
    pub fn is_excused(&self, server: &Server) -> bool {
        let now_ms = server.now.steady_ms;
        if let Some(Member::Classic(member)) = &self.member {
            return self.removed || !server.knows(&member.id);
        }
        let owes_too_long = self.owes_since_ms.is_some_and(|since_ms| since_ms + REBALANCE_MS <= now_ms);
        self.heard_ms + SESSION_MS <= now_ms || owes_too_long
    }

    /// What it does not hold any more it begins anew.
    fn forget_positions(&mut self) {
        let Some(member) = &self.member else { return };
        let holds = member.holds();
        self.positions.retain(|(topic, at), _| holds.get(topic).is_some_and(|held| held.contains(at)));
    }

    /// Remembers that the coordinator has removed it.
    pub fn look(&mut self, server: &Server, upgraded: bool) {
        if let Some(Member::Classic(member)) = &self.member {
            self.removed |= !member.holds.is_empty() && (upgraded || !server.knows(&member.id));
        }
    }

    pub fn start(&mut self, classic: bool, cooperative: bool, now_ms: u64) {
        self.life += 1;
        let id = format!("m{}-{}", self.name, self.life);
        self.member = Some(if classic {
            Member::Classic(Classic::new(id, self.instance.clone(), self.wants.names(), cooperative, now_ms))
        } else {
            Member::Consumer(Consumer::new(id, self.instance.clone(), self.wants.clone(), now_ms))
        });
        (self.waits, self.owes_since_ms, self.heard_ms) = (None, None, now_ms);
        self.owes.clear();
        self.removed = false;
        self.positions.clear();
        self.commits_ms = now_ms;
    }

    /// It is no more, from now on and for a while.
    pub fn stop(&mut self, until_ms: u64) {
        (self.member, self.waits, self.pauses_until_ms) = (None, None, until_ms);
    }

    /// What the coordinator has told it, whether the answer arrives or not.
    fn was_told(&mut self, beaten: &Beaten, at_ms: u64) {
        self.heard_ms = self.heard_ms.max(at_ms);
        let Some(member) = &self.member else { return };
        let Some(assignment) = &beaten.assignment else { return };
        self.owes = minus(member.holds(), assignment);
        if self.owes.is_empty() {
            self.owes_since_ms = None;
        } else {
            self.owes_since_ms.get_or_insert(at_ms);
        }
    }
}

impl Simulation {
    /// A process does what it has to do now.
    pub fn act(&mut self, at: usize) {
        let now_ms = self.now_ms();
        let process = &mut self.processes[at];
        if process.wakes_ms() > now_ms {
            return;
        }
        if process.member.is_none() {
            let classic = self.mode.is_classic(&mut self.rng);
            process.start(classic, self.cooperative, now_ms);
        }
        let Some(member) = &mut process.member else { return };
        process.removed &= !member.reconcile(now_ms);
        process.forget_positions();
        let Some(member) = &mut process.member else { return };
        if process.waits.is_some_and(|(_, gives_up_ms)| gives_up_ms <= now_ms) {
            process.waits = None;
            member.gave_up_waiting(now_ms);
        }
        if process.waits.is_none()
            && let Some(request) = member.request(&self.server.topics, now_ms)
        {
            self.ask(at, request);
        }
        if self.processes[at].commits_ms <= now_ms {
            self.commit(at);
        }
    }

    /// Sends a request, which may be lost, or its answer.
    fn ask(&mut self, at: usize, request: Request) {
        let now_ms = self.now_ms();
        let process = &mut self.processes[at];
        process.requests += 1;
        process.waits = Some((process.requests, now_ms + request.patience_ms()));
        let asker = (at, process.life, process.requests);
        self.note(|| format!("m{at} asks {request:?}"));
        if !self.checks.quiet && self.rng.random_bool(0.03) {
            return;
        }
        let slow = !self.checks.quiet && self.rng.random_bool(0.1);
        let delay_ms = self.rng.random_range(0..if slow { 3_000 } else { 20 });
        self.network.send(now_ms + delay_ms, Packet::Request(asker, request));
    }

    /// The last words of a process.
    pub fn leave(&mut self, at: usize, for_good: bool) {
        let request = self.processes[at].member.as_mut().and_then(|member| member.leave(for_good));
        if let Some(request) = request {
            self.ask(at, request);
        }
    }

    pub fn arrive(&mut self, packet: Packet) {
        match packet {
            Packet::Request(asker, request) => {
                let (message, looks) = request.into_message();
                self.server.handle(message);
                let at_ms = self.now_ms();
                self.network.asked.push(Asked { asker, at_ms, looks });
            }
            Packet::Answer((at, life, number), reply) => self.told(at, life, number, &reply),
            Packet::Commit((at, _, _), event) => {
                self.note(|| format!("m{at} commits in epoch {}", event.generation));
                self.checks.committing(&self.server);
                let (to, _reply) = tokio::sync::oneshot::channel();
                self.server.handle(Message::Commit(event, to));
                self.checks.committed(&self.server);
            }
            Packet::Durable => {
                self.network.commits = false;
                self.server.log.commit();
            }
            Packet::Healthy => self.server.log.refuse(None),
            Packet::Resolved(resolved) => self.server.resolved(&resolved),
        }
    }

    /// Answers the coordinator has given are on their way, or lost.
    pub fn answered(&mut self) {
        let mut asked = std::mem::take(&mut self.network.asked);
        asked.retain_mut(|asked| match (asked.looks)() {
            Ok(reply) => {
                self.answer(asked, reply);
                false
            }
            Err(tokio::sync::oneshot::error::TryRecvError::Empty) => true,
            Err(tokio::sync::oneshot::error::TryRecvError::Closed) => false,
        });
        self.network.asked = asked;
    }

    fn answer(&mut self, asked: &Asked, reply: Answer) {
        let (at, life, number) = asked.asker;
        self.note(|| format!("m{at} is answered {reply:?}"));
        let process = &mut self.processes[at];
        if let Answer::Beaten(Ok(beaten)) = &reply
            && process.life == life
        {
            process.was_told(beaten, asked.at_ms);
        }
        if !self.checks.quiet && self.rng.random_bool(0.05) {
            return;
        }
        let at_ms = self.now_ms() + self.rng.random_range(0..20);
        self.network.send(at_ms, Packet::Answer((at, life, number), reply));
    }

    fn told(&mut self, at: usize, life: u32, number: u64, reply: &Answer) {
        let now_ms = self.now_ms();
        let process = &mut self.processes[at];
        if process.life != life || process.waits.is_none_or(|(waits, _)| waits != number) {
            return;
        }
        if process.pauses_until_ms > now_ms {
            // It reads that when it runs again.
            let again_ms = process.pauses_until_ms;
            return self.network.send(again_ms, Packet::Answer((at, life, number), reply.clone()));
        }
        process.waits = None;
        let Some(member) = &mut process.member else { return };
        if member.told(reply, &self.server.topics, now_ms, &mut self.rng) == Goes::Down {
            process.stop(now_ms + 5_000);
        }
        process.forget_positions();
    }

    /// Consumes a bit of everything, and commits.
    fn commit(&mut self, at: usize) {
        let now_ms = self.now_ms();
        let process = &mut self.processes[at];
        process.commits_ms = now_ms + self.rng.random_range(1_000..10_000);
        let Some(member) = process.member.as_ref().filter(|member| member.epoch() > 0) else { return };
        let mut positions = BTreeMap::new();
        let mut topics = Vec::new();
        for (id, partitions) in member.holds() {
            let Some((name, _)) = crate::groups::modern::Topics::with_id(&self.server.topics, *id) else { continue };
            let mut commits = Vec::new();
            for partition in partitions {
                let key = (*id, *partition);
                let from = process.positions.get(&key).copied();
                let offset = from.unwrap_or_else(|| self.server.committed(&name, *partition)) + 1;
                positions.insert(key, offset);
                commits.push(PartitionCommit { partition: *partition, offset, leader_epoch: -1, metadata: None });
            }
            topics.push(TopicCommit { name, topic_id: *id, partitions: commits });
        }
        process.positions = positions;
        let event = CommitEvent {
            member_id: member.id().to_owned(),
            generation: member.epoch(),
            topics,
            ..commit(GROUP, "", 0, 0)
        };
        let delay_ms = self.rng.random_range(0..500);
        self.network.send(now_ms + delay_ms, Packet::Commit((at, process.life, 0), event));
    }
}
