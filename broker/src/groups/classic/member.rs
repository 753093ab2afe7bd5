//! A member of a classic group.
//!
//! What must always hold: its byte strings are copies of their own size, so that a member does not keep the request
//! it came with in memory.

use bytes::Bytes;

use super::effects::{RequestId, Turn, millis};
use crate::groups::types::{JoinEvent, Protocol};

/// How long a new member may wait for its first answer. It cannot send heartbeats before; whoever is still there then,
/// joins again (Kafka: `classicGroupNewMemberJoinTimeoutMs`).
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1000;

#[derive(Debug, Default)]
pub(super) struct Member {
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) session_timeout_ms: i32,
    /// In order of preference.
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Bytes,
    /// The JoinGroup to be answered when the join phase is over.
    pub(super) awaiting_join: Option<RequestId>,
    /// The SyncGroup to be answered when there is an assignment.
    pub(super) awaiting_sync: Option<RequestId>,
    /// Has not completed a join phase yet.
    pub(super) is_new: bool,
    /// When its silence ends its membership (steady clock).
    pub(super) expires_at_ms: Option<u64>,
}

impl Member {
    pub(super) fn new(event: &JoinEvent, request: RequestId) -> Self {
        Self {
            group_instance_id: event.group_instance_id.clone(),
            client_id: event.client_id.to_string(),
            client_host: event.client_host.to_string(),
            rebalance_timeout_ms: event.rebalance_timeout_ms,
            session_timeout_ms: event.session_timeout_ms,
            protocols: copied(&event.protocols),
            assignment: Bytes::new(),
            awaiting_join: Some(request),
            awaiting_sync: None,
            is_new: true,
            expires_at_ms: None,
        }
    }

    /// The member was heard of.
    pub(super) fn touch(&mut self, turn: &mut Turn) {
        self.expires_at_ms = Some(turn.deadline(millis(self.session_timeout_ms)));
    }

    /// The member waits for its first answer and cannot be heard of.
    pub(super) fn wait_as_new(&mut self, turn: &mut Turn) {
        self.expires_at_ms = Some(turn.deadline(NEW_MEMBER_JOIN_TIMEOUT_MS));
    }

    /// A member that waits for an answer need not send heartbeats, unless it is new: new ones can go away unnoticed.
    pub(super) fn is_excused(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    pub(super) fn is_static(&self) -> bool {
        self.group_instance_id.is_some()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|supported| supported.name == protocol)
    }

    pub(super) fn metadata(&self, protocol: &str) -> Bytes {
        let supported = self.protocols.iter().find(|supported| supported.name == protocol);
        supported.map(|supported| supported.metadata.clone()).unwrap_or_default()
    }

    pub(super) fn update(&mut self, event: &JoinEvent) {
        self.protocols = copied(&event.protocols);
        self.rebalance_timeout_ms = event.rebalance_timeout_ms;
        self.session_timeout_ms = event.session_timeout_ms;
    }
}

pub(super) fn own(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn copied(protocols: &[Protocol]) -> Vec<Protocol> {
    protocols.iter().map(|each| Protocol { name: each.name.clone(), metadata: own(&each.metadata) }).collect()
}
