//! What a classic group that becomes a consumer group hands over.
//!
//! Source: Apache Kafka, `ConsumerGroup.fromClassicGroup`, `GroupMetadataManager.convertToConsumerGroup`.

use super::ClassicGroup;
use super::effects::Turn;
use super::join::refused;
use super::member::Member;
use crate::groups::types::{ClassicMemberView, ClassicView, GroupError};

impl ClassicGroup {
    /// The group as it is; `None` when its members are no consumers.
    pub fn view(&self) -> Option<ClassicView> {
        if !self.uses_consumer_protocol() {
            return None;
        }
        let member = |(id, member): (&String, &Member)| ClassicMemberView {
            member_id: id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            session_timeout_ms: member.session_timeout_ms,
            metadata: self.metadata_of(member),
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        };
        Some(ClassicView { generation: self.generation, members: self.members.iter().map(member).collect() })
    }

    /// In the middle of its first join phase a group has no protocol yet: what the member likes best.
    fn metadata_of(&self, member: &Member) -> bytes::Bytes {
        match (&self.protocol_name, member.protocols.first()) {
            (Some(name), _) if member.supports(name) => member.metadata(name),
            (_, Some(first)) => first.metadata.clone(),
            (_, None) => bytes::Bytes::new(),
        }
    }

    /// Tells all who wait to join again: the group goes on under other rules.
    pub fn send_away(&mut self, turn: &mut Turn) {
        for (id, member) in &mut self.members {
            turn.answer_join(member.awaiting_join.take(), || Err(refused(GroupError::RebalanceInProgress, id)));
            turn.answer_sync(member.awaiting_sync.take(), || Err(GroupError::RebalanceInProgress));
        }
    }

    /// The group was made of a consumer group whose members have to find a new assignment.
    pub fn rebalance_anew(&mut self, turn: &mut Turn) {
        if self.can_rebalance() {
            self.prepare_rebalance(turn);
        }
    }
}
