//! Settings that change while the broker runs: what each changes, seen from outside.
//!
//! What must always hold: every setting that the table calls honoured and that takes effect at once has a test here, or one that is named in
//! `ELSEWHERE`.

mod compaction;
mod connections;
mod consumers;
mod fetch;
mod groups;
mod logs;
mod places;
mod producers;
mod retention;
mod scene;
#[path = "../serving/support.rs"]
#[allow(dead_code)]
mod support;
mod topics;

use std::collections::BTreeSet;
use std::path::Path;

use catena_broker::config::definition::{Definition, Support};
use catena_broker::config::table;

use scene::Setting;

/// A test for each line: what is seen, the broker's settings that change it, the topics' settings that do.
macro_rules! effects {
    ($($test:ident: $effect:path, [$($broker:literal),*], [$($topic:literal),*];)*) => {
        $(#[test]
        fn $test() {
            let broker: &[&'static str] = &[$($broker),*];
            let topic: &[&'static str] = &[$($topic),*];
            broker.iter().for_each(|name| $effect(Setting::of_broker(name)));
            topic.iter().for_each(|name| $effect(Setting::of_topic(name)));
        })*
        const OF_BROKER: &[&str] = &[$($($broker,)*)*];
        const OF_TOPIC: &[&str] = &[$($($topic,)*)*];
    };
}

effects! {
    large_batches_are_refused: logs::large_batches, ["message.max.bytes"], ["max.message.bytes"];
    large_records_in_a_batch_are_refused:
        logs::large_records, ["max.decompressed.message.bytes"], ["max.decompressed.message.bytes"];
    records_get_the_brokers_time: logs::time, ["log.message.timestamp.type"], ["message.timestamp.type"];
    old_records_are_refused:
        logs::old_records, ["log.message.timestamp.before.max.ms"], ["message.timestamp.before.max.ms"];
    records_of_the_future_are_refused:
        logs::future_records, ["log.message.timestamp.after.max.ms"], ["message.timestamp.after.max.ms"];
    batches_are_compressed: logs::compression, ["compression.type"], ["compression.type"];
    batches_are_compressed_by_gzip_more_or_less:
        logs::gzip, ["compression.gzip.level"], ["compression.gzip.level"];
    batches_are_compressed_by_zstd_more_or_less:
        logs::zstd, ["compression.zstd.level"], ["compression.zstd.level"];
    records_are_acknowledged_in_memory: logs::memory, ["catena.acks.all"], ["catena.acks.all"];
    records_in_memory_are_made_durable_by_number:
        logs::flush_by_number, ["log.flush.interval.messages"], ["flush.messages"];
    records_in_memory_are_made_durable_in_time:
        logs::flush_in_time, ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"], ["flush.ms"];
    commits_wait: logs::commit_delay, ["catena.commit.delay.ms"], ["catena.commit.delay.ms"];
    commits_go_another_way: logs::commit_strategy, ["catena.commit.strategy"], ["catena.commit.strategy"];
    segments_have_another_size: logs::segment_size, ["log.segment.bytes"], ["segment.bytes"];
    segments_are_closed_in_time: logs::segment_time, ["log.roll.ms", "log.roll.hours"], ["segment.ms"];
    segments_are_closed_at_random:
        logs::segment_jitter, ["log.roll.jitter.ms", "log.roll.jitter.hours"], ["segment.jitter.ms"];
    the_index_is_finer: logs::index, ["log.index.interval.bytes"], ["index.interval.bytes"];

    old_records_go:
        retention::by_time, ["log.retention.ms", "log.retention.minutes", "log.retention.hours"], ["retention.ms"];
    too_many_records_go: retention::by_size, ["log.retention.bytes"], ["retention.bytes"];
    records_are_looked_at_more_often: retention::interval, ["log.retention.check.interval.ms"], [];
    files_go_sooner: retention::files, ["log.segment.delete.delay.ms"], ["file.delete.delay.ms"];

    a_log_is_compacted: compaction::policy, ["log.cleanup.policy"], ["cleanup.policy"];
    a_log_that_is_less_dirty_is_compacted:
        compaction::ratio, ["log.cleaner.min.cleanable.ratio"], ["min.cleanable.dirty.ratio"];
    younger_records_are_compacted:
        compaction::min_lag, ["log.cleaner.min.compaction.lag.ms"], ["min.compaction.lag.ms"];
    records_are_compacted_in_time:
        compaction::max_lag, ["log.cleaner.max.compaction.lag.ms"], ["max.compaction.lag.ms"];
    tombstones_go: compaction::tombstones, ["log.cleaner.delete.retention.ms"], ["delete.retention.ms"];
    cleaners_look_more_often: compaction::backoff, ["log.cleaner.backoff.ms"], [];
    cleaners_go_faster: compaction::rate, ["log.cleaner.io.max.bytes.per.second"], [];

    topics_come_by_themselves_or_not: topics::auto_creation, ["auto.create.topics.enable"], [];
    topics_have_another_number_of_partitions: topics::partitions, ["num.partitions"], [];
    topics_have_another_number_of_replicas: topics::replicas, ["default.replication.factor"], [];
    topics_can_be_deleted_or_not: topics::deletion, ["delete.topic.enable"], [];
    descriptions_of_topics_have_another_length: topics::described, ["max.request.partition.size.limit"], [];

    fetched_records_are_fewer: fetch::size, ["fetch.max.bytes"], [];
    reads_from_the_disk_give_less: fetch::cold_size, ["catena.cold.read.max.bytes"], [];
    the_disk_is_not_kept_busy_ahead_of_readers: fetch::ahead, ["catena.cold.read.ahead.bytes"], [];
    sessions_of_fetches_are_fewer: fetch::sessions, ["max.incremental.fetch.session.cache.slots"], [];

    idempotent_producers_are_forgotten_sooner: producers::expiration, ["producer.id.expiration.ms"], [];
    idempotent_producers_are_looked_at_more_often:
        producers::interval, ["producer.id.expiration.check.interval.ms"], [];
    idempotent_producers_are_fewer: producers::number, ["catena.producer.ids.max"], [];

    directories_get_nothing_new: places::cordoned, ["cordoned.log.dirs"], [];
    partitions_move_faster: places::moves, ["catena.move.max.bytes.per.second"], [];

    short_sessions_of_members_are_refused: groups::short_sessions, ["group.min.session.timeout.ms"], [];
    long_sessions_of_members_are_refused: groups::long_sessions, ["group.max.session.timeout.ms"], [];
    new_groups_wait_for_members: groups::delay, ["group.initial.rebalance.delay.ms"], [];
    groups_have_fewer_members: groups::size, ["group.max.size"], [];
    metadata_of_offsets_is_shorter: groups::metadata, ["offset.metadata.max.bytes"], [];
    offsets_are_forgotten_sooner: groups::retention, ["offsets.retention.minutes"], [];
    offsets_are_looked_at_more_often: groups::interval, ["offsets.retention.check.interval.ms"], [];

    consumers_send_heartbeats_more_seldom: consumers::heartbeats, ["group.consumer.heartbeat.interval.ms"], [];
    groups_cannot_have_heartbeats_as_often:
        consumers::least_heartbeats, ["group.consumer.min.heartbeat.interval.ms"], [];
    groups_cannot_have_heartbeats_as_seldom:
        consumers::greatest_heartbeats, ["group.consumer.max.heartbeat.interval.ms"], [];
    silent_consumers_go_sooner: consumers::sessions, ["group.consumer.session.timeout.ms"], [];
    groups_cannot_have_sessions_as_short: consumers::least_sessions, ["group.consumer.min.session.timeout.ms"], [];
    groups_cannot_have_sessions_as_long: consumers::greatest_sessions, ["group.consumer.max.session.timeout.ms"], [];
    new_assignments_wait: consumers::assignments, ["group.consumer.assignment.interval.ms"], [];
    groups_cannot_assign_as_often: consumers::least_assignments, ["group.consumer.min.assignment.interval.ms"], [];
    groups_cannot_assign_as_seldom:
        consumers::greatest_assignments, ["group.consumer.max.assignment.interval.ms"], [];
    consumer_groups_have_fewer_members: consumers::size, ["group.consumer.max.size"], [];
    consumers_have_fewer_assignors: consumers::assignors, ["group.consumer.assignors"], [];
    classic_groups_stay_classic_or_not: consumers::migration, ["group.consumer.migration.policy"], [];
    consumer_groups_can_be_joined_or_not: consumers::protocols, ["group.coordinator.rebalance.protocols"], [];

    silent_connections_are_closed_sooner: connections::idle, ["connections.max.idle.ms"], [];
    connections_wait_for_a_place: connections::all, ["max.connections"], [];
    connections_of_an_address_are_fewer: connections::of_address, ["max.connections.per.ip"], [];
    connections_of_some_addresses_are_fewer:
        connections::of_some, ["max.connections.per.ip.overrides"], [];
    connections_come_slower: connections::rate, ["max.connection.creation.rate"], [];
}

/// Settings of the cleaners, all of which they get together, and one of commands: setting, file of the test, its name.
const ELSEWHERE: &[[&str; 3]] = &[
    ["log.cleaner.threads", "storage/tests/cleaner_threads.rs", "cleaners_come_and_go_with_their_number"],
    [
        "log.cleaner.dedupe.buffer.size",
        "storage/tests/tuning.rs",
        "passes_have_as_much_memory_for_keys_as_they_are_told",
    ],
    [
        "log.cleaner.io.buffer.load.factor",
        "storage/tests/tuning.rs",
        "passes_have_as_much_memory_for_keys_as_they_are_told",
    ],
    ["log.cleaner.io.buffer.size", "storage/tests/tuning.rs", "passes_read_as_much_at_once_as_they_are_told"],
    ["catena.config.topic", "broker/tests/commands/fleets.rs", "a_config_topic_is_made_and_written"],
];

#[test]
fn every_setting_that_takes_effect_at_once_has_a_test_of_its_effect() {
    let untested = |table: &'static [Definition], tested: BTreeSet<&str>| {
        let honoured = |found: &&Definition| found.support == Support::Honoured && found.is_dynamic();
        let names = table.iter().filter(honoured).map(|found| found.name);
        names.filter(|name| !tested.contains(name)).collect::<Vec<_>>()
    };
    let elsewhere = || ELSEWHERE.iter().map(|[setting, ..]| *setting);
    let none: [&str; 0] = [];
    assert_eq!(untested(table::broker_settings(), OF_BROKER.iter().copied().chain(elsewhere()).collect()), none);
    assert_eq!(untested(table::group_settings(), consumers::OF_GROUP.iter().copied().collect()), none);
    assert_eq!(untested(table::topic_settings(), OF_TOPIC.iter().copied().chain(elsewhere()).collect()), none);
}

#[test]
fn the_tests_that_are_elsewhere_are_there() {
    for [setting, file, test] in ELSEWHERE {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let text = std::fs::read_to_string(path).expect("the file");
        assert!(text.contains(&format!("#[test]\nfn {test}()")), "{setting}: {test}");
    }
}
