//! End-to-end latency at a fixed rate: from the moment a record was due to the moment a consumer has it.
//!
//! What must always hold: the clock of a record starts when the schedule says, not when the sender got around to it,
//! so a stall counts for every record it delayed; every record sent is received exactly once.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::produce::now_ms;
use super::system::Running;
use crate::wire::batch::{BatchBuilder, seal};
use crate::wire::{Connection, FetchPlan, ProduceFrame, ProduceHeader, Result, Topic, invalid, kafka_error};

/// Longest latency the histogram tells apart, nanoseconds.
const HIGHEST_NS: u64 = 60_000_000_000;
const VALUE_BYTES: usize = 1024;

/// The schedule.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// Requests per second, each with one batch for the next partition in turn.
    pub requests_per_second: u32,
    /// Records of 1 KiB per request.
    pub records_per_request: u32,
    /// How long it runs before anything counts.
    pub warm_up: Duration,
    /// How long it runs and counts.
    pub duration: Duration,
}

impl Schedule {
    fn requests(&self) -> u64 {
        ((self.warm_up + self.duration).as_secs_f64() * f64::from(self.requests_per_second)) as u64
    }

    fn due(&self, request: u64) -> Duration {
        Duration::from_nanos(request * 1_000_000_000 / u64::from(self.requests_per_second))
    }
}

/// Runs the schedule; the histogram is in nanoseconds, one entry per request.
///
/// # Errors
/// Of a socket, or the first error code.
pub fn run(broker: &Running, topic: &Topic, schedule: Schedule) -> Result<Histogram<u64>> {
    let mut sender = broker.connect()?;
    let mut acknowledgements = sender.receiver()?;
    let mut consumer = broker.connect()?;
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
    for _ in 1..schedule.records_per_request {
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
    let mut histogram = Histogram::new_with_bounds(1, HIGHEST_NS, 3).map_err(invalid)?;
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
