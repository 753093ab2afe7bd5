//! How the rollouts of a config topic stand, told from its records.
//!
//! What must always hold: a verdict speaks for the rollout that stood where the verdict says, not for a later one of the same name.

use std::collections::BTreeMap;

use catena_broker::config::record::{Key, Outcome, Record, Verdict};
use catena_broker::rollout::record::{Arm, Rollout, Wanted};
use jiff::Timestamp;

use super::super::log::{CANARY, Entry};

/// A rollout, and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// The last that was written about it, if the log still has it.
    pub record: Option<Rollout>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// What was decided.
    pub verdict: Option<Verdict>,
}

/// How a rollout stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Until there is room.
    Waiting,
    /// On these places.
    Running(Arm),
    /// Until it is resumed.
    Paused,
    /// An author wants this; the broker has not done it yet.
    Asked(Outcome),
    /// Decided.
    Decided(Outcome),
    /// Its record was removed before anything was decided.
    Withdrawn,
    /// Written by something newer, or not a rollout at all.
    NotUnderstood(String),
}

/// What the log says of one name.
#[derive(Default)]
struct Known<'a> {
    canary: Option<&'a Entry>,
    /// The last record that was no tombstone, and where.
    record: Option<(i64, &'a Rollout)>,
    verdict: Option<(Timestamp, &'a Verdict)>,
}

/// All rollouts by name.
pub fn standings(entries: &[Entry]) -> Vec<Standing> {
    let mut known: BTreeMap<&str, Known<'_>> = BTreeMap::new();
    for entry in entries {
        match (&entry.key, &entry.content) {
            (Some(Key::Rollout(key)), content) if entry.partition == CANARY => {
                let known = known.entry(key).or_default();
                known.canary = Some(entry);
                if let Ok(Record::Rollout(_, Some(rollout))) = content {
                    known.record = Some((entry.offset, rollout));
                }
            }
            (_, Ok(Record::Verdict(name, Some(verdict)))) => {
                known.entry(name).or_default().verdict = Some((entry.time(), verdict));
            }
            _ => {}
        }
    }
    known.into_iter().map(|(name, known)| known.standing(name)).collect()
}

impl Known<'_> {
    fn standing(self, name: &str) -> Standing {
        let newest = self.record.map(|(offset, _)| offset);
        let verdict = self.verdict.filter(|(_, verdict)| newest.is_none_or(|offset| verdict.rollout_offset >= offset));
        let (state, since) = match (verdict, self.canary) {
            (_, Some(entry)) if not_understood(entry).is_some() => {
                (State::NotUnderstood(not_understood(entry).unwrap_or_default()), entry.time())
            }
            (Some((time, verdict)), _) => (State::Decided(verdict.verdict), time),
            (None, Some(entry)) => (undecided(entry), entry.time()),
            (None, None) => (State::Withdrawn, Timestamp::default()),
        };
        let record = self.record.map(|(_, rollout)| rollout.clone());
        Standing { name: name.to_owned(), state, record, since, verdict: verdict.map(|(_, verdict)| verdict.clone()) }
    }
}

fn not_understood(entry: &Entry) -> Option<String> {
    match &entry.content {
        Ok(Record::Newer(format)) => Some(format!("format {format}, not understood")),
        Err(error) => Some(error.clone()),
        Ok(_) => None,
    }
}

fn undecided(entry: &Entry) -> State {
    match &entry.content {
        Ok(Record::Rollout(_, Some(rollout))) => match (rollout.state, rollout.arm) {
            (Wanted::Start, None) => State::Waiting,
            (Wanted::Start, Some(arm)) => State::Running(arm),
            (Wanted::Pause, _) => State::Paused,
            (Wanted::Approve, _) => State::Asked(Outcome::Approved),
            (Wanted::Reject, _) => State::Asked(Outcome::Rejected),
        },
        _ => State::Withdrawn,
    }
}

impl State {
    /// Whether the rollout still stands in the canary partition.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Waiting | Self::Running(_) | Self::Paused | Self::Asked(_))
    }

    /// The word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Waiting => "waiting",
            Self::Running(_) => "running",
            Self::Paused => "paused",
            Self::Asked(Outcome::Approved) => "to be approved",
            Self::Asked(Outcome::Rejected) => "to be rejected",
            Self::Decided(Outcome::Approved) => "approved",
            Self::Decided(Outcome::Rejected) => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::NotUnderstood(problem) => problem,
        }
    }
}
