//! Configuration: what rollouts cost those who produce and consume, how soon a change takes effect, and how long a start takes with
//! many records of configuration.
//!
//! What must always hold: with and without rollouts the same process does the same work, one after the other in each round, so
//! that what is compared is as near in time as can be.

use std::time::{Duration, Instant};

use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, MetadataRequest, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::{LARGE, PARTITIONS, consume, start_with_topic};
use crate::bench::load::frames::{Frames, batch};
use crate::bench::load::{Shape, engine, gib};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::{Load, Running};
use crate::wire::batch::BatchBuilder;
use crate::wire::{Connection, Result, Topic, invalid, kafka_error, now_ms};

/// How many rollouts run.
const ROLLOUTS: [i32; 3] = [0, 1, 10];
/// Of the volume of a round, this part is produced and read each time; so that the reading takes seconds of CPU, it is done so often.
const READ_PART: u64 = 2;
const PASSES: usize = 8;
/// How long a rollout may take to begin or end.
const PATIENCE: Duration = Duration::from_secs(30);
/// The resource types of Kafka's `ConfigResource.Type`.
const TOPIC: i8 = 2;
const GROUP: i8 = 32;
/// Resources in one request.
const RESOURCES: i32 = 1000;
const MESSAGE_TOO_LARGE: i16 = 10;
/// Changes whose effect is waited for.
const CHANGES: usize = 50;

/// Produce and consume with no, one and ten rollouts.
pub fn rollouts(bench: &mut Bench) -> Result<()> {
    let (running, topic) = start_with_topic(bench, PARTITIONS, LARGE)?;
    let frames = Frames::build(&topic, LARGE)?;
    engine::run(&running, &frames, LARGE, bench.sizes.warm_up / READ_PART)?;
    let read = running.create_topic("read", PARTITIONS)?;
    engine::run(&running, &Frames::build(&read, LARGE)?, LARGE, bench.sizes.volume / READ_PART)?;
    let mut client = running.connect()?;
    let config = config_topic(&mut client)?;
    let volume = bench.sizes.volume / READ_PART;
    bench.each_round(|bench, round| {
        for turn in 0..ROLLOUTS.len() {
            let count = ROLLOUTS[(round + turn) % ROLLOUTS.len()];
            run_rollouts(&mut client, &config, count)?;
            let produced = engine::run_within(&running, &frames, LARGE, volume, bench.sizes.limit)?;
            let consumed = consume::run(&running, &read, PASSES)?;
            bench.add([
                (Measure::RolloutsProduceCpu(count), produced.cpu_per_gib()),
                (Measure::RolloutsConsumeCpu(count), consumed.broker_cpu.as_secs_f64() / gib(consumed.bytes)),
            ]);
        }
        Ok(())
    })
}

/// A change, and the time until a producer feels it; and a start with many records.
pub fn part(bench: &mut Bench) -> Result<()> {
    let mut running = Running::start(bench.system, Load { bytes: 0, partitions: 1, batches_per_request: 1 });
    let topic = running.create_topic("measured", 1)?;
    let mut client = running.connect()?;
    let records = bench.sizes.config_records;
    bench.each_round(|bench, _| {
        let mut slowest = Duration::ZERO;
        for _ in 0..CHANGES {
            slowest = slowest.max(effect(&mut client, &topic)?);
        }
        bench.add([(Measure::ConfigEffect, slowest.as_secs_f64() * 1e3)]);
        Ok(())
    })?;
    starts(bench, &mut running, &topic, Measure::ConfigStart(0))?;
    let mut client = running.connect()?;
    for request in 0..records / RESOURCES {
        alter_groups(&mut client, request)?;
    }
    starts(bench, &mut running, &topic, Measure::ConfigStart(records))
}

fn starts(bench: &mut Bench, running: &mut Running, topic: &Topic, measure: Measure) -> Result<()> {
    let (one, _) = batch(Shape { batch_bytes: 0, ..LARGE });
    bench.each_round(|bench, _| {
        running.kill();
        let duration = running.start_again(topic, &one)?;
        bench.add([(measure, duration.as_secs_f64() * 1e3)]);
        Ok(())
    })
}

/// From the request that lowers a limit until a batch is refused for it, over another connection's answers too.
fn effect(client: &mut Connection, topic: &Topic) -> Result<Duration> {
    let mut builder = BatchBuilder::new(now_ms());
    let large = builder.push(None, Some(&[b'v'; 10_000])).build();
    alter(client, TOPIC, &[&topic.name], "max.message.bytes", "1000000")?;
    while client.try_produce(topic, 0, &large)?.error_code != 0 {}
    let begin = Instant::now();
    alter(client, TOPIC, &[&topic.name], "max.message.bytes", "1000")?;
    while client.try_produce(topic, 0, &large)?.error_code != MESSAGE_TOO_LARGE {}
    let took = begin.elapsed();
    alter(client, TOPIC, &[&topic.name], "max.message.bytes", "1000000")?;
    Ok(took)
}

fn alter_groups(client: &mut Connection, request: i32) -> Result<()> {
    let names: Vec<String> = (0..RESOURCES).map(|at| format!("group-{request}-{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    alter(client, GROUP, &names, "consumer.session.timeout.ms", "50000")
}

fn alter(client: &mut Connection, kind: i8, names: &[&str], setting: &str, value: &str) -> Result<()> {
    let text = |text: &str| StrBytes::from_string(text.to_owned());
    let config = AlterableConfig::default().with_name(text(setting)).with_value(Some(text(value)));
    let resource = |name: &&str| {
        let resource = AlterConfigsResource::default().with_resource_type(kind).with_resource_name(text(name));
        resource.with_configs(vec![config.clone()])
    };
    let request = IncrementalAlterConfigsRequest::default().with_resources(names.iter().map(resource).collect());
    let response = client.call(&request, 1)?;
    response.responses.iter().try_for_each(|answer| kafka_error("IncrementalAlterConfigs", answer.error_code))
}

fn config_topic(client: &mut Connection) -> Result<Topic> {
    let asked = MetadataRequestTopic::default().with_name(Some(TopicName(StrBytes::from_static_str("__config"))));
    let request = MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
    client.call(&request, 12)?;
    client.topic("__config")
}

/// Lets exactly so many rollouts run, each with an arm of two percent.
fn run_rollouts(client: &mut Connection, config: &Topic, count: i32) -> Result<()> {
    for number in 0..ROLLOUTS[2] {
        let value = format!(
            r#"{{"v":1,"share":2,"bake_s":86400,"changes":[{{"resource":"broker","name":"","setting":"offset.metadata.max.bytes","value":"{}"}}]}}"#,
            5000 + number
        );
        let key = format!(r#"{{"rollout":"bench-{number}"}}"#);
        let mut builder = BatchBuilder::new(now_ms());
        builder.push(Some(key.as_bytes()), (number < count).then_some(value.as_bytes()));
        client.produce(config, 1, &builder.build())?;
    }
    let deadline = Instant::now() + PATIENCE;
    while arms(client, config)? != count {
        if Instant::now() > deadline {
            return Err(invalid("the rollouts do not begin"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// How many rollouts have an arm.
fn arms(client: &mut Connection, config: &Topic) -> Result<i32> {
    let mut standing = std::collections::BTreeMap::new();
    for batch in client.read_partition(config, 1, 0)? {
        for record in batch.records()? {
            let has_arm = record.value.as_deref().map(|value| String::from_utf8_lossy(value).contains("\"arm\""));
            standing.insert(record.key.clone(), has_arm);
        }
    }
    Ok(standing.into_values().filter(|has_arm| *has_arm == Some(true)).count() as i32)
}
