//! Configuration: how soon a change takes effect, and how long a start takes with many records of configuration.
//!
//! What must always hold: a change's effect is what a producer sees, not what the broker says.

use std::time::{Duration, Instant};

use kafka_protocol::messages::IncrementalAlterConfigsRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::protocol::StrBytes;

use super::LARGE;
use crate::bench::load::Shape;
use crate::bench::load::frames::batch;
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::{Load, Running};
use crate::wire::batch::BatchBuilder;
use crate::wire::{Connection, Result, Topic, kafka_error, now_ms};

/// The resource types of Kafka's `ConfigResource.Type`.
const TOPIC: i8 = 2;
const GROUP: i8 = 32;
/// Resources in one request.
const RESOURCES: i32 = 1000;
const MESSAGE_TOO_LARGE: i16 = 10;
/// Changes whose effect is waited for.
const CHANGES: usize = 50;

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
