//! What an event may know and what it causes.

use catena_protocol::group_records::GroupMetadata;

use super::static_join::Replacement;
use super::{Limits, Now};
use crate::groups::types::{GroupError, JoinReply, SyncReply};

/// Names a request that waits. Unique per shard.
pub type RequestId = u64;

/// An answer to a request that waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To a JoinGroup.
    Join(JoinReply),
    /// To a SyncGroup.
    Sync(SyncReply),
}

/// A record to be appended, and how the group goes on: hand both to `ClassicGroup::persisted` when it is known whether
/// the log took it.
#[derive(Debug)]
pub struct Persist {
    /// The record.
    pub metadata: GroupMetadata,
    /// What then.
    pub then: Then,
}

/// How a group goes on after its record was appended.
#[derive(Debug)]
pub enum Then {
    /// Everything is done.
    Nothing,
    /// The leader's assignment is handed to all members.
    Assign,
    /// A static member took the place of its predecessor.
    Replaced(Replacement),
}

/// What an event caused.
#[derive(Debug, Default)]
pub struct Effects {
    /// Answers, in order.
    pub replies: Vec<(RequestId, Reply)>,
    /// A record to append.
    pub persist: Option<Persist>,
    /// The earliest deadline that was set (steady clock); `ClassicGroup::expire` wants to be called then.
    pub wake_at_ms: Option<u64>,
    /// Members removed for their silence.
    pub expired_members: u64,
    /// Rebalances completed.
    pub rebalances: u64,
}

/// The time and limits of one event, and its effects.
#[derive(Debug)]
pub struct Turn<'a> {
    /// When the event happens.
    pub now: Now,
    /// The limits.
    pub limits: &'a Limits,
    /// What it causes.
    pub effects: Effects,
}

impl<'a> Turn<'a> {
    /// An event that happens now.
    pub fn new(now: Now, limits: &'a Limits) -> Self {
        Self { now, limits, effects: Effects::default() }
    }

    /// A deadline that many milliseconds from now.
    pub(super) fn deadline(&mut self, after_ms: u64) -> u64 {
        let at = self.now.steady_ms.saturating_add(after_ms);
        self.effects.wake_at_ms = Some(self.effects.wake_at_ms.map_or(at, |earliest| earliest.min(at)));
        at
    }

    pub(super) fn answer_join(&mut self, request: Option<RequestId>, reply: impl FnOnce() -> JoinReply) {
        self.effects.replies.extend(request.map(|request| (request, Reply::Join(reply()))));
    }

    pub(super) fn answer_sync(&mut self, request: Option<RequestId>, reply: impl FnOnce() -> SyncReply) {
        self.effects.replies.extend(request.map(|request| (request, Reply::Sync(reply()))));
    }

    pub(super) fn refuse_sync(&mut self, request: RequestId, error: GroupError) {
        self.answer_sync(Some(request), || Err(error));
    }

    pub(super) fn persist(&mut self, metadata: GroupMetadata, then: Then) {
        self.effects.persist = Some(Persist { metadata, then });
    }
}

/// A timeout of the wire as a duration; negative ones are over at once.
pub(super) fn millis(timeout_ms: i32) -> u64 {
    u64::try_from(timeout_ms).unwrap_or(0)
}
