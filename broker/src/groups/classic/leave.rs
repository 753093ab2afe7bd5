//! LeaveGroup, for one or several members.
//!
//! Source: Apache Kafka, `GroupMetadataManager.classicGroupLeaveToClassicGroup`.

use super::ClassicGroup;
use super::effects::Turn;
use crate::groups::types::{GroupError, GroupState, LeavingMember};

impl ClassicGroup {
    /// Removes members; one result for each. The others rebalance if any was removed.
    pub fn leave(&mut self, members: &[LeavingMember], turn: &mut Turn) -> Vec<Result<(), GroupError>> {
        let left: Vec<_> = members.iter().map(|leaving| self.leave_one(leaving, turn)).collect();
        if left.iter().any(Result::is_ok) {
            match self.state {
                GroupState::Stable | GroupState::CompletingRebalance => self.rebalance(turn),
                GroupState::PreparingRebalance => self.complete_join_if_all_joined(turn),
                GroupState::Empty | GroupState::Dead => {}
            }
        }
        left
    }

    fn leave_one(&mut self, leaving: &LeavingMember, turn: &mut Turn) -> Result<(), GroupError> {
        let member_id = self.member_id_of(leaving)?;
        self.remove(&member_id, turn);
        Ok(())
    }

    fn member_id_of(&self, leaving: &LeavingMember) -> Result<String, GroupError> {
        let instance = leaving.group_instance_id.as_deref();
        if leaving.member_id.is_empty() {
            let member_id = instance.and_then(|instance| self.static_members.get(instance));
            return member_id.cloned().ok_or(GroupError::UnknownMemberId);
        }
        if !self.pending_join.contains_key(&leaving.member_id) {
            self.check_member(&leaving.member_id, instance)?;
        }
        Ok(leaving.member_id.clone())
    }
}
