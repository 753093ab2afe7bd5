//! A member of either protocol.

use rand::rngs::StdRng;

use super::super::*;
use super::Held;
use super::classic::Classic;
use super::consumer::{Consumer, Goes, Wants};
use super::network::{Answer, Request};

/// A member in one process.
pub enum Member {
    Consumer(Consumer),
    Classic(Classic),
}

impl Member {
    pub fn id(&self) -> &str {
        match self {
            Self::Consumer(member) => &member.id,
            Self::Classic(member) => &member.id,
        }
    }

    /// The epoch or generation it has reached.
    pub fn epoch(&self) -> i32 {
        match self {
            Self::Consumer(member) => member.epoch,
            Self::Classic(member) => member.generation,
        }
    }

    /// What it believes to hold.
    pub fn holds(&self) -> &Held {
        match self {
            Self::Consumer(member) => &member.holds,
            Self::Classic(member) => &member.holds,
        }
    }

    pub fn is_classic(&self) -> bool {
        matches!(self, Self::Classic(_))
    }

    /// When it has something to do by itself.
    pub fn wakes_ms(&self, waits: bool) -> u64 {
        match self {
            Self::Consumer(member) => member.wakes_ms(waits),
            Self::Classic(member) => member.wakes_ms(waits),
        }
    }

    /// Does what it was told to, if it is time; says whether it was.
    pub fn reconcile(&mut self, now_ms: u64) -> bool {
        match self {
            Self::Consumer(member) => member.reconcile(now_ms),
            Self::Classic(member) => member.reconcile(now_ms),
        }
    }

    pub fn wants(&mut self, wants: &Wants, now_ms: u64) {
        match self {
            Self::Consumer(member) => member.wants(wants.clone(), now_ms),
            Self::Classic(member) => member.wants(wants.names(), now_ms),
        }
    }

    /// What it asks now, if it is time.
    pub fn request(&mut self, topics: &TestTopics, now_ms: u64) -> Option<Request> {
        match self {
            Self::Consumer(member) => (member.next_ms <= now_ms).then(|| Request::Beat(member.beat())),
            Self::Classic(member) => (member.next_ms <= now_ms).then(|| member.request(topics)),
        }
    }

    /// Its last words. A static member of the classic protocol says none, as it may come back.
    pub fn leave(&mut self, for_good: bool) -> Option<Request> {
        match self {
            Self::Consumer(member) => Some(Request::Beat(member.leave(for_good))),
            Self::Classic(member) if member.instance.is_none() || for_good => Some(member.leave()),
            Self::Classic(_) => None,
        }
    }

    pub fn gave_up_waiting(&mut self, now_ms: u64) {
        match self {
            Self::Consumer(member) => member.gave_up_waiting(now_ms),
            Self::Classic(member) => member.gave_up_waiting(now_ms),
        }
    }

    pub fn told(&mut self, answer: &Answer, topics: &TestTopics, now_ms: u64, rng: &mut StdRng) -> Goes {
        match (self, answer) {
            (Self::Consumer(member), Answer::Beaten(reply)) => member.told(reply, now_ms, rng),
            (Self::Classic(member), answer) => member.told(answer, topics, now_ms, rng),
            (Self::Consumer(_), _) => Goes::On,
        }
    }
}
