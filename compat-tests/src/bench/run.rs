//! The order of things for one broker: start measurements, one warmed-up broker, then round after round.
//!
//! What must always hold: dirty pages of one measurement are on disk before the next begins; a round deletes its topics.

use std::time::Instant;

use super::measure::Measure;
use super::produce::{self, Outcome, Shape};
use super::settings::{Part, Settings};
use super::system::{Running, System};
use super::usage::{self, Memory};
use super::{consume, latency, start};
use crate::wire::{Result, Topic};

/// Partitions of every topic that is measured.
const PARTITIONS: i32 = 12;
const LARGE: Shape = Shape { value_bytes: 1024, batch_bytes: 16 << 10, batches_per_request: 12, connections: 4 };
const SMALL: Shape = Shape { value_bytes: 100, ..LARGE };
const SINGLE: Shape = Shape { batch_bytes: 0, batches_per_request: 1, connections: 50, ..LARGE };
const CONSUMERS: usize = 2;
/// The single-record load moves so much less than the others.
const SINGLE_PART: u64 = 16;
const SMALL_PART: u64 = 2;

/// A figure of one round.
pub type Sample = (Measure, f64);

/// Everything measured of one broker.
///
/// # Errors
/// Of a socket, or an error code: a measurement that fails is no measurement.
pub fn run(system: System, settings: &Settings) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    if settings.has(Part::Start) {
        for _ in 0..settings.rounds {
            let (duration, memory) = start::run(system)?;
            samples.push((Measure::Start, duration.as_secs_f64() * 1e3));
            samples.extend(mebibytes(memory, Measure::IdleResident, Measure::IdleAnonymous));
            progress(system, "start", &samples[samples.len() - 3..]);
        }
    }
    if settings.parts != [Part::Start] {
        loads(system, settings, &mut samples)?;
    }
    Ok(samples)
}

/// Topics stay until the end: a disk that discards a deleted gigabyte is busy for seconds, at a time of the broker's choice.
fn loads(system: System, settings: &Settings, samples: &mut Vec<Sample>) -> Result<()> {
    let mut broker = Running::start(system);
    warm_up(&mut broker, settings)?;
    for round in 0..settings.rounds {
        let before = samples.len();
        let topic = broker.connect()?.create_topic(&format!("round-{round}"), PARTITIONS, &[])?;
        with_topic(&mut broker, &topic, settings, samples)?;
        if settings.has(Part::Latency) {
            end_to_end(&mut broker, round, settings, samples)?;
        }
        progress(system, &format!("round {}", round + 1), &samples[before..]);
    }
    samples.extend(mebibytes(usage::memory(broker.pid()), Measure::LoadedResident, Measure::LoadedAnonymous));
    Ok(())
}

/// What a virtual machine compiles while it runs is compiled after this.
fn warm_up(broker: &mut Running, settings: &Settings) -> Result<()> {
    let topic = broker.connect()?.create_topic("warm-up", PARTITIONS, &[])?;
    produce::run(broker, &topic, SMALL, settings.warm_up_volume / 4)?;
    produce::run(broker, &topic, SINGLE, settings.warm_up_volume / (4 * SINGLE_PART))?;
    produce::run(broker, &topic, LARGE, settings.warm_up_volume)?;
    consume::run(broker, &topic, CONSUMERS, settings.consume_passes)?;
    Ok(())
}

fn with_topic(broker: &mut Running, topic: &Topic, settings: &Settings, samples: &mut Vec<Sample>) -> Result<()> {
    if settings.has(Part::Small) {
        let small = settled(|| produce::run(broker, topic, SMALL, settings.volume / SMALL_PART))?;
        samples.extend(throughput(&small, Measure::ProduceSmallRate, Measure::ProduceSmallCpu));
    }
    if settings.has(Part::Single) {
        let single = settled(|| produce::run(broker, topic, SINGLE, settings.volume / SINGLE_PART))?;
        samples.push((Measure::SingleRate, single.requests as f64 / single.wall.as_secs_f64()));
        samples.push((Measure::SingleCpu, single.requests_per_cpu_second()));
    }
    if settings.has(Part::Produce) || settings.has(Part::Consume) {
        let large = settled(|| produce::run(broker, topic, LARGE, settings.volume))?;
        samples.extend(throughput(&large, Measure::ProduceLargeRate, Measure::ProduceLargeCpu));
    }
    if settings.has(Part::Consume) {
        let consumed = settled(|| consume::run(broker, topic, CONSUMERS, settings.consume_passes))?;
        samples.extend(throughput(&consumed, Measure::ConsumeRate, Measure::ConsumeCpu));
    }
    Ok(())
}

fn end_to_end(broker: &mut Running, round: usize, settings: &Settings, samples: &mut Vec<Sample>) -> Result<()> {
    let topic = broker.connect()?.create_topic(&format!("latency-{round}"), PARTITIONS, &[])?;
    let pid = broker.pid();
    let (histogram, cpu) = settled(|| {
        let (begin, before) = (Instant::now(), usage::cpu(pid));
        let histogram = latency::run(broker, &topic, settings.schedule)?;
        Ok((histogram, (usage::cpu(pid) - before).as_secs_f64() / begin.elapsed().as_secs_f64()))
    })?;
    let quantiles = [(Measure::LatencyP50, 0.5), (Measure::LatencyP99, 0.99), (Measure::LatencyP999, 0.999)];
    samples.extend(quantiles.map(|(measure, q)| (measure, histogram.value_at_quantile(q) as f64 / 1e6)));
    samples.push((Measure::LatencyCpu, cpu * 100.0));
    Ok(())
}

/// Runs `measure` after the disk has caught up.
fn settled<T>(measure: impl FnOnce() -> Result<T>) -> Result<T> {
    rustix::fs::sync();
    measure()
}

fn throughput(outcome: &Outcome, rate: Measure, cpu: Measure) -> [Sample; 2] {
    eprintln!("    (load generator: {:.2} CPU-s per GiB)", outcome.client_cpu_per_gib());
    [(rate, outcome.mib_per_second()), (cpu, outcome.cpu_per_gib())]
}

fn mebibytes(memory: Memory, resident: Measure, anonymous: Measure) -> [Sample; 2] {
    [(resident, memory.resident_kib as f64 / 1024.0), (anonymous, memory.anonymous_kib as f64 / 1024.0)]
}

fn progress(system: System, step: &str, samples: &[Sample]) {
    eprintln!("{system}, {step}");
    for (measure, value) in samples {
        let (title, unit) = measure.title();
        eprintln!("    {title}: {value:.3} {unit}");
    }
}
