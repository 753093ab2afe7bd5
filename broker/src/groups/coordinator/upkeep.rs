//! What happens without being asked: sessions begin and end, old offsets and empty groups go, the broker stops.
//!
//! Source: Apache Kafka, `GroupCoordinatorShard.cleanupGroupMetadata`, `GroupMetadataManager.onLoaded`, `onUnloaded`.

use tracing::warn;

use super::Coordinator;
use super::modern::end;
use crate::groups::classic::{ClassicGroup, Now};
use crate::groups::log::GroupLog;
use crate::groups::types::GroupError;

impl<L: GroupLog> Coordinator<L> {
    pub(super) fn begin_sessions(&mut self, now: Now) {
        let ids: Vec<String> = self.table.iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            let wake_at_ms = self.table.get(&id).and_then(|group| group.members.next_deadline_ms());
            self.wake(&id, wake_at_ms);
            self.with_group(&id, now, ClassicGroup::loaded);
        }
        self.count();
    }

    /// Does what is due.
    pub fn expire(&mut self, now: Now) {
        while let Some((at_ms, id)) = self.deadlines.pop_first() {
            if at_ms > now.steady_ms {
                self.deadlines.insert((at_ms, id));
                break;
            }
            if let Some(group) = self.table.get_mut(&id) {
                group.wake_at_ms = None;
            }
            self.with_group(&id, now, ClassicGroup::expire);
            self.expire_modern(&id, now);
        }
        if self.cleanup_at_ms() <= now.steady_ms {
            self.cleaned_up_at_ms = now.steady_ms;
            self.clean_up(now);
        }
        self.count();
    }

    /// Removes offsets that were not used for long, and empty groups without offsets.
    fn clean_up(&mut self, now: Now) {
        let (mut records, mut expired) = (Vec::new(), 0);
        for (id, group) in self.table.iter() {
            let tombstones =
                group.offsets.expire(id, &group.members, now.wall_ms, (self.settings.of_group)(id).retention_ms);
            let none_left = tombstones.len() == group.offsets.len();
            expired += tombstones.len();
            records.extend(tombstones);
            if none_left && group.members.is_unused() {
                records.extend(end(id, &group.members));
            }
        }
        match self.store(&records, now) {
            Ok(()) => self.counters.expired_offsets.add(expired),
            Err(error) => warn!("old offsets stay for now: {error}"),
        }
    }

    /// When `expire` wants to be called (steady clock).
    pub fn next_deadline_ms(&self) -> u64 {
        let cleanup_at_ms = self.cleanup_at_ms();
        self.deadlines.first().map_or(cleanup_at_ms, |(at_ms, _)| cleanup_at_ms.min(*at_ms))
    }

    fn cleanup_at_ms(&self) -> u64 {
        self.cleaned_up_at_ms.saturating_add((self.settings.cleanup_interval_ms)())
    }

    /// Answers everybody who waits in a group. What is in the outbox still leaves in order.
    pub fn unload(&mut self, error: GroupError, now: Now) {
        let ids: Vec<String> = self.table.iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.with_group(&id, now, |group, turn| group.unload(error, turn));
        }
    }
}
