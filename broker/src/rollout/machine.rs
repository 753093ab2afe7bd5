//! From what stands in the canary partition, and what was measured, to what is to be done next.
//!
//! What must always hold:
//! - Pure. What is done comes back as records in `State`; a start that finds the same records does the same.
//! - Rollouts that run have the same unit and disjoint arms. Who does not fit waits, and who comes later waits behind.
//! - A rollout is decided once: after the verdict stands in control it is only taken out of the canary partition.
//!
//! | stands in canary | in control | what is next |
//! |---|---|---|
//! | `start`, no arm | | `Begin`, if it is its turn and it fits |
//! | `start`, arm | | runs; `Decide` when the figures say so |
//! | `pause` | | nothing |
//! | `approve`, `reject` | | `Decide` |
//! | cannot be tried (any more) | | `Decide`: rejected |
//! | any | its verdict | `Forget` |

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::arms::{Unit, fit};
use super::check::{Checked, RolloutError};
use super::record::{Arm, Rollout, Wanted};
use super::verdict::{ArmWindow, Judgement, Pair, Trial, Verdict};
use crate::config::record::{self, Author, FORMAT, Outcome, Record};
use crate::config::state::{Standing, State};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Give it this arm, by a record in the canary partition.
    Begin {
        /// The rollout.
        name: String,
        /// Its arm.
        arm: Arm,
    },
    /// Write the verdict, and if it is approved its values, into control.
    Decide(Decision),
    /// Take it out of the canary partition.
    Forget {
        /// The rollout.
        name: String,
    },
}

/// How a rollout ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The rollout.
    pub name: String,
    /// Where its record stands.
    pub offset: i64,
    /// Its end.
    pub outcome: Outcome,
    /// In words.
    pub why: String,
    /// Who asked for it, if somebody did.
    pub author: Option<Author>,
    /// What was measured, if anything was.
    pub figures: Option<Judgement>,
}

/// Where a rollout stands, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Its name.
    pub rollout: String,
    /// In one word: `waiting`, `running`, `paused`, `ending`.
    pub status: &'static str,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Its arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arm: Option<Arm>,
    /// Seconds measured.
    pub seconds: u64,
    /// What was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<Judgement>,
}

/// Whether a rollout can be tried now.
pub type Check<'a> = &'a dyn Fn(&str, &Rollout) -> Result<Checked, RolloutError>;

/// The rollouts that run, and what was measured of them.
#[derive(Debug, Default)]
pub struct Machine {
    runs: BTreeMap<String, Run>,
}

#[derive(Debug)]
struct Run {
    offset: i64,
    unit: Unit,
    arm: Arm,
    trial: Trial,
    seconds: u64,
    /// What the figures say, made once a second.
    judgement: Judgement,
}

impl Machine {
    /// What is to be done next, if anything.
    pub fn next(&mut self, state: &State, check: Check) -> Option<Command> {
        if let Some(name) = state.decided_rollouts().next() {
            return Some(Command::Forget { name: name.to_owned() });
        }
        let open = in_order(state);
        self.runs.retain(|name, run| open.iter().any(|(open, standing)| open == name && run.is_of(standing)));
        let mut waiting = None;
        for (name, standing) in &open {
            match check(name, &standing.rollout) {
                Err(why) => return Some(reject(name, standing, format!("it cannot be tried: {why}"))),
                Ok(checked) => match (standing.rollout.state, standing.rollout.arm) {
                    (Wanted::Approve | Wanted::Reject, _) => return Some(as_asked(name, standing, self.figures(name))),
                    (Wanted::Pause, _) => drop(self.runs.remove(*name)),
                    (Wanted::Start, Some(arm)) => self.run(name, standing.offset, arm, checked),
                    (Wanted::Start, None) => waiting = waiting.or(Some((*name, standing, checked.unit))),
                },
            }
        }
        self.decided().or_else(|| {
            let (name, standing, unit) = waiting?;
            let arm = self.place_for(name, &standing.rollout, unit)?;
            Some(Command::Begin { name: name.to_owned(), arm })
        })
    }

    /// Lets run, after a start, what has an arm; whatever else is to be done comes later.
    pub fn resume(&mut self, state: &State, check: Check) {
        for (name, standing) in in_order(state) {
            let rollout = &standing.rollout;
            if let (Wanted::Start, Some(arm), Ok(checked)) = (rollout.state, rollout.arm, check(name, rollout)) {
                self.run(name, standing.offset, arm, checked);
            }
        }
    }

    fn run(&mut self, name: &str, offset: i64, arm: Arm, checked: Checked) {
        let unit = checked.unit;
        self.runs.entry(name.to_owned()).or_insert_with(|| Run::new(offset, unit, arm, Trial::new(checked.plan)));
    }

    fn place_for(&self, name: &str, rollout: &Rollout, unit: Unit) -> Option<Arm> {
        let taken: Vec<Arm> = self.runs.values().map(|run| run.arm).collect();
        let same_unit = self.runs.values().all(|run| run.unit == unit);
        same_unit.then(|| fit(name, rollout.places(), &taken)).flatten()
    }

    /// The first that the figures decide.
    fn decided(&self) -> Option<Command> {
        self.runs.iter().find_map(|(name, run)| {
            let figures = run.judgement.clone();
            let (outcome, why) = match &figures.verdict {
                Verdict::Undecided { .. } => return None,
                Verdict::Approve { why } => (Outcome::Approved, why.clone()),
                Verdict::Reject { why, .. } => (Outcome::Rejected, why.clone()),
            };
            let (name, offset) = (name.clone(), run.offset);
            Some(Command::Decide(Decision { name, offset, outcome, why, author: None, figures: Some(figures) }))
        })
    }

    /// Takes what the arms did in the next second: control, and each arm by its rollout's name.
    pub fn observe(&mut self, control: &ArmWindow, mut arms: BTreeMap<String, ArmWindow>) {
        for (name, run) in &mut self.runs {
            let Some(canary) = arms.remove(name) else { continue };
            run.observe(&Pair { control: control.clone(), canary });
        }
    }

    /// Control has changed: what was measured against the one before does not count.
    pub fn measure_anew(&mut self) {
        for run in self.runs.values_mut() {
            *run = Run::new(run.offset, run.unit, run.arm, Trial::new(run.trial.plan().clone()));
        }
    }

    /// The rollouts that run: name, where the record stands, unit and arm.
    pub fn running(&self) -> impl Iterator<Item = (&str, i64, Unit, Arm)> {
        self.runs.iter().map(|(name, run)| (name.as_str(), run.offset, run.unit, run.arm))
    }

    fn figures(&self, name: &str) -> Option<Judgement> {
        self.runs.get(name).map(|run| run.judgement.clone())
    }

    /// Where all rollouts stand, in the order in which they came.
    pub fn statuses(&self, state: &State) -> Vec<Status> {
        in_order(state).into_iter().map(|(name, standing)| self.status(name, standing)).collect()
    }

    fn status(&self, name: &str, standing: &Standing) -> Status {
        let run = self.runs.get(name);
        let (status, why) = match (standing.rollout.state, run) {
            (Wanted::Start, Some(_)) => ("running", None),
            (Wanted::Start, None) => ("waiting", Some(self.awaited(&standing.rollout))),
            (Wanted::Pause, _) => ("paused", None),
            (Wanted::Approve | Wanted::Reject, _) => ("ending", None),
        };
        Status {
            rollout: name.to_owned(),
            status,
            why,
            arm: run.map(|run| run.arm),
            seconds: run.map_or(0, |run| run.seconds),
            figures: run.map(|run| run.judgement.clone()),
        }
    }

    fn awaited(&self, rollout: &Rollout) -> String {
        let names: Vec<&str> = self.runs.keys().map(String::as_str).collect();
        match names.join(", ") {
            names if names.is_empty() => "it begins at once".to_owned(),
            names => format!("{} % of the units besides {names}, or units of another kind", rollout.share),
        }
    }
}

/// Whoever decides by figures.
const BROKER: &str = "User:catena";

impl Decision {
    /// Who decided.
    pub fn author(&self) -> Author {
        let broker = || Author { principal: BROKER.to_owned(), client_id: String::new() };
        self.author.clone().unwrap_or_else(broker)
    }

    /// The record that ends the rollout.
    pub fn verdict(&self, time: Timestamp) -> Record {
        let figures = self.figures.as_ref().and_then(|figures| serde_json::to_value(figures).ok());
        let verdict = record::Verdict {
            v: FORMAT,
            verdict: self.outcome,
            rollout_offset: self.offset,
            time,
            author: self.author(),
            why: self.why.clone(),
            figures: figures.unwrap_or_default(),
        };
        Record::Verdict(self.name.clone(), Some(verdict))
    }
}

impl Run {
    fn new(offset: i64, unit: Unit, arm: Arm, trial: Trial) -> Self {
        let judgement = trial.judge(Duration::ZERO);
        Self { offset, unit, arm, trial, seconds: 0, judgement }
    }

    /// Whether it is what `standing` says: the record it began with, or one that ends it, for which the figures count.
    fn is_of(&self, standing: &Standing) -> bool {
        let ends = matches!(standing.rollout.state, Wanted::Approve | Wanted::Reject);
        standing.offset == self.offset || ends
    }

    fn observe(&mut self, second: &Pair<ArmWindow>) {
        self.trial.observe(second);
        self.seconds += 1;
        self.judgement = self.trial.judge(Duration::from_secs(self.seconds));
    }
}

/// Open rollouts, in the order in which they came.
fn in_order(state: &State) -> Vec<(&str, &Standing)> {
    let mut open: Vec<_> = state.open_rollouts().collect();
    open.sort_by_key(|(_, standing)| standing.offset);
    open
}

fn reject(name: &str, standing: &Standing, why: String) -> Command {
    Command::Decide(Decision {
        name: name.to_owned(),
        offset: standing.offset,
        outcome: Outcome::Rejected,
        why,
        author: None,
        figures: None,
    })
}

fn as_asked(name: &str, standing: &Standing, figures: Option<Judgement>) -> Command {
    let approved = standing.rollout.state == Wanted::Approve;
    Command::Decide(Decision {
        name: name.to_owned(),
        offset: standing.offset,
        outcome: if approved { Outcome::Approved } else { Outcome::Rejected },
        why: standing.rollout.reason.clone().unwrap_or_else(|| "asked for".to_owned()),
        author: standing.rollout.author.clone(),
        figures,
    })
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
