//! With which settings each partition's log runs.
//!
//! What must always hold: it is a function of what is in force, of what the topic was created with and given since, and of the
//! arm that the partition is in; nobody else gives a log its settings.

use std::sync::Arc;

use catena_storage::{CleanupPolicy, LogConfig, LogConfigs, PartitionOf};

use crate::config::layers::overlay;
use crate::config::live::Live;
use crate::config::topic::{is_config_topic, log_config};
use crate::control::Known;
use crate::fleet;
use crate::rollout::arms::{Trials, TriedArm, Unit, place_of_partition};

/// How long reports of fleets are kept, milliseconds: a day.
const REPORTS_KEPT_MS: i64 = 86_400_000;

/// The function, as storage asks it.
pub fn log_configs(live: Live, known: Arc<Known>) -> LogConfigs {
    LogConfigs::new(move |partition| of_partition(&live, &known, partition))
}

fn of_partition(live: &Live, known: &Known, partition: &PartitionOf<'_>) -> Arc<LogConfig> {
    let current = live.current();
    let mut configs = known.topic_configs(partition.topic, partition.topic_id, partition.configs);
    let arm = current.trials.as_ref().and_then(|trials| arm_of(trials, partition));
    for (setting, value) in arm.and_then(|arm| arm.topics.get(partition.topic)).into_iter().flatten() {
        overlay(&mut configs, setting, value.as_deref());
    }
    let defaults = &arm.map_or(&current.config, |arm| &arm.config).log;
    if configs.is_empty() {
        return defaults.clone();
    }
    let config = log_config(&configs, defaults);
    Arc::new(if is_config_topic(&configs) && partition.index == fleet::REPORTS { of_reports(config) } else { config })
}

/// Reports are read when they come; nobody needs the last one of each process for ever.
fn of_reports(config: LogConfig) -> LogConfig {
    LogConfig { cleanup: CleanupPolicy::DELETE, retention_ms: Some(REPORTS_KEPT_MS), ..config }
}

fn arm_of<'a>(trials: &'a Trials, partition: &PartitionOf<'_>) -> Option<&'a TriedArm> {
    (trials.unit == Unit::Partition).then(|| trials.arm(place_of_partition(partition.topic, partition.index))).flatten()
}
