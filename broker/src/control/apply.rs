//! From settings that are in force to the parts that run by them.
//!
//! What must always hold: when `put_in_place` returns, every part runs by the new settings, and what waited because of the old ones waits by
//! the new ones. Settings that are looked up where they are used (from `Live`, or a request's context) need nothing here.

use std::sync::Arc;

use catena_storage::Storage;
use tracing::error;

use crate::broker::Broker;
use crate::config::Config;
use crate::config::live::Current;
use crate::rollout::arms::Unit;

/// Lets `new` run instead of what runs now. To be called by one at a time.
pub fn put_in_place(broker: &Broker, new: Current) {
    let (old, config) = (broker.live.current(), new.config.clone());
    let same_logs = old.config.log == config.log && tries_same_partitions(&old, &new);
    broker.live.replace(new);
    if !same_logs {
        broker.storage.refresh_log_configs();
    }
    apply_to_storage(&broker.storage, &old.config, &config);
    if old.config.net != config.net {
        broker.admission.set((&config.net).into());
    }
    broker.fetch_sessions.set_slots(config.fetch.session_slots);
    broker.groups.settings_changed();
}

/// Whether both try the same with the same partitions.
fn tries_same_partitions(one: &Current, other: &Current) -> bool {
    let partitions = |current: &Current| current.trials.clone().filter(|trials| trials.unit == Unit::Partition);
    match (partitions(one), partitions(other)) {
        (Some(one), Some(other)) => Arc::ptr_eq(&one, &other),
        (None, None) => true,
        _ => false,
    }
}

/// What the storage does by settings of its own, for all partitions together.
pub fn apply_to_storage(storage: &Storage, old: &Config, new: &Config) {
    if old.cordoned_dirs != new.cordoned_dirs {
        storage.set_cordoned(new.cordoned_dirs.clone());
    }
    if old.retention_check_interval != new.retention_check_interval {
        storage.set_retention_check_interval(new.retention_check_interval);
    }
    if old.move_bytes_per_second_max != new.move_bytes_per_second_max {
        storage.set_move_rate(new.move_bytes_per_second_max);
    }
    if old.cleaner != new.cleaner
        && let Err(why) = storage.set_cleaner(new.cleaner.clone())
    {
        error!("there are fewer cleaners than log.cleaner.threads says: {why}");
    }
}
