//! Records to state: the only place where what lasts changes.
//!
//! What must always hold: any sequence of records that a coordinator may have left, also after compaction, is taken
//! over without an error; what names something that is not there changes nothing.
//!
//! Source: Apache Kafka, `GroupMetadataManager.replay`.

use catena_protocol::group_records::ModernRecord;
use uuid::Uuid;

use super::liveness::Awaited;
use super::member::{Current, Held, LEFT, Member, MemberState, Subscription};
use super::{ModernGroup, NO_EPOCH};
use crate::groups::classic::Now;

/// What a member that begins is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// When the record is applied.
    pub now: Now,
    /// `*.session.timeout.ms`.
    pub session_timeout_ms: u64,
}

impl ModernGroup {
    /// Takes over a record of this group. That the group is gone is for its owner to know.
    pub fn apply(&mut self, record: &ModernRecord, life: Life) {
        match record {
            ModernRecord::Epoch(epoch) => {
                if let Some(stored) = epoch {
                    (self.epoch, self.metadata_hash) = (stored.epoch, stored.metadata_hash);
                }
            }
            ModernRecord::PartitionMetadata(there) => self.has_partition_metadata = *there,
            ModernRecord::Member(id, Some(stored)) => self.put_member(id, stored.into(), life),
            ModernRecord::Member(id, None) => self.remove_member(id),
            ModernRecord::TargetEpoch(stored) => {
                (self.target_epoch, self.target_at_ms) =
                    stored.as_ref().map_or((NO_EPOCH, 0), |stored| (stored.epoch, stored.timestamp_ms));
            }
            ModernRecord::Target(id, Some(stored)) => {
                let of_topic = |topic: &catena_protocol::group_records::TopicPartitions| {
                    (topic.topic_id, topic.partitions.iter().copied().collect())
                };
                self.target.insert(id.clone(), stored.iter().map(of_topic).collect());
            }
            ModernRecord::Target(id, None) => {
                self.target.remove(id);
            }
            ModernRecord::Current(id, Some(stored)) => self.put_current(id, stored.into(), life),
            ModernRecord::Current(id, None) => {
                if self.members.contains_key(id) {
                    self.put_current(id, Current { epoch: LEFT, previous_epoch: LEFT, ..Current::default() }, life);
                }
            }
            ModernRecord::Regex(regex, Some(stored)) => {
                self.patterns.insert(regex.clone(), stored.clone());
            }
            ModernRecord::Regex(regex, None) => {
                self.patterns.remove(regex);
            }
            // Whoever keeps the group's sessions looks at it.
            ModernRecord::SharePartitions(_) => {}
        }
    }

    fn put_member(&mut self, id: &str, wants: Subscription, life: Life) {
        if let Some(instance) = &wants.instance_id {
            self.static_members.insert(instance.clone(), id.to_owned());
        }
        let session_ms = wants.classic.as_ref().map(|classic| u64::try_from(classic.session_timeout_ms).unwrap_or(0));
        let begins = !self.members.contains_key(id);
        self.members.entry(id.to_owned()).or_default().wants = wants;
        if begins {
            let at_ms = life.now.steady_ms.saturating_add(session_ms.unwrap_or(life.session_timeout_ms));
            self.liveness.set(id, Awaited::Sign, at_ms);
        }
    }

    fn remove_member(&mut self, id: &str) {
        let Some(member) = self.members.remove(id) else { return };
        self.let_go(id, &member.holds);
        self.liveness.forget(id);
        let instance = member.wants.instance_id;
        if let Some(instance) = instance.filter(|instance| self.static_members.get(instance).is_some_and(|of| of == id))
        {
            self.static_members.remove(&instance);
        }
    }

    fn put_current(&mut self, id: &str, holds: Current, life: Life) {
        let unknown = || Member { wants: Subscription::unknown(), ..Member::default() };
        let member = self.members.entry(id.to_owned()).or_insert_with(unknown);
        let before = std::mem::replace(&mut member.holds, holds.clone());
        let classic = member.is_classic();
        let rebalance_timeout_ms = u64::try_from(member.wants.rebalance_timeout_ms).unwrap_or(0);
        self.let_go(id, &before);
        self.take(id, &holds.assigned);
        self.take(id, &holds.revoking);
        if holds.state == MemberState::Unrevoked && !classic {
            self.liveness.set(id, Awaited::Revocation, life.now.steady_ms.saturating_add(rebalance_timeout_ms));
        } else {
            self.liveness.cancel(id, Awaited::Revocation);
        }
    }

    fn take(&mut self, id: &str, held: &Held) {
        for at in places(held) {
            self.holders.insert(at, id.to_owned());
        }
    }

    fn let_go(&mut self, id: &str, holds: &Current) {
        for at in places(&holds.assigned).chain(places(&holds.revoking)) {
            if self.holders.get(&at).is_some_and(|holder| holder == id) {
                self.holders.remove(&at);
            }
        }
    }
}

fn places(held: &Held) -> impl Iterator<Item = (Uuid, i32)> + '_ {
    held.iter().flat_map(|(topic, partitions)| partitions.keys().map(|partition| (*topic, *partition)))
}
