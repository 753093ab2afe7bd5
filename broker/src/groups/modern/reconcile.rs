//! One step of a consumer group's member towards its target: give up first, then take.
//!
//! What must always hold: a partition is taken only when nobody holds it; a member's epoch moves on only when it has
//! given up what it shall; what it holds of topics it no longer wants is given up in any state.
//!
//! | state | what it waits for | then |
//! |---|---|---|
//! | Stable | a newer target, or a changed subscription | the next step |
//! | Unrevoked | that it no longer reports what it shall give up | the next step |
//! | Unreleased | that others give up what it shall get | the next step |
//!
//! Source: Apache Kafka, `CurrentAssignmentBuilder`.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::Partitions;
use super::member::{Current, Held, MemberState};
use crate::groups::types::GroupError;

/// What a step depends on.
pub struct Step<'a> {
    /// What the member holds.
    pub holds: &'a Current,
    /// The epoch of the target.
    pub target_epoch: i32,
    /// What it shall hold.
    pub target: &'a Partitions,
    /// The topics it wants.
    pub subscribed: &'a BTreeSet<Uuid>,
    /// The subscription is not the one of the last step.
    pub subscription_changed: bool,
    /// What it says it holds, if it says so.
    pub owned: Option<&'a Partitions>,
    /// Whether any member holds a partition.
    pub is_held: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Step<'_> {
    /// What the member holds after the step; the same if there is nothing to do.
    ///
    /// # Errors
    /// `FencedMemberEpoch`: its state is of another time and it must begin anew.
    pub fn take(&self) -> Result<Current, GroupError> {
        let holds = self.holds;
        match holds.state {
            MemberState::Stable if holds.epoch != self.target_epoch => Ok(self.next(holds.epoch)),
            MemberState::Stable if self.subscription_changed => Ok(self.drop_unsubscribed()),
            MemberState::Stable => Ok(holds.clone()),
            MemberState::Unrevoked if !self.still_owns(&holds.revoking) => Ok(self.next(holds.epoch)),
            MemberState::Unrevoked if self.subscription_changed => Ok(self.drop_unsubscribed()),
            MemberState::Unrevoked => Ok(holds.clone()),
            MemberState::Unreleased => Ok(self.next(holds.epoch)),
            MemberState::Unknown if self.owned.is_some_and(BTreeMap::is_empty) => Ok(self.next(self.target_epoch)),
            MemberState::Unknown => Err(GroupError::FencedMemberEpoch),
        }
    }

    /// A member that does not say what it owns may own everything.
    fn still_owns(&self, held: &Held) -> bool {
        let Some(owned) = self.owned else { return true };
        owned.iter().any(|(topic, partitions)| {
            held.get(topic).is_some_and(|held| partitions.iter().any(|partition| held.contains_key(partition)))
        })
    }

    /// Between two targets: what it no longer wants goes, nothing comes.
    fn drop_unsubscribed(&self) -> Current {
        let (assigned, dropped): (Held, Held) =
            self.holds.assigned.clone().into_iter().partition(|(topic, _)| self.subscribed.contains(topic));
        if dropped.is_empty() {
            return self.holds.clone();
        }
        let mut revoking = self.holds.revoking.clone();
        for (topic, partitions) in dropped {
            revoking.entry(topic).or_default().extend(partitions);
        }
        if self.still_owns(&revoking) {
            self.moved(MemberState::Unrevoked, self.holds.epoch, assigned, revoking)
        } else {
            self.moved(self.holds.state, self.holds.epoch, assigned, self.holds.revoking.clone())
        }
    }

    fn next(&self, epoch: i32) -> Current {
        let (mut assigned, revoking) = self.kept_and_surplus();
        if !revoking.is_empty() && self.still_owns(&revoking) {
            return self.moved(MemberState::Unrevoked, epoch, assigned, revoking);
        }
        let unreleased = self.take_free(&mut assigned);
        let state = if unreleased { MemberState::Unreleased } else { MemberState::Stable };
        self.moved(state, self.target_epoch, assigned, Held::new())
    }

    /// What it holds and shall hold, and what it holds and shall not.
    fn kept_and_surplus(&self) -> (Held, Held) {
        let (mut kept, mut surplus) = (Held::new(), Held::new());
        for (topic, partitions) in &self.holds.assigned {
            for (partition, epoch) in partitions {
                let side = if self.shall_hold(*topic, *partition) { &mut kept } else { &mut surplus };
                side.entry(*topic).or_default().insert(*partition, *epoch);
            }
        }
        (kept, surplus)
    }

    fn shall_hold(&self, topic: Uuid, partition: i32) -> bool {
        self.subscribed.contains(&topic) && self.target.get(&topic).is_some_and(|target| target.contains(&partition))
    }

    /// Adds what it shall hold and nobody else holds; says whether something is missing.
    fn take_free(&self, assigned: &mut Held) -> bool {
        let mut missing = false;
        for (topic, partitions) in self.target.iter().filter(|(topic, _)| self.subscribed.contains(topic)) {
            for partition in partitions {
                if assigned.get(topic).is_some_and(|held| held.contains_key(partition)) {
                    continue;
                }
                let own = self.holds.revoking.get(topic).is_some_and(|held| held.contains_key(partition));
                if !own && (self.is_held)(*topic, *partition) {
                    missing = true;
                } else {
                    assigned.entry(*topic).or_default().insert(*partition, self.target_epoch);
                }
            }
        }
        missing
    }

    fn moved(&self, state: MemberState, epoch: i32, assigned: Held, revoking: Held) -> Current {
        Current { epoch, previous_epoch: self.holds.epoch, state, assigned, revoking }
    }
}
