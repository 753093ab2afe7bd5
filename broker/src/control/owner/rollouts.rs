//! Rollouts as they are carried out: arms put in place, seconds measured, verdicts written.
//!
//! What must always hold: arms are in force only while the record that gives them stands in the canary partition.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::warn;

use super::Owner;
use super::alter::Origin;
use crate::broker::Broker;
use crate::config::Config;
use crate::config::change::Plan;
use crate::config::layers::{Layers, overlay};
use crate::config::live::Current;
use crate::config::log::{CONFIG, NotKept};
use crate::config::record::Record;
use crate::config::resolve::resolve;
use crate::config::resource::{Resource, ResourceKind};
use crate::config::state::{Side, Standing, State};
use crate::control::apply::put_in_place;
use crate::control::conduct::{Owns, conduct};
use crate::rollout::arms::{Trials, TriedArm, Unit};
use crate::rollout::check::alterations;
use crate::rollout::machine::{Command, Decision, Machine};
use crate::rollout::record::{Arm, Rollout};
use crate::rollout::tally::Tally;

/// What runs, and what is measured of it.
#[derive(Default)]
pub(super) struct Conductor {
    machine: Machine,
    /// Whether the arms in place stand over a control that rules no more.
    is_stale: bool,
    /// Whether there are rollouts that are not decided.
    has_open: bool,
}

impl Owner {
    /// Does what is to be done for rollouts, and puts in place what then runs.
    pub(super) async fn conduct(&mut self, broker: &Broker) {
        conduct(self, broker).await;
        self.publish(broker);
    }

    /// Puts the arms in place that stood when the broker ended: who comes as soon as it listens is in its arm already.
    pub fn resume(&mut self, broker: &Broker) {
        let known = self.known.clone();
        let state = known.state().clone_rollouts();
        let check = |name: &str, rollout: &Rollout| known.check_rollout(&broker.storage, name, rollout);
        self.conductor.machine.resume(&state, &check);
        self.publish(broker);
    }

    /// Puts the arms in place that the machine runs, if they are others than before.
    fn publish(&mut self, broker: &Broker) {
        let state = self.known.state().clone_rollouts();
        let statuses = self.conductor.machine.statuses(&state);
        self.conductor.has_open = !statuses.is_empty();
        self.known.tell_rollouts(statuses);
        if self.conductor.is_current(broker) {
            return;
        }
        let layers = self.known.layers();
        self.conductor.put_in_place(broker, &state, &layers);
    }
}

impl Owns for Owner {
    fn topic(&self) -> &str {
        CONFIG
    }

    fn next_command(&mut self, broker: &Broker) -> Option<Command> {
        let known = self.known.clone();
        let state = known.state().clone_rollouts();
        let check = |name: &str, rollout: &Rollout| known.check_rollout(&broker.storage, name, rollout);
        self.conductor.machine.next(&state, &check)
    }

    fn standing(&self, name: &str) -> Option<Standing> {
        self.known.state().rollout(name).cloned()
    }

    fn approved_values(&self, broker: &Broker, decision: &Decision, rollout: &Rollout) -> Vec<Record> {
        let origin = Origin { author: decision.author(), rollout: Some(decision.name.clone()) };
        let mut records = Vec::new();
        for alteration in alterations(rollout) {
            let planned = self.known.plan(&broker.storage, &alteration).and_then(|plan| {
                let plan = Plan { reason: Some(decision.why.clone()), ..plan };
                self.records(broker, &alteration.resource, plan, &origin)
            });
            match planned {
                Ok(more) => records.extend(more),
                Err(why) => warn!(rollout = decision.name, "a value that was just possible is not: {why}"),
            }
        }
        records
    }

    async fn keep(&mut self, broker: &Broker, side: Side, records: &[Record]) -> Result<(), NotKept> {
        Self::keep(self, broker, side, records).await
    }
}

impl Conductor {
    /// Lets `config` rule.
    pub(super) fn rule(&mut self, broker: &Broker, config: Config) {
        let trials = broker.live.current().trials.clone();
        put_in_place(broker, Current { config: Arc::new(config), trials });
    }

    /// What was measured against the control before counts no more: that of the broker's settings, or of topics', which are
    /// those of partitions.
    pub(super) fn control_changed(&mut self, broker: &Broker, of_brokers: bool, of_topics: bool) {
        let tries_partitions =
            broker.live.current().trials.as_ref().is_some_and(|trials| trials.unit == Unit::Partition);
        if of_brokers || (of_topics && tries_partitions) {
            self.machine.measure_anew();
            self.is_stale = true;
        }
    }

    /// Whether there is something to measure, or to try again.
    pub(super) fn has_to_look(&self) -> bool {
        self.has_open
    }

    /// Takes what was counted in the last second.
    pub(super) fn measure(&mut self, broker: &Broker) {
        let Some(trials) = &broker.live.current().trials else { return };
        let control = trials.control.take(broker.api_name);
        let arms = trials.arms.iter().map(|arm| (arm.name.clone(), arm.tally.take(broker.api_name))).collect();
        self.machine.observe(&control, arms);
    }

    /// Whether the arms in place are those that the machine runs.
    fn is_current(&self, broker: &Broker) -> bool {
        let current = broker.live.current();
        let in_place: Vec<_> =
            current.trials.iter().flat_map(|trials| &trials.arms).map(|arm| (arm.name.as_str(), arm.offset)).collect();
        let wanted: Vec<_> = self.machine.running().map(|(name, offset, ..)| (name, offset)).collect();
        !self.is_stale && in_place == wanted
    }

    fn put_in_place(&mut self, broker: &Broker, state: &State, layers: &Layers) {
        let arm = |(name, offset, unit, places): (&str, i64, Unit, Arm)| {
            let standing = state.rollout(name)?;
            let config = Arc::new(tried_config(layers, &standing.rollout)?);
            let topics = tried_topics(&standing.rollout);
            let tally = Arc::new(Tally::default());
            Some((unit, TriedArm { name: name.to_owned(), offset, places, config, topics, tally }))
        };
        let arms: Vec<(Unit, TriedArm)> = self.machine.running().filter_map(arm).collect();
        let unit = arms.first().map(|(unit, _)| *unit);
        let arms = arms.into_iter().map(|(_, arm)| arm).collect();
        let trials = unit.map(|unit| Arc::new(Trials { unit, arms, control: Arc::default() }));
        self.is_stale = false;
        put_in_place(broker, Current { config: broker.config(), trials });
    }
}

/// The broker's settings as an arm gets them.
fn tried_config(layers: &Layers, rollout: &Rollout) -> Option<Config> {
    let mut layers = layers.clone();
    for tried in &rollout.changes {
        let Some(Resource { kind: ResourceKind::Broker, name }) = tried.resource() else { continue };
        let layer = if name.is_empty() { &mut layers.all_brokers } else { &mut layers.this_broker };
        overlay(layer, &tried.setting, tried.value.as_deref());
    }
    let resolved = resolve(layers.merged());
    resolved.inspect_err(|why| warn!("an arm cannot have its settings: {why}")).ok().map(|(config, _)| config)
}

/// The settings of topics as an arm gets them.
fn tried_topics(rollout: &Rollout) -> BTreeMap<String, BTreeMap<String, Option<String>>> {
    let mut topics: BTreeMap<String, BTreeMap<String, Option<String>>> = BTreeMap::new();
    for tried in &rollout.changes {
        if let Some(Resource { kind: ResourceKind::Topic, name }) = tried.resource() {
            topics.entry(name).or_default().insert(tried.setting.clone(), tried.value.clone());
        }
    }
    topics
}
