//! The table of metrics: name, kind, label, meaning, and where the numbers come from. `docs/metrics.md` is made of it.
//!
//! What must always hold: names follow Prometheus (base units, `_total` for counters); a number is read where it is
//! kept, nothing is counted twice.

use std::path::Path;

use catena_storage::{CleanerStats, StoreStats};

use super::text::Samples;
use crate::broker::Broker;
use crate::dispatch;
use crate::rollout::verdict::MetricJudgement;

/// Metrics of one name.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The label that tells its samples apart; empty if there is one sample.
    pub label: &'static str,
    /// What it means, in one sentence.
    pub help: &'static str,
    /// Writes the samples.
    pub read: fn(&Broker, &mut Samples),
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// It is as it is now.
    Gauge,
    /// Counts by buckets, with sum and count.
    Histogram,
}

/// All metrics, as a page in Prometheus' text format.
pub fn page(broker: &Broker) -> String {
    let mut page = String::new();
    for family in FAMILIES {
        (family.read)(broker, &mut Samples::begin(&mut page, family));
    }
    page
}

macro_rules! families {
    ($($kind:ident $name:literal $([$label:literal])? $help:literal = |$broker:ident, $out:ident| $read:expr;)*) => {
        /// The table.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: $name,
            kind: Kind::$kind,
            label: concat!($($label)?),
            help: $help,
            read: |$broker, $out| $read,
        }),*];
    };
}

families! {
    Histogram "catena_request_seconds" ["api"] "Time from the beginning of a request to its answer, waits asked for by the client included." = |broker, out| requests(broker, out);
    Counter "catena_errors_total" ["code"] "Error codes in responses (Kafka's numbers), each occurrence counted." = |broker, out| errors(broker, out);
    Counter "catena_requests_refused_total" "Requests that closed their connection: not supported, or not decodable." = |broker, out| out.value(broker.metrics.requests_refused.get());
    Counter "catena_received_bytes_total" "Bytes that came from clients." = |broker, out| out.value(broker.metrics.bytes_in.get());
    Counter "catena_sent_bytes_total" "Bytes that went to clients." = |broker, out| out.value(broker.metrics.bytes_out.get());
    Gauge "catena_connections" "Connections that are served." = |broker, out| out.value(broker.metrics.connections_open.get());
    Counter "catena_connections_opened_total" "Connections that were served." = |broker, out| out.value(broker.metrics.connections_opened.get());
    Counter "catena_connections_refused_total" "Connections turned away by `max.connections.per.ip`." = |broker, out| out.value(broker.metrics.connections_refused.get());
    Counter "catena_connections_idle_closed_total" "Connections closed by `connections.max.idle.ms`." = |broker, out| out.value(broker.metrics.connections_idle_closed.get());
    Counter "catena_produced_batches_total" "Partitions' shares of Produce requests that the logs took." = |broker, out| out.value(broker.metrics.produced_batches.get());
    Counter "catena_produced_bytes_total" "Bytes of record batches that the logs took." = |broker, out| out.value(broker.metrics.produced_bytes.get());
    Counter "catena_produced_duplicates_total" "Batches of idempotent producers that were there already." = |broker, out| out.value(broker.metrics.produced_duplicates.get());
    Gauge "catena_producers" "Idempotent producers whose last batches are in memory, counted once for each partition." = |broker, out| out.value(producers(broker));
    Counter "catena_producers_expired_total" "Idempotent producers forgotten because they were silent for `producer.id.expiration.ms`." = |broker, out| out.value(broker.metrics.producers_expired.get());
    Counter "catena_producers_evicted_total" "Idempotent producers forgotten because there were more than `catena.producer.ids.max`." = |broker, out| out.value(broker.metrics.producers_evicted.get());
    Counter "catena_fetched_slices_total" "Runs of record batches of one partition that were sent to consumers." = |broker, out| out.value(broker.metrics.fetched_slices.get());
    Counter "catena_fetched_bytes_total" "Bytes of record batches that were sent to consumers." = |broker, out| out.value(broker.metrics.fetched_bytes.get());
    Gauge "catena_fetches_waiting" "Fetches that wait for records." = |broker, out| out.value(broker.metrics.fetches_waiting.get());
    Gauge "catena_fetch_sessions" "Incremental fetch sessions (KIP-227)." = |broker, out| out.value(broker.fetch_sessions.len());
    Counter "catena_config_changes_total" "Alterations of settings that were written into `__config`." = |broker, out| out.value(broker.metrics.config_changes.get());
    Gauge "catena_config_records" "Settings, rollouts and verdicts that stand in `__config`." = |broker, out| out.value(broker.configs.known().state().len());
    Gauge "catena_config_newer_records" "Records of `__config` in a format that only a newer broker knows." = |broker, out| out.value(broker.configs.known().state().newer);
    Gauge "catena_config_strange_records" "Records of `__config` that mean nothing." = |broker, out| out.value(broker.configs.known().state().strange);
    Gauge "catena_rollouts" ["state"] "Rollouts that are not decided, of the broker and of users' config topics." = |broker, out| rollouts(broker, out);
    Counter "catena_rollouts_approved_total" "Rollouts that were approved." = |broker, out| out.value(broker.metrics.rollouts_approved.get());
    Counter "catena_rollouts_rejected_total" "Rollouts that were rejected." = |broker, out| out.value(broker.metrics.rollouts_rejected.get());
    Gauge "catena_rollout_figure" ["rollout, metric, arm"] "What a rollout compares, in the metric's own measure: percent of requests, microseconds, per second and unit." = |broker, out| arms(broker, out, |metric| [metric.control, metric.canary]);
    Gauge "catena_rollout_samples" ["rollout, metric, arm"] "Requests or events that the figure is of." = |broker, out| arms(broker, out, |metric| [Some(metric.control_samples as f64), Some(metric.canary_samples as f64)]);
    Gauge "catena_fleet_reports_overflow" "Reports of fleets that are not looked at because there are too many processes." = |broker, out| out.value(broker.fleets.all().iter().map(|fleet| fleet.shown().overflow).sum::<u64>());
    Gauge "catena_topics" "Topics, internal ones included." = |broker, out| out.value(broker.storage.topics().len());
    Gauge "catena_partitions" "Partitions of all topics." = |broker, out| out.value(partitions(broker));
    Gauge "catena_broker_epoch" "Starts on this data directory: the leader epoch of all partitions." = |broker, out| out.value(broker.storage.broker_epoch());
    Gauge "catena_groups" "Consumer groups in memory." = |broker, out| out.value(broker.groups.stats().groups);
    Gauge "catena_group_members" "Members of all groups." = |broker, out| out.value(broker.groups.stats().members);
    Counter "catena_group_rebalances_total" "Completed rebalances." = |broker, out| out.value(broker.groups.stats().rebalances);
    Counter "catena_group_expired_members_total" "Members removed because they were silent." = |broker, out| out.value(broker.groups.stats().expired_members);
    Counter "catena_offset_commits_total" "Committed offsets, by partition." = |broker, out| out.value(broker.groups.stats().commits);
    Counter "catena_expired_offsets_total" "Committed offsets removed because they were old." = |broker, out| out.value(broker.groups.stats().expired_offsets);
    Counter "catena_store_commits_total" ["dir"] "Group commits." = |broker, out| stores(broker, out, |store| store.commits);
    Counter "catena_store_journal_commits_total" ["dir"] "Group commits that went through the journal, a slot each (`catena.commit.strategy`)." = |broker, out| stores(broker, out, |store| store.journal_commits);
    Counter "catena_store_direct_commits_total" ["dir"] "Group commits that made segments durable themselves." = |broker, out| stores(broker, out, |store| store.direct_commits);
    Counter "catena_store_journal_bytes_total" ["dir"] "Bytes written to the journal." = |broker, out| stores(broker, out, |store| store.journal_bytes);
    Counter "catena_store_synced_segments_total" ["dir"] "Segments made durable themselves." = |broker, out| stores(broker, out, |store| store.synced_segments);
    Counter "catena_store_synced_bytes_total" ["dir"] "Bytes of record batches that became durable with their segments, without the journal." = |broker, out| stores(broker, out, |store| store.synced_bytes);
    Counter "catena_store_appended_bytes_total" ["dir"] "Bytes appended to partition logs." = |broker, out| stores(broker, out, |store| store.bytes_appended);
    Counter "catena_store_chains_received_total" ["dir"] "Open chains that came from a store that failed or was full." = |broker, out| stores(broker, out, |store| store.chains_received);
    Counter "catena_store_deleted_segments_total" ["dir"] "Segments deleted by retention, by clients, or with their topic; the files go `file.delete.delay.ms` later." = |broker, out| stores(broker, out, |store| store.deleted.segments);
    Gauge "catena_store_deleted_segments_waiting" ["dir"] "Deleted segments whose files are still there." = |broker, out| stores(broker, out, |store| store.deleted.segments_waiting);
    Gauge "catena_store_deleted_bytes_waiting" ["dir"] "Bytes of deleted segments whose files are still there." = |broker, out| stores(broker, out, |store| store.deleted.bytes_waiting);
    Gauge "catena_store_failed" ["dir"] "1 when the store has failed, until it is back; else 0." = |broker, out| stores(broker, out, |store| u64::from(store.failed));
    Gauge "catena_store_full" ["dir"] "1 when the store has too little room for anything new, else 0." = |broker, out| stores(broker, out, |store| u64::from(store.full));
    Gauge "catena_store_available_bytes" ["dir"] "Room on the disk of the store." = |broker, out| stores(broker, out, |store| store.available_bytes);
    Counter "catena_store_cold_reads_total" ["dir"] "Reads that went to the disk or the system's cache instead of mapped memory." = |broker, out| stores(broker, out, |store| store.reads.cold_reads);
    Counter "catena_store_cold_read_bytes_total" ["dir"] "Bytes of record batches that such reads gave." = |broker, out| stores(broker, out, |store| store.reads.cold_bytes);
    Counter "catena_store_read_ahead_bytes_total" ["dir"] "Bytes that the disk was asked for ahead of such reads (`catena.cold.read.ahead.bytes`)." = |broker, out| stores(broker, out, |store| store.reads.ahead_bytes);
    Gauge "catena_store_cold_reads_queued" "Such reads that no thread has begun (`catena.cold.read.threads`)." = |broker, out| out.value(broker.cold_reads.queued());
    Gauge "catena_store_cold_read_buffer_bytes" "Memory for what was read and is not sent yet (`catena.cold.read.buffer.bytes`)." = |broker, out| out.value(broker.cold_reads.buffer_bytes());
    Counter "catena_store_damaged_places_total" ["dir"] "Places in segments where a reader met a damaged record batch, which is not served; the log says where." = |broker, out| stores(broker, out, |store| store.reads.damaged);
    Counter "catena_store_unreadable_places_total" ["dir"] "Places in segments that the disk could not read; the log says where." = |broker, out| stores(broker, out, |store| store.reads.unreadable);
    Counter "catena_cleaner_passes_total" "Passes of compaction over a log that were finished." = |broker, out| out.value(cleaner(broker).passes);
    Counter "catena_cleaner_read_bytes_total" "Bytes of record batches that these passes read." = |broker, out| out.value(cleaner(broker).bytes_read);
    Counter "catena_cleaner_written_bytes_total" "Bytes of record batches that they wrote." = |broker, out| out.value(cleaner(broker).bytes_written);
    Counter "catena_cleaner_keyless_records_total" "Records without a key, dropped from compacted topics." = |broker, out| out.value(cleaner(broker).keyless_records);
    Gauge "catena_cleaner_buffer_utilization_percent" "How full the memory for keys was in the last pass (Kafka's max-buffer-utilization-percent)." = |broker, out| out.value(cleaner(broker).buffer_utilization_percent);
    Gauge "catena_cleaner_recopy_percent" "Bytes the last pass wrote of those it read (cleaner-recopy-percent)." = |broker, out| out.value(cleaner(broker).recopy_percent);
    Gauge "catena_cleaner_clean_seconds" "How long the last pass took (max-clean-time-secs)." = |broker, out| out.value(cleaner(broker).clean_time.as_secs_f64());
    Gauge "catena_cleaner_compaction_delay_seconds" "By how much the log that waits longest is over its max.compaction.lag.ms (max-compaction-delay-secs)." = |broker, out| out.value(cleaner(broker).delay_ms_max / 1000);
    Gauge "catena_cleaner_max_dirty_percent" "The largest share of not yet compacted bytes of all logs (max-dirty-percent)." = |broker, out| out.value(cleaner(broker).dirty_percent_max);
    Gauge "catena_cleaner_uncleanable_partitions" "Logs that cannot be compacted, each named in the log (uncleanable-partitions-count)." = |broker, out| out.value(cleaner(broker).uncleanable_partitions);
    Gauge "catena_cleaner_uncleanable_bytes" "Their bytes (uncleanable-bytes)." = |broker, out| out.value(cleaner(broker).uncleanable_bytes);
    Gauge "catena_cleaner_idle_seconds" "Since a cleaner last looked for work (time-since-last-run-ms)." = |broker, out| out.value(cleaner(broker).since_last_run.unwrap_or_default().as_secs_f64());
}

/// Rollouts in a state: those of the broker, and those of users' config topics.
fn rollouts(broker: &Broker, out: &mut Samples) {
    let mut statuses = broker.configs.known().rollouts();
    statuses.extend(broker.fleets.all().iter().flat_map(|fleet| fleet.shown().rollouts));
    for state in ["waiting", "running", "paused", "ending"] {
        out.labelled(state, statuses.iter().filter(|found| found.status == state).count());
    }
}

/// What the arms of each rollout of the broker did: `number` of control and canary.
fn arms(broker: &Broker, out: &mut Samples, number: impl Fn(&MetricJudgement) -> [Option<f64>; 2]) {
    for status in broker.configs.known().rollouts() {
        for metric in status.figures.iter().flat_map(|figures| &figures.metrics) {
            let name = metric.api.as_ref().map_or(metric.metric.clone(), |api| format!("{} of {api}", metric.metric));
            for (arm, value) in ["control", "canary"].into_iter().zip(number(metric)) {
                value.inspect(|value| out.labelled_by(&[&status.rollout, &name, arm], value));
            }
        }
    }
}

fn cleaner(broker: &Broker) -> CleanerStats {
    broker.storage.cleaner_stats()
}

fn producers(broker: &Broker) -> u64 {
    let topics = broker.storage.topics();
    topics.iter().flat_map(|topic| &topic.partitions).map(|log| log.producers_held() as u64).sum()
}

fn requests(broker: &Broker, out: &mut Samples) {
    for (key, name) in dispatch::names() {
        if let Some(latency) = broker.metrics.requests(key) {
            out.latency(name, latency);
        }
    }
}

fn errors(broker: &Broker, out: &mut Samples) {
    broker.metrics.errors().for_each(|(code, count)| out.labelled(code, count));
}

fn stores(broker: &Broker, out: &mut Samples, number: impl Fn(&StoreStats) -> u64) {
    broker.storage.stats().iter().for_each(|store| out.labelled(escaped(&store.dir), number(store)));
}

/// A path as the value of a label.
fn escaped(dir: &Path) -> String {
    dir.display().to_string().replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn partitions(broker: &Broker) -> usize {
    broker.storage.topics().iter().map(|topic| topic.partitions.len()).sum()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_prometheus_names_and_each_is_there_once() {
        let names: BTreeSet<_> = FAMILIES.iter().map(|family| family.name).collect();
        assert_eq!(names.len(), FAMILIES.len());
        for family in FAMILIES {
            assert!(family.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(family.help.ends_with('.') && !family.help.contains(['\n', '\\']), "{}", family.help);
        }
    }
}
