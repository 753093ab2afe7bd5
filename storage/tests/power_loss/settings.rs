//! Settings under which much happens soon.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use catena_storage::{AcksAll, CleanerOptions, CleanupPolicy, CommitStrategy, LogConfig, LogConfigs, StorageOptions};
use rand::RngExt;
use rand::rngs::StdRng;

use super::model::Kind;

/// How often the stores are looked after, and what can be compacted is looked for.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(5);
const COMPACT: &str = "compact";
const MEMORY: &str = "memory";

/// How partitions are committed: all three strategies side by side, each of which goes round the partitions.
#[derive(Debug, Clone, Default)]
pub struct Strategies(Arc<AtomicU32>);

impl Strategies {
    /// From now on every partition has another one.
    pub fn turn(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn of(&self, index: u32) -> CommitStrategy {
        let all = [CommitStrategy::Auto, CommitStrategy::Direct, CommitStrategy::Journal];
        all[(index + self.0.load(Ordering::Relaxed)) as usize % all.len()]
    }
}

/// Of a broker with topics of these kinds.
pub fn of_broker(kinds: &[Kind], strategies: &Strategies, dice: &mut StdRng) -> StorageOptions {
    StorageOptions {
        journal_segment_bytes: 4096 * dice.random_range(2..16),
        log_config: log_configs(log_defaults(dice), strategies.clone()),
        look_interval: LOOK_INTERVAL,
        cleaner: cleaner(kinds.iter().any(|kind| kind.is_compacted)),
        ..StorageOptions::default()
    }
}

/// Of a topic.
pub fn of_topic(kind: Kind) -> BTreeMap<String, String> {
    let wanted = [(COMPACT, kind.is_compacted), (MEMORY, kind.is_memory)];
    wanted.iter().filter(|(_, wanted)| *wanted).map(|(name, _)| (name.to_string(), String::new())).collect()
}

fn log_defaults(dice: &mut StdRng) -> LogConfig {
    LogConfig {
        segment_bytes: dice.random_range(5_000..40_000),
        index_interval_bytes: dice.random_range(100..4_000),
        max_message_bytes: 1 << 20,
        timestamp_after_max_ms: i64::MAX,
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: 0,
        file_delete_delay_ms: 0,
        flush_messages: if dice.random_bool(0.5) { i64::MAX } else { 10 },
        ..LogConfig::default()
    }
}

fn cleaner(enabled: bool) -> CleanerOptions {
    let dedupe_buffer_bytes = 1 << 16;
    CleanerOptions { enabled, dedupe_buffer_bytes, backoff: LOOK_INTERVAL, ..CleanerOptions::default() }
}

fn log_configs(defaults: LogConfig, strategies: Strategies) -> LogConfigs {
    LogConfigs::new(move |partition| {
        let config = log_config(partition.configs, &defaults);
        Arc::new(LogConfig { commit_strategy: strategies.of(partition.index), ..config })
    })
}

/// What the settings of a topic mean.
fn log_config(configs: &BTreeMap<String, String>, defaults: &LogConfig) -> LogConfig {
    let mut config = defaults.clone();
    if configs.contains_key(COMPACT) {
        // Deleted by nobody but an operator: there is no limit.
        config.cleanup = CleanupPolicy { compact: true, delete: true };
        config.retention_ms = None;
    }
    if configs.contains_key(MEMORY) {
        config.acks_all = AcksAll::Memory;
    }
    config
}
