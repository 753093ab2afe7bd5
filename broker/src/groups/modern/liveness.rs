//! Until when members are waited for.
//!
//! What must always hold: a member that is in the group is waited for a sign of life; a deadline that has passed is
//! reported once. Times are of the steady clock.

use std::collections::HashMap;

/// What a member is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Its next heartbeat.
    Sign,
    /// That it gives partitions up.
    Revocation,
    /// That it joins again (classic protocol).
    Join,
    /// That it asks for its assignment (classic protocol).
    Sync,
}

const KINDS: [Awaited; 4] = [Awaited::Sign, Awaited::Revocation, Awaited::Join, Awaited::Sync];

/// The deadlines of a group's members.
#[derive(Debug, Default)]
pub struct Liveness {
    members: HashMap<String, [Option<u64>; KINDS.len()]>,
}

impl Liveness {
    /// Waits until then, whatever was before.
    pub fn set(&mut self, member_id: &str, awaited: Awaited, at_ms: u64) {
        match self.members.get_mut(member_id) {
            Some(deadlines) => deadlines[awaited as usize] = Some(at_ms),
            None => self.members.entry(member_id.to_owned()).or_default()[awaited as usize] = Some(at_ms),
        }
    }

    /// Waits until then, unless it is waited for already.
    pub fn set_if_absent(&mut self, member_id: &str, awaited: Awaited, at_ms: u64) {
        let deadlines = self.members.entry(member_id.to_owned()).or_default();
        deadlines[awaited as usize].get_or_insert(at_ms);
    }

    /// Waits no more.
    pub fn cancel(&mut self, member_id: &str, awaited: Awaited) {
        if let Some(deadlines) = self.members.get_mut(member_id) {
            deadlines[awaited as usize] = None;
        }
    }

    /// The member is gone.
    pub fn forget(&mut self, member_id: &str) {
        self.members.remove(member_id);
    }

    /// The earliest deadline.
    pub fn next_ms(&self) -> Option<u64> {
        self.members.values().flatten().flatten().min().copied()
    }

    /// Takes out what is due.
    pub fn due(&mut self, now_ms: u64) -> Vec<(String, Awaited)> {
        let mut due = Vec::new();
        for (id, deadlines) in &mut self.members {
            for (awaited, deadline) in KINDS.iter().zip(deadlines) {
                if deadline.is_some_and(|at_ms| at_ms <= now_ms) {
                    *deadline = None;
                    due.push((id.clone(), *awaited));
                }
            }
        }
        due.sort_by(|a, b| a.0.cmp(&b.0));
        due
    }
}
