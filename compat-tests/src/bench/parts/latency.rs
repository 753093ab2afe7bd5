//! End-to-end latency at a fixed rate: from the moment a record was due to the moment a consumer has it.
//!
//! What must always hold: the clock of a record starts when the schedule says, not when the sender got around to it,
//! so a stall counts for every record it delayed; every record sent is received exactly once.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::{LARGE, PARTITIONS, consume, start_with_topic};
use crate::bench::load::frames::Frames;
use crate::bench::load::{engine, histogram};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::Running;
use crate::bench::usage;
use crate::wire::batch::{BatchBuilder, seal};
use crate::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Result, Topic, invalid, kafka_error, now_ms};

const VALUE_BYTES: usize = 1024;
/// Each with one batch for the next partition in turn,
const REQUESTS_PER_SECOND: u32 = 1_000;
/// of so many records.
const RECORDS_PER_REQUEST: u32 = 20;

#[derive(Debug, Clone, Copy)]
struct Schedule {
    /// How long it runs before anything counts.
    warm_up: Duration,
    /// How long it runs and counts.
    duration: Duration,
}

impl Schedule {
    fn requests(&self) -> u64 {
        ((self.warm_up + self.duration).as_secs_f64() * f64::from(REQUESTS_PER_SECOND)) as u64
    }

    fn due(&self, request: u64) -> Duration {
        Duration::from_nanos(request * 1_000_000_000 / u64::from(REQUESTS_PER_SECOND))
    }
}

/// All rounds, each with a topic of its own.
pub fn part(bench: &mut Bench) -> Result<()> {
    let (running, topic) = start_with_topic(bench, PARTITIONS, LARGE)?;
    engine::run(&running, &Frames::build(&topic, LARGE)?, LARGE, bench.sizes.warm_up)?;
    consume::run(&running, &topic, bench.sizes.consume_passes)?;
    let schedule = Schedule { warm_up: bench.sizes.rate_warm_up, duration: bench.sizes.rate_duration };
    bench.each_round(|bench, round| {
        let topic = running.create_topic(&format!("round-{round}"), PARTITIONS)?;
        let (begin, before) = (Instant::now(), usage::cpu(running.pid()));
        let histogram = bench.profiled("latency", running.pid(), || run(&running, &topic, schedule))?;
        let cpu = (usage::cpu(running.pid()) - before).as_secs_f64() / begin.elapsed().as_secs_f64();
        let quantile = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e6;
        bench.add([
            (Measure::LatencyP50, quantile(0.5)),
            (Measure::LatencyP99, quantile(0.99)),
            (Measure::LatencyP999, quantile(0.999)),
            (Measure::LatencyCpu, cpu * 100.0),
        ]);
        Ok(())
    })
}

/// Runs the schedule; the histogram is in nanoseconds, one entry per request.
fn run(running: &Running, topic: &Topic, schedule: Schedule) -> Result<Histogram<u64>> {
    let mut sender = running.connect()?;
    let mut acknowledgements = sender.receiver()?;
    let mut consumer = running.connect()?;
    let begin = Instant::now() + Duration::from_millis(50);
    std::thread::scope(|scope| {
        let sent = scope.spawn(move || send(&mut sender, topic, schedule, begin));
        let acknowledged = scope.spawn(move || acknowledge(&mut acknowledgements, schedule.requests()));
        let histogram = consume(&mut consumer, topic, schedule, begin);
        let crashed = |_| Err(invalid("a panic"));
        sent.join().unwrap_or_else(crashed)?;
        acknowledged.join().unwrap_or_else(crashed)?;
        histogram
    })
}

fn send(connection: &mut Connection, topic: &Topic, schedule: Schedule, begin: Instant) -> Result<()> {
    let mut builder = BatchBuilder::new(now_ms());
    let value = [7; VALUE_BYTES];
    builder.push(None, Some(&value));
    let value_at = builder.last_value_at();
    for _ in 1..RECORDS_PER_REQUEST {
        builder.push(None, Some(&value));
    }
    let batch = builder.build();
    let frame = |partition| ProduceFrame::build(topic, ProduceHeader::default(), &[(partition, &batch)]);
    let mut frames: Vec<ProduceFrame> = topic.all().into_iter().map(frame).collect();
    for request in 0..schedule.requests() {
        let due = schedule.due(request);
        std::thread::sleep((begin + due).saturating_duration_since(Instant::now()));
        let place = request as usize % frames.len();
        let bytes = frames[place].batch_mut(0);
        bytes[value_at..value_at + 8].copy_from_slice(&(due.as_nanos() as u64).to_be_bytes());
        seal(bytes);
        frames[place].send(connection)?;
    }
    Ok(())
}

fn acknowledge(connection: &mut Connection, requests: u64) -> Result<()> {
    (0..requests).try_for_each(|_| {
        let answers = connection.receive_produce()?;
        answers.iter().try_for_each(|answer| kafka_error("Produce", answer.error_code))
    })
}

fn consume(connection: &mut Connection, topic: &Topic, schedule: Schedule, begin: Instant) -> Result<Histogram<u64>> {
    let mut plan = FetchPlan::new(topic, &topic.all());
    let mut histogram = histogram()?;
    let mut missing = schedule.requests();
    while missing > 0 {
        let fetched = connection.fetch(&mut plan)?;
        let now = begin.elapsed();
        for batch in fetched.partitions.iter().flat_map(|p| p.batches()) {
            let records = batch.records()?;
            let value = records.first().and_then(|record| record.value.clone()).unwrap_or_default();
            let due = value.first_chunk::<8>().ok_or_else(|| invalid("a record without its time"))?;
            let due = Duration::from_nanos(u64::from_be_bytes(*due));
            missing -= 1;
            if due >= schedule.warm_up {
                histogram.saturating_record((now.saturating_sub(due).as_nanos() as u64).max(1));
            }
        }
    }
    Ok(histogram)
}
