//! What the records of `__config` must tell, read from the beginning, whatever happened to the broker.
//!
//! 1. A setting's version grows by one with each of its records.
//! 2. A verdict names the record it is about: one of that rollout. Each such record has one verdict at most.
//! 3. Approved: all values of the rollout are in the verdict's batch. Rejected: the verdict is alone in its batch. A value that
//!    came by a rollout is in the batch of its verdict.
//! 4. Arms that stand at once in the canary partition are disjoint, and together at most half of the places. A rollout gets one,
//!    and only what stands there does: what was taken back does not.
//! 5. What is decided stands in the canary partition no more.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::place::Arm;
use crate::stage::{CANARY, CONTROL, Entry, Stage, arm_of};

const HALF: u32 = 500_000;

/// Reads the story, and checks it. Nothing may be under way.
pub fn check(stage: &Stage) {
    let (control, canary) = (stage.entries(CONTROL), stage.entries(CANARY));
    versions_grow(&control);
    verdicts_are_of_rollouts(&control, &canary);
    values_come_with_verdicts(&control, &canary);
    arms_are_disjoint(&canary);
    nothing_decided_stands(&control, &canary);
}

fn versions_grow(control: &[Entry]) {
    let mut versions: BTreeMap<String, u64> = BTreeMap::new();
    for (key, value) in control.iter().filter(|entry| entry.key["setting"].is_string()).map(|e| (&e.key, &e.value)) {
        let version = versions.entry(key.to_string()).or_default();
        *version += 1;
        assert_eq!(value.as_ref().map(|value| value["version"].as_u64()), Some(Some(*version)), "{key}: {control:#?}");
    }
}

fn verdicts(control: &[Entry]) -> impl Iterator<Item = (&Entry, &str, &Value)> {
    control.iter().filter_map(|entry| Some((entry, entry.key["verdict"].as_str()?, entry.value.as_ref()?)))
}

fn verdicts_are_of_rollouts(control: &[Entry], canary: &[Entry]) {
    let mut seen = BTreeSet::new();
    for (_, name, verdict) in verdicts(control) {
        let offset = verdict["rollout_offset"].as_i64().expect("an offset");
        assert!(seen.insert(offset), "two verdicts: {control:#?}");
        subject(canary, name, offset);
    }
}

/// The record that a verdict is about.
fn subject<'a>(canary: &'a [Entry], name: &str, offset: i64) -> &'a Value {
    let of_it = |entry: &&Entry| entry.offset == offset && entry.key["rollout"] == name;
    let found = canary.iter().find(of_it).and_then(|entry| entry.value.as_ref());
    found.unwrap_or_else(|| panic!("no record of {name} at {offset}: {canary:#?}"))
}

fn values_come_with_verdicts(control: &[Entry], canary: &[Entry]) {
    let mut of_rollouts: BTreeSet<i64> =
        control.iter().filter(|entry| came_by_rollout(entry)).map(|entry| entry.offset).collect();
    for (entry, name, verdict) in verdicts(control) {
        let beside: Vec<&Entry> =
            control.iter().filter(|other| other.batch == entry.batch && other.offset != entry.offset).collect();
        let found: BTreeSet<String> = beside.iter().map(|entry| in_short(&entry.key, entry.value.as_ref())).collect();
        let tried = subject(canary, name, verdict["rollout_offset"].as_i64().expect("an offset"));
        let changes = tried["changes"].as_array().expect("changes");
        let wanted: BTreeSet<String> = match verdict["verdict"].as_str() {
            Some("approved") => changes.iter().map(|change| in_short(change, Some(change))).collect(),
            _ => BTreeSet::new(),
        };
        assert_eq!(found, wanted, "{name}: {control:#?}");
        assert!(beside.iter().all(|entry| entry.value.as_ref().is_some_and(|value| value["rollout"] == name)));
        of_rollouts.retain(|offset| beside.iter().all(|entry| entry.offset != *offset));
    }
    assert!(of_rollouts.is_empty(), "values without a verdict: {control:#?}");
}

fn came_by_rollout(entry: &Entry) -> bool {
    entry.value.as_ref().is_some_and(|value| value["rollout"].is_string())
}

fn in_short(key: &Value, value: Option<&Value>) -> String {
    let value = value.map(|value| &value["value"]);
    format!("{} {} {} = {value:?}", key["resource"], key["name"], key["setting"])
}

fn arms_are_disjoint(canary: &[Entry]) {
    let mut standing: BTreeMap<&str, Arm> = BTreeMap::new();
    let mut last: BTreeMap<&str, bool> = BTreeMap::new();
    for entry in canary {
        let name = entry.key["rollout"].as_str().expect("a rollout");
        let before = standing.remove(name);
        let stood = last.insert(name, entry.value.is_some());
        let Some(arm) = entry.value.as_ref().and_then(arm_of) else { continue };
        assert_eq!(stood, Some(true), "{name} at {} does not stand and gets an arm", entry.offset);
        assert_eq!(before, None, "{name} has an arm and gets another: {canary:#?}");
        assert!(standing.values().all(|other| !arm.overlaps(*other)), "{name} {arm:?} beside {standing:?}");
        standing.insert(name, arm);
        assert!(standing.values().map(|arm| arm.to - arm.from).sum::<u32>() <= HALF, "{standing:?}");
    }
}

fn nothing_decided_stands(control: &[Entry], canary: &[Entry]) {
    for (_, name, verdict) in verdicts(control) {
        let last = canary.iter().rfind(|entry| entry.key["rollout"] == name);
        let offset = last.map(|entry| entry.offset);
        let over = last.is_some_and(|last| last.value.is_none()) || offset > verdict["rollout_offset"].as_i64();
        assert!(over, "{name} is decided and stands: {canary:#?}");
    }
}
