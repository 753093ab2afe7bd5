//! A member that speaks the consumer protocol, as its client library does it.
//!
//! Source: Apache Kafka's clients, `ConsumerMembershipManager`, `ConsumerHeartbeatRequestManager`.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand::rngs::StdRng;
use uuid::Uuid;

use super::super::*;
use super::{GROUP, Held, REBALANCE_MS};

/// What it wants: names, or a regular expression.
#[derive(Debug, Clone)]
pub enum Wants {
    Names(Vec<String>),
    Matching(String),
}

impl Wants {
    /// All names there can be that it wants, for members that do not know regular expressions.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Names(names) => names.clone(),
            Self::Matching(_) => vec!["t0".into(), "t1".into()],
        }
    }
}

/// A member of the consumer protocol in one process.
pub struct Consumer {
    pub id: String,
    pub instance: Option<String>,
    pub wants: Wants,
    pub epoch: i32,
    /// What it believes to hold.
    pub holds: Held,
    /// What it is told to hold, and when it will have done that.
    told: Option<(Held, u64)>,
    /// What it last said it holds.
    said: Option<Held>,
    /// The next heartbeat says everything.
    full: bool,
    /// A heartbeat that says what it holds is not answered: until then it takes nothing. (Kafka's clients do not wait for
    /// that, and may take what the coordinator has just heard they do not hold.)
    reports: bool,
    pub next_ms: u64,
}

/// What an answer means for the process.
#[derive(Debug, PartialEq, Eq)]
pub enum Goes {
    On,
    /// It cannot go on.
    Down,
}

impl Consumer {
    pub fn new(id: String, instance: Option<String>, wants: Wants, now_ms: u64) -> Self {
        Self {
            id,
            instance,
            wants,
            epoch: 0,
            holds: Held::new(),
            told: None,
            said: None,
            full: true,
            reports: false,
            next_ms: now_ms,
        }
    }

    /// When it has something to do by itself.
    pub fn wakes_ms(&self, waits: bool) -> u64 {
        let done_ms = self.told.as_ref().filter(|_| !self.reports).map_or(u64::MAX, |(_, at_ms)| *at_ms);
        if waits { done_ms } else { done_ms.min(self.next_ms) }
    }

    /// Gives up and takes what it was told to, if it is time.
    pub fn reconcile(&mut self, now_ms: u64) -> bool {
        let told = self.told.take_if(|(_, at_ms)| *at_ms <= now_ms && !self.reports);
        let Some((told, _)) = told else { return false };
        (self.holds, self.next_ms) = (told, now_ms);
        true
    }

    pub fn wants(&mut self, wants: Wants, now_ms: u64) {
        (self.wants, self.full, self.next_ms) = (wants, true, now_ms);
    }

    /// The next heartbeat.
    pub fn beat(&mut self) -> Beat {
        let (topics, regex) = match &self.wants {
            Wants::Names(names) => (Some(names.clone()), Some(String::new())),
            Wants::Matching(regex) => (Some(Vec::new()), Some(regex.clone())),
        };
        let full = std::mem::take(&mut self.full) || self.epoch == 0;
        let news = full || self.said.as_ref() != Some(&self.holds);
        self.said = Some(self.holds.clone());
        self.reports |= news;
        Beat {
            group_id: GROUP.into(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance.clone(),
            rack_id: None,
            rebalance_timeout_ms: if full { REBALANCE_MS as i32 } else { -1 },
            topics: topics.filter(|_| full),
            regex: regex.filter(|_| full),
            assignor: None,
            owned: news.then(|| self.holds.clone()),
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
        }
    }

    /// The heartbeat that leaves: it has given up everything before.
    pub fn leave(&mut self, for_good: bool) -> Beat {
        self.holds.clear();
        self.epoch = if self.instance.is_some() && !for_good { -2 } else { -1 };
        Beat { topics: None, regex: None, owned: None, rebalance_timeout_ms: -1, ..self.beat() }
    }

    /// No answer came: everything is said again.
    pub fn gave_up_waiting(&mut self, now_ms: u64) {
        (self.full, self.next_ms) = (true, now_ms);
    }

    pub fn told(&mut self, reply: &BeatReply, now_ms: u64, rng: &mut StdRng) -> Goes {
        self.reports = false;
        match reply {
            Ok(beaten) => {
                self.epoch = beaten.member_epoch;
                self.next_ms = now_ms + beaten.heartbeat_interval_ms as u64;
                if let Some(assignment) = &beaten.assignment {
                    self.assigned(assignment, now_ms, rng);
                }
                Goes::On
            }
            Err(refused) => self.refused(refused.error, now_ms),
        }
    }

    fn assigned(&mut self, assignment: &Held, now_ms: u64, rng: &mut StdRng) {
        if *assignment == self.holds {
            self.told = None;
            return;
        }
        let gives_up = !minus(&self.holds, assignment).is_empty();
        let takes_ms = match gives_up {
            true if rng.random_bool(0.03) => rng.random_range(0..2 * REBALANCE_MS),
            true => rng.random_range(0..REBALANCE_MS / 3),
            false => rng.random_range(0..300),
        };
        let done_ms = self.told.take().map_or(now_ms + takes_ms, |(_, before_ms)| before_ms);
        self.told = Some((assignment.clone(), done_ms));
    }

    fn refused(&mut self, error: GroupError, now_ms: u64) -> Goes {
        (self.full, self.next_ms) = (true, now_ms + 300);
        match error {
            GroupError::FencedMemberEpoch | GroupError::UnknownMemberId | GroupError::GroupIdNotFound => {
                (self.epoch, self.told) = (0, None);
                self.holds.clear();
                Goes::On
            }
            GroupError::NotCoordinator | GroupError::CoordinatorNotAvailable => Goes::On,
            GroupError::UnreleasedInstanceId | GroupError::FencedInstanceId => {
                self.holds.clear();
                Goes::Down
            }
            error => panic!("{} is refused: {error}", self.id),
        }
    }
}

/// What is in `held` and not in `other`.
pub fn minus(held: &Held, other: &Held) -> Held {
    let nothing = BTreeSet::new();
    let rest = |(topic, partitions): (&Uuid, &BTreeSet<i32>)| {
        let rest: BTreeSet<i32> = partitions - other.get(topic).unwrap_or(&nothing);
        (!rest.is_empty()).then_some((*topic, rest))
    };
    held.iter().filter_map(rest).collect::<BTreeMap<_, _>>()
}
