//! From settings that are in force to the parts that run by them.
//!
//! What must always hold: when `put_in_place` returns, every part runs by the new settings, and what waited because of the old ones waits by
//! the new ones. Settings that are looked up where they are used (from `Live`, or a request's context) need nothing here.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use catena_storage::Storage;
use tracing::{error, warn};

use crate::broker::Broker;
use crate::config::live::Current;
use crate::config::{Config, NetConfig};
use crate::net::admission::Quotas;
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
        broker.admission.set(quotas(&config.net));
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

/// How many connections there may be. A host that has no address now has no limit of its own. Blocking where a host has a name.
pub fn quotas(net: &NetConfig) -> Quotas {
    let overrides = net.connections_per_ip_overrides.iter().flat_map(|(host, limit)| {
        let addresses = addresses(host);
        addresses.into_iter().map(|address| (address.to_canonical(), *limit))
    });
    Quotas {
        connections_max: net.connections_max,
        per_ip_max: net.connections_per_ip_max,
        overrides: overrides.collect::<HashMap<_, _>>(),
        rate_max: net.connection_rate_max,
    }
}

fn addresses(host: &str) -> Vec<IpAddr> {
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    match (host, 0).to_socket_addrs() {
        Ok(found) => found.map(|address| address.ip()).collect(),
        Err(why) => {
            warn!(host, "a host in max.connections.per.ip.overrides has no address: {why}");
            Vec::new()
        }
    }
}
