//! The task that carries out the rollouts of one config topic.
//!
//! What must always hold: as in `control`: what counts is what was read back, the verdict and its values are one batch in
//! control, and no lock is held while something is read, written or waited for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use catena_storage::{PartitionLog, ReadError, ReadUpTo, Topic};
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::warn;

use super::REPORTS;
use super::instances::{Instances, Presence};
use super::intake::check_rollout;
use super::report;
use crate::broker::Broker;
use crate::config::log::{ConfigLog, NotKept, take};
use crate::config::record::{FORMAT, PlainKey, Record, SettingValue};
use crate::config::state::{Changed, Side, Standing, State};
use crate::control::conduct::{Owns, conduct};
use crate::internal_log::{self, Found};
use crate::rollout::machine::{Command, Decision, Machine, Status};
use crate::rollout::record::{Arm, Rollout, Tried};

/// How often the arms are compared, it is looked who is there, and what could not be read is tried again.
const SECOND: Duration = Duration::from_secs(1);

/// A config topic, for those who ask.
pub struct Fleet {
    name: String,
    state: RwLock<State>,
    shown: RwLock<Shown>,
    wake: Arc<Notify>,
    ended: AtomicBool,
}

/// Where the rollouts of a fleet stand, and who takes part.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Shown {
    /// The rollouts, in the order in which they came.
    pub rollouts: Vec<Status>,
    /// The processes: of `control`, and of each rollout's arm.
    pub instances: BTreeMap<String, Presence>,
    /// Reports that are not looked at because there are too many processes.
    pub overflow: u64,
}

/// The task.
pub struct Owner {
    fleet: Arc<Fleet>,
    log: ConfigLog,
    reports: Option<(Arc<PartitionLog>, i64)>,
    machine: Machine,
    instances: Instances,
    begun: Instant,
    unread: bool,
}

impl Fleet {
    /// The fleet of a topic.
    pub fn new(topic: &Topic) -> Self {
        Self {
            name: topic.name.clone(),
            state: RwLock::default(),
            shown: RwLock::default(),
            wake: Arc::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What stands in the topic, for a look. Not to be held.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its rollouts stand.
    pub fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn show(&self, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The topic is no config topic any more.
    pub(super) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

impl Owner {
    /// The task of a topic. Reports from before it began do not count.
    pub fn new(fleet: Arc<Fleet>, topic: &Arc<Topic>) -> Self {
        let reports = topic.partitions.get(REPORTS as usize).map(|log| (log.clone(), log.offsets().high_watermark));
        Self {
            fleet,
            log: ConfigLog::new(topic.clone()),
            reports,
            machine: Machine::default(),
            instances: Instances::default(),
            begun: Instant::now(),
            unread: false,
        }
    }

    /// Serves until the broker stops or the topic is no config topic any more.
    pub async fn run(mut self, broker: Arc<Broker>) {
        let mut stopping = broker.stopping.clone();
        let mut second = tokio::time::interval(SECOND);
        second.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.fleet.ended.load(Ordering::Relaxed) {
            let fleet = self.fleet.clone();
            self.log.notify(&fleet.wake);
            self.catch_up(&broker);
            self.conduct(&broker).await;
            tokio::select! {
                biased;
                () = stopping.wait() => return,
                _ = second.tick() => self.measure(),
                () = fleet.wake.notified() => {}
            }
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn catch_up(&mut self, broker: &Broker) {
        let read = broker.heavy.run(|| self.read());
        if let (Err(why), false) = (&read, self.unread) {
            warn!(topic = self.fleet.name, "a config topic cannot be read: {why:?}");
        }
        self.unread = read.is_err();
    }

    fn read(&mut self) -> Result<(), ReadError> {
        let now_ms = self.now_ms();
        let (fleet, mut control_changed) = (&self.fleet, false);
        let read = self.log.read(&mut |side, found| {
            let mut state = fleet.state.write().unwrap_or_else(PoisonError::into_inner);
            control_changed |= matches!(take(&mut state, side, found), Changed::Plain);
        });
        if control_changed {
            self.machine.measure_anew();
        }
        read?;
        let Some((log, at)) = &mut self.reports else { return Ok(()) };
        let instances = &mut self.instances;
        let end = log.offsets().high_watermark;
        internal_log::read(log, at, end, ReadUpTo::HighWatermark, &mut |found| hear(instances, &found, now_ms))
    }

    /// Takes what was reported in the last second. Also while nothing is tried: what was done before a rollout began neither
    /// counts in it nor piles up.
    fn measure(&mut self) {
        let (arms, now_ms) = (self.arms(), self.now_ms());
        let (control, canaries) = self.instances.take(&arms, now_ms);
        self.machine.observe(&control, canaries);
        let (instances, overflow) = (self.instances.presence(&arms, now_ms), self.instances.overflow);
        self.fleet.show(|shown| (shown.instances, shown.overflow) = (instances, overflow));
    }

    fn arms(&self) -> Vec<(String, Arm)> {
        self.machine.running().map(|(name, _, _, arm)| (name.to_owned(), arm)).collect()
    }

    async fn conduct(&mut self, broker: &Broker) {
        conduct(self, broker).await;
        let rollouts = self.machine.statuses(&self.fleet.state());
        self.fleet.show(|shown| shown.rollouts = rollouts);
    }

    fn approved(&self, decision: &Decision, tried: &Tried) -> Record {
        let standing = self.fleet.state().plain().get(&tried.setting).map_or(0, |standing| standing.version);
        let value = SettingValue {
            v: FORMAT,
            value: tried.value.clone(),
            version: standing + 1,
            time: Timestamp::now(),
            author: decision.author(),
            reason: Some(decision.why.clone()),
            topic_id: None,
            rollout: Some(decision.name.clone()),
        };
        Record::Plain(PlainKey { setting: tried.setting.clone() }, Some(value))
    }
}

impl Owns for Owner {
    fn topic(&self) -> &str {
        &self.fleet.name
    }

    fn next_command(&mut self, _broker: &Broker) -> Option<Command> {
        let fleet = self.fleet.clone();
        let state = fleet.state();
        self.machine.next(&state, &check_rollout)
    }

    fn standing(&self, name: &str) -> Option<Standing> {
        self.fleet.state().rollout(name).cloned()
    }

    fn approved_values(&self, _broker: &Broker, decision: &Decision, rollout: &Rollout) -> Vec<Record> {
        rollout.changes.iter().map(|tried| self.approved(decision, tried)).collect()
    }

    async fn keep(&mut self, broker: &Broker, side: Side, records: &[Record]) -> Result<(), NotKept> {
        let appended = self.log.append(side, records, broker.now_ms())?;
        let durable = appended.commit.durable().await;
        self.catch_up(broker);
        Ok(durable?)
    }
}

/// Takes what stands in the report partition; what is no report was refused when it was produced.
fn hear(instances: &mut Instances, found: &Found, now_ms: u64) {
    let Found::Record { key, value, .. } = found else { return };
    let Ok(id) = report::id(*key) else { return };
    match value.map(report::parse) {
        Some(Ok(report)) => instances.reported(id, Some(&report), now_ms),
        None => instances.reported(id, None, now_ms),
        Some(Err(_)) => {}
    }
}
