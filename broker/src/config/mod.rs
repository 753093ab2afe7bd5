//! The broker's configuration: one table of settings, read once, resolved into typed values.
//!
//! What must always hold:
//! - A setting is defined in one line of the table (`broker_settings.tsv`, `topic_settings.tsv`,
//!   `group_settings.tsv`): name, type, default,
//!   bounds, when a change takes effect, whether Catena obeys it, and what it means. `docs/settings.md` is made of it.
//! - Parsed is not resolved: `Settings` holds checked texts, `Config` what the code needs. Whoever holds a `Config` need
//!   not check a value again.
//! - Names, types, bounds and defaults are Apache Kafka 4.4's. Catena's own defaults are `listeners` (loopback only),
//!   `log.dir` and `node.id`, so that it starts without a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use catena_storage::{CleanerOptions, ColdStrategy, LogConfig, ProducerLimits};

pub mod bounds;
pub mod change;
pub mod definition;
pub mod describe;
#[cfg(test)]
mod docs;
pub mod error;
pub mod layers;
pub mod listeners;
pub mod live;
pub mod log;
pub mod properties;
pub mod record;
pub(crate) mod resolve;
pub mod resource;
pub mod server_assigned;
pub mod settings;
pub mod state;
pub mod table;
#[cfg(test)]
mod tests;
pub mod topic;
pub mod topic_values;
pub mod value;

pub use error::{ConfigError, InvalidValue, Warning};
pub use listeners::{Endpoint, Listener};
pub use server_assigned::ServerAssigned;
pub use settings::Settings;

/// What the broker runs with.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Id of this broker (`node.id`).
    pub node_id: i32,
    /// Rack of this broker (`broker.rack`).
    pub rack: Option<String>,
    /// Where to listen and what to advertise; at least one.
    pub listeners: Vec<Listener>,
    /// The directories that hold the data, a store in each; at least one, none twice (`log.dirs`, else `log.dir`).
    pub data_dirs: Vec<PathBuf>,
    /// Those of them that get no new partitions (`cordoned.log.dirs`).
    pub cordoned_dirs: Vec<PathBuf>,
    /// Size of one journal file (`catena.journal.segment.bytes`).
    pub journal_segment_bytes: u64,
    /// How fast partitions are copied to another directory (`catena.move.max.bytes.per.second`).
    pub move_bytes_per_second_max: f64,
    /// Where metrics are served (`catena.metrics.listener`), as `host:port`.
    pub metrics_listener: Option<String>,
    /// Limits of the network layer.
    pub net: NetConfig,
    /// Topics that are created without saying how.
    pub topics: TopicDefaults,
    /// Limits of fetching.
    pub fetch: FetchConfig,
    /// Limits of groups, and their internal topic.
    pub groups: GroupConfig,
    /// How often retention looks at the logs (`log.retention.check.interval.ms`).
    pub retention_check_interval: Duration,
    /// Compaction (`log.cleaner.*`).
    pub cleaner: CleanerOptions,
    /// Limits of idempotent producers.
    pub producers: ProducerLimits,
    /// Log settings of topics that set nothing themselves.
    pub log: Arc<LogConfig>,
    /// The settings behind all this, for describing them.
    pub settings: Settings,
}

/// Limits of the network layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetConfig {
    /// Largest frame after its length field (`socket.request.max.bytes`).
    pub request_bytes_max: usize,
    /// `SO_SNDBUF` (`socket.send.buffer.bytes`); `None` leaves it to the system.
    pub send_buffer_bytes: Option<usize>,
    /// `SO_RCVBUF` (`socket.receive.buffer.bytes`); `None` leaves it to the system.
    pub receive_buffer_bytes: Option<usize>,
    /// Connections that may wait to be accepted (`socket.listen.backlog.size`).
    pub listen_backlog: u32,
    /// A connection idle for so long is closed (`connections.max.idle.ms`); `None` means never.
    pub connection_idle_max: Option<Duration>,
    /// Connections in all (`max.connections`).
    pub connections_max: usize,
    /// Connections from one address (`max.connections.per.ip`).
    pub connections_per_ip_max: usize,
    /// The same for some hosts or addresses (`max.connections.per.ip.overrides`).
    pub connections_per_ip_overrides: BTreeMap<String, usize>,
    /// Connections accepted per second (`max.connection.creation.rate`).
    pub connection_rate_max: u32,
}

/// Topics that are created without saying how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub num_partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
    /// `auto.create.topics.enable`.
    pub auto_create: bool,
    /// `delete.topic.enable`.
    pub deletion_enabled: bool,
    /// Most partitions in one DescribeTopicPartitions response (`max.request.partition.size.limit`).
    pub described_partitions_max: usize,
}

/// Limits of fetching.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchConfig {
    /// Most record bytes in one response (`fetch.max.bytes`).
    pub response_bytes_max: usize,
    /// Threads that read from the disk for consumers (`catena.cold.read.threads`).
    pub cold_threads: usize,
    /// Memory for what they have read (`catena.cold.read.buffer.bytes`).
    pub cold_buffer_bytes: usize,
    /// How they read (`catena.cold.read.max.bytes`, `catena.cold.read.ahead.bytes`).
    pub cold: ColdStrategy,
    /// Sessions kept (`max.incremental.fetch.session.cache.slots`).
    pub session_slots: usize,
}

/// Limits of groups, and their internal topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConfig {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max: Duration,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// `group.max.size`.
    pub members_max: usize,
    /// `offset.metadata.max.bytes`.
    pub offset_metadata_bytes_max: usize,
    /// `offsets.retention.minutes`.
    pub offsets_retention: Duration,
    /// `offsets.retention.check.interval.ms`.
    pub offsets_retention_check_interval: Duration,
    /// `offsets.topic.num.partitions`.
    pub offsets_topic_partitions: i32,
    /// `offsets.topic.segment.bytes`.
    pub offsets_topic_segment_bytes: i32,
    /// Settings of consumer groups.
    pub consumer: ServerAssigned,
    /// Settings of share groups.
    pub share: ServerAssigned,
    /// `group.consumer.assignors`, the first for members that name none.
    pub consumer_assignors: Vec<String>,
    /// `group.consumer.migration.policy`, in small letters.
    pub migration_policy: String,
    /// `group.coordinator.rebalance.protocols`.
    pub protocols: Vec<String>,
}

/// A configuration, and what should be said about it.
#[derive(Debug)]
pub struct Loaded {
    /// What the broker runs with.
    pub config: Config,
    /// Settings that have no effect.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads Kafka's `server.properties`, if a file is given, and `name=value` overrides, and resolves them.
    ///
    /// # Errors
    /// The first thing that makes a start impossible; its text names setting, value and reason.
    pub fn load(file: Option<&Path>, overrides: &[String]) -> Result<Loaded, ConfigError> {
        let (settings, mut warnings) = Settings::read(file, overrides)?;
        let (config, more) = resolve::resolve(settings)?;
        warnings.extend(more);
        Ok(Loaded { config, warnings })
    }
}
