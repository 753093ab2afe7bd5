//! From checked texts to the values that the code needs.
//!
//! What must always hold: every setting that the table calls honoured is read here or in `listeners` and `topic`; a
//! combination of settings that cannot work ends here with the setting at fault, not later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catena_storage::{CleanerOptions, ColdStrategy, ProducerLimits};

use crate::config::bounds::list_items;
use crate::config::error::{ConfigError, Warning};
use crate::config::server_assigned::ServerAssigned;
use crate::config::settings::{Settings, definition};
use crate::config::{Config, FetchConfig, GroupConfig, NetConfig, TopicDefaults, listeners, topic, value};

const CONSUMER_ASSIGNORS: [&str; 2] = ["uniform", "range"];
const DEDUPE_BUFFER: &str = "log.cleaner.dedupe.buffer.size";
const LOAD_FACTOR: &str = "log.cleaner.io.buffer.load.factor";
const PER_IP_OVERRIDES: &str = "max.connections.per.ip.overrides";
/// Memory that a key takes, bytes.
const DEDUPE_BYTES_PER_KEY: u64 = 24;
/// More threads than any system should be asked for.
const CLEANERS_MAX: usize = 1024;
/// Each cleaner has more memory for keys than this, bytes.
const DEDUPE_BYTES_MIN: u64 = 1 << 20;

/// Resolves everything.
pub fn resolve(settings: Settings) -> Result<(Config, Vec<Warning>), ConfigError> {
    let (listeners, warnings) = listeners::resolve(&settings)?;
    let data_dirs = data_dirs(&settings)?;
    check_idle_time(&settings)?;
    let config = Config {
        node_id: node_id(&settings)?,
        rack: settings.text("broker.rack")?.map(str::to_owned),
        listeners,
        cordoned_dirs: cordoned_dirs(&settings, &data_dirs)?,
        data_dirs,
        journal_segment_bytes: settings.number("catena.journal.segment.bytes")?,
        move_bytes_per_second_max: settings.number("catena.move.max.bytes.per.second")?,
        metrics_listener: settings.text("catena.metrics.listener")?.map(str::to_owned),
        net: net(&settings)?,
        topics: topics(&settings)?,
        fetch: FetchConfig {
            response_bytes_max: settings.number("fetch.max.bytes")?,
            cold_threads: settings.number("catena.cold.read.threads")?,
            cold_buffer_bytes: settings.number("catena.cold.read.buffer.bytes")?,
            cold: ColdStrategy {
                bytes_max: settings.number("catena.cold.read.max.bytes")?,
                ahead_bytes: settings.number("catena.cold.read.ahead.bytes")?,
            },
            session_slots: settings.number("max.incremental.fetch.session.cache.slots")?,
        },
        groups: groups(&settings)?,
        retention_check_interval: millis(&settings, "log.retention.check.interval.ms")?,
        cleaner: cleaner(&settings)?,
        producers: ProducerLimits {
            check_interval_ms: settings.number("producer.id.expiration.check.interval.ms")?,
            held_max: settings.number("catena.producer.ids.max")?,
        },
        log: topic::log_defaults(&settings)?.into(),
        settings,
    };
    Ok((config, warnings))
}

fn node_id(settings: &Settings) -> Result<i32, ConfigError> {
    let node_id = settings.number("node.id")?;
    let broker_id = settings.number("broker.id")?;
    if settings.given("node.id").is_none() && broker_id >= 0 {
        return Ok(broker_id);
    }
    if broker_id >= 0 && broker_id != node_id {
        return Err(refuse(settings, "broker.id", "`node.id` and `broker.id` must be set to the same value")?);
    }
    Ok(node_id)
}

/// Each directory is a store; in the order given.
fn data_dirs(settings: &Settings) -> Result<Vec<PathBuf>, ConfigError> {
    let name = if settings.given("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
    let directories = paths(settings, name)?;
    if directories.is_empty() {
        return Err(refuse(settings, name, "must not be empty")?);
    }
    let twice = |at: usize| directories[..at].contains(&directories[at]);
    if (1..directories.len()).any(twice) {
        return Err(refuse(settings, name, "must not name a directory twice")?);
    }
    Ok(directories)
}

/// The directories that get no new partitions (KIP-1066); `*` means all.
fn cordoned_dirs(settings: &Settings, all: &[PathBuf]) -> Result<Vec<PathBuf>, ConfigError> {
    const NAME: &str = "cordoned.log.dirs";
    let cordoned = paths(settings, NAME)?;
    if cordoned == [Path::new("*")] {
        return Ok(all.to_vec());
    }
    if cordoned.iter().any(|directory| !all.contains(directory)) {
        return Err(refuse(settings, NAME, "All entries in cordoned.log.dirs must be present in log.dirs or log.dir")?);
    }
    Ok(cordoned)
}

fn paths(settings: &Settings, name: &'static str) -> Result<Vec<PathBuf>, ConfigError> {
    Ok(list_items(settings.text(name)?.unwrap_or_default()).map(PathBuf::from).collect())
}

fn net(settings: &Settings) -> Result<NetConfig, ConfigError> {
    Ok(NetConfig {
        request_bytes_max: settings.number("socket.request.max.bytes")?,
        send_buffer_bytes: usize::try_from(settings.number::<i32>("socket.send.buffer.bytes")?).ok(),
        receive_buffer_bytes: usize::try_from(settings.number::<i32>("socket.receive.buffer.bytes")?).ok(),
        listen_backlog: settings.number("socket.listen.backlog.size")?,
        connection_idle_max: u64::try_from(settings.number::<i64>("connections.max.idle.ms")?)
            .ok()
            .map(Duration::from_millis),
        connections_max: settings.number("max.connections")?,
        connections_per_ip_max: connections_per_ip(settings)?,
        connections_per_ip_overrides: per_ip_overrides(settings)?,
        connection_rate_max: settings.number("max.connection.creation.rate")?,
    })
}

/// As `KafkaConfig.validateValues`: it also keeps a broker from closing every connection at once.
fn check_idle_time(settings: &Settings) -> Result<(), ConfigError> {
    const NAME: &str = "connections.max.idle.ms";
    let (idle_ms, delay_ms): (i64, i64) =
        (settings.number(NAME)?, settings.number("connection.failed.authentication.delay.ms")?);
    if idle_ms < 0 || delay_ms < idle_ms {
        return Ok(());
    }
    let reason = format!(
        "connection.failed.authentication.delay.ms={delay_ms} should always be less than {NAME}={idle_ms} \
         to prevent failed authentication responses from timing out"
    );
    Err(refuse(settings, NAME, &reason)?)
}

/// As `KafkaConfig.validateValues`.
fn connections_per_ip(settings: &Settings) -> Result<usize, ConfigError> {
    const NAME: &str = "max.connections.per.ip";
    match settings.number(NAME)? {
        0 if settings.text(PER_IP_OVERRIDES)?.is_none_or(str::is_empty) => Err(refuse(
            settings,
            NAME,
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
        )?),
        connections => Ok(connections),
    }
}

/// `host:connections`, as `Csv.parseCsvMap` has it: the last colon counts, and the last item of a host. Less than nothing is nothing.
fn per_ip_overrides(settings: &Settings) -> Result<BTreeMap<String, usize>, ConfigError> {
    let mut overrides = BTreeMap::new();
    for item in list_items(settings.text(PER_IP_OVERRIDES)?.unwrap_or_default()) {
        let limit = item.rsplit_once(':').and_then(|(host, limit)| Some((host, limit.trim().parse::<i32>().ok()?)));
        let Some((host, limit)) = limit else {
            return Err(refuse(settings, PER_IP_OVERRIDES, "every item must be of the form host:connections")?);
        };
        let host = host.trim();
        if !host.chars().all(|c| c.is_ascii_alphanumeric() || "-%._:".contains(c)) {
            let reason = format!("max.connections.per.ip.overrides contains invalid addresses : {host}");
            return Err(refuse(settings, PER_IP_OVERRIDES, &reason)?);
        }
        overrides.insert(host.to_owned(), usize::try_from(limit).unwrap_or(0));
    }
    Ok(overrides)
}

fn topics(settings: &Settings) -> Result<TopicDefaults, ConfigError> {
    Ok(TopicDefaults {
        num_partitions: settings.number("num.partitions")?,
        replication_factor: replication_factor(settings)?,
        auto_create: settings.flag("auto.create.topics.enable")?,
        deletion_enabled: settings.flag("delete.topic.enable")?,
        described_partitions_max: settings.number("max.request.partition.size.limit")?,
    })
}

/// Kafka leaves this without bounds and refuses each topic; here a start says what is wrong.
fn replication_factor(settings: &Settings) -> Result<i16, ConfigError> {
    let factor: i32 = settings.number("default.replication.factor")?;
    match i16::try_from(factor) {
        Ok(factor) if factor > 0 => Ok(factor),
        _ => Err(refuse(settings, "default.replication.factor", "Value must be at least 1 and at most 32767")?),
    }
}

fn groups(settings: &Settings) -> Result<GroupConfig, ConfigError> {
    let minutes: u64 = settings.number("offsets.retention.minutes")?;
    let config = GroupConfig {
        session_timeout_min: millis(settings, "group.min.session.timeout.ms")?,
        session_timeout_max: millis(settings, "group.max.session.timeout.ms")?,
        initial_rebalance_delay: millis(settings, "group.initial.rebalance.delay.ms")?,
        members_max: settings.number("group.max.size")?,
        offset_metadata_bytes_max: size(settings, "offset.metadata.max.bytes")?,
        offsets_retention: Duration::from_secs(minutes * 60),
        offsets_retention_check_interval: millis(settings, "offsets.retention.check.interval.ms")?,
        offsets_topic_partitions: settings.number("offsets.topic.num.partitions")?,
        offsets_topic_segment_bytes: settings.number("offsets.topic.segment.bytes")?,
        consumer: ServerAssigned::consumer(settings)?,
        share: ServerAssigned::share(settings)?,
        consumer_assignors: assignors(settings)?,
        migration_policy: settings.text("group.consumer.migration.policy")?.unwrap_or_default().to_ascii_lowercase(),
        protocols: texts(settings, "group.coordinator.rebalance.protocols")?,
    };
    if config.session_timeout_max < config.session_timeout_min {
        return Err(refuse(
            settings,
            "group.max.session.timeout.ms",
            "must not be below group.min.session.timeout.ms",
        )?);
    }
    Ok(config)
}

fn texts(settings: &Settings, name: &'static str) -> Result<Vec<String>, ConfigError> {
    Ok(list_items(settings.text(name)?.unwrap_or_default()).map(str::to_owned).collect())
}

/// Kafka takes names of classes too; there are none here.
fn assignors(settings: &Settings) -> Result<Vec<String>, ConfigError> {
    const NAME: &str = "group.consumer.assignors";
    let names = texts(settings, NAME)?;
    if names.is_empty() || names.iter().any(|name| !CONSUMER_ASSIGNORS.contains(&name.as_str())) {
        return Err(refuse(settings, NAME, "must name at least one of uniform and range, and nothing else")?);
    }
    Ok(names)
}

fn cleaner(settings: &Settings) -> Result<CleanerOptions, ConfigError> {
    let options = CleanerOptions {
        enabled: settings.flag("log.cleaner.enable")?,
        threads: settings.number("log.cleaner.threads")?,
        dedupe_buffer_bytes: size(settings, DEDUPE_BUFFER)? as u64,
        dedupe_load_factor: settings.number("log.cleaner.io.buffer.load.factor")?,
        io_buffer_bytes: size(settings, "log.cleaner.io.buffer.size")?,
        bytes_per_second_max: settings.number("log.cleaner.io.max.bytes.per.second")?,
        backoff: millis(settings, "log.cleaner.backoff.ms")?,
    };
    // As `KafkaConfig.validateValues`, which divides by the number of threads.
    let bytes = options.dedupe_buffer_bytes / (options.threads as u64).max(1);
    if bytes <= DEDUPE_BYTES_MIN || options.threads == 0 {
        return Err(refuse(settings, DEDUPE_BUFFER, "must be at least 1MB per cleaner thread.")?);
    }
    if options.threads > CLEANERS_MAX {
        return Err(refuse(settings, "log.cleaner.threads", &format!("Value must be no more than {CLEANERS_MAX}"))?);
    }
    // Without room for a key no log could ever be compacted again.
    let keys = (bytes / DEDUPE_BYTES_PER_KEY) as f64 * options.dedupe_load_factor;
    if keys.is_nan() || keys < 1.0 || options.dedupe_load_factor > 1.0 {
        return Err(refuse(settings, LOAD_FACTOR, "Value must be above 0, by a key at least, and no more than 1")?);
    }
    Ok(options)
}

/// A time for which the table has no lower bound; negative is refused here.
fn millis(settings: &Settings, name: &'static str) -> Result<Duration, ConfigError> {
    match u64::try_from(settings.number::<i64>(name)?) {
        Ok(millis) => Ok(Duration::from_millis(millis)),
        Err(_) => Err(refuse(settings, name, "Value must be at least 0")?),
    }
}

/// A size for which the table has no lower bound; negative is refused here.
fn size(settings: &Settings, name: &'static str) -> Result<usize, ConfigError> {
    match usize::try_from(settings.number::<i64>(name)?) {
        Ok(count) => Ok(count),
        Err(_) => Err(refuse(settings, name, "Value must be at least 0")?),
    }
}

/// Why a value is refused.
pub fn refuse(settings: &Settings, name: &'static str, reason: &str) -> Result<ConfigError, ConfigError> {
    let definition = definition(name)?;
    Ok(value::invalid(definition, settings.effective(definition).unwrap_or("null"), reason).into())
}
