//! What is on its way, in virtual time.

use std::collections::BTreeMap;

use catena_protocol::group_records::GroupKind;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::super::*;
use super::REBALANCE_MS;
use super::server::Resolved;

/// Who asks: a process, which of its lives, and the number of its request.
pub type Asker = (usize, u32, u64);

/// What arrives somewhere.
pub enum Packet {
    Request(Asker, Request),
    Answer(Asker, Answer),
    Commit(Asker, CommitEvent),
    Durable,
    Healthy,
    Resolved(Resolved),
}

/// What members ask.
#[derive(Debug)]
pub enum Request {
    Beat(Beat),
    Join(JoinEvent),
    Sync(SyncEvent),
    Heartbeat(HeartbeatEvent),
    Leave(LeaveEvent),
}

/// What they are answered.
#[derive(Debug, Clone)]
pub enum Answer {
    Beaten(BeatReply),
    Joined(JoinReply),
    Synced(SyncReply),
    Heard(HeartbeatReply),
    Left,
}

/// Looks whether there is an answer.
pub type Looks = Box<dyn FnMut() -> Result<Answer, TryRecvError>>;

impl Request {
    /// How long a client waits for the answer.
    pub fn patience_ms(&self) -> u64 {
        match self {
            Self::Join(_) => REBALANCE_MS + 5_000,
            _ => 3_000,
        }
    }

    /// As the coordinator takes it.
    pub fn into_message(self) -> (Message, Looks) {
        match self {
            Self::Beat(beat) => asking(|to| Message::Beat(GroupKind::Consumer, beat, to), Answer::Beaten),
            Self::Join(event) => asking(|to| Message::Join(event, to), Answer::Joined),
            Self::Sync(event) => asking(|to| Message::Sync(event, to), Answer::Synced),
            Self::Heartbeat(event) => asking(|to| Message::Heartbeat(event, to), Answer::Heard),
            Self::Leave(event) => asking(|to| Message::Leave(event, to), |_| Answer::Left),
        }
    }
}

fn asking<T: 'static>(
    message: impl FnOnce(oneshot::Sender<T>) -> Message,
    answer: fn(T) -> Answer,
) -> (Message, Looks) {
    let (to, mut reply) = oneshot::channel();
    (message(to), Box::new(move || reply.try_recv().map(answer)))
}

/// A request the coordinator has and did not answer.
pub struct Asked {
    pub asker: Asker,
    pub at_ms: u64,
    pub looks: Looks,
}

/// Packets by the time at which they arrive.
#[derive(Default)]
pub struct Network {
    packets: BTreeMap<(u64, u64), Packet>,
    sent: u64,
    pub asked: Vec<Asked>,
    /// The log is about to make its records durable.
    pub commits: bool,
}

impl Network {
    pub fn send(&mut self, at_ms: u64, packet: Packet) {
        self.sent += 1;
        self.packets.insert((at_ms, self.sent), packet);
    }

    pub fn next_ms(&self) -> u64 {
        self.packets.first_key_value().map_or(u64::MAX, |((at_ms, _), _)| *at_ms)
    }

    pub fn arrived(&mut self, now_ms: u64) -> Option<Packet> {
        let first = self.packets.first_entry().filter(|first| first.key().0 <= now_ms)?;
        Some(first.remove())
    }
}
