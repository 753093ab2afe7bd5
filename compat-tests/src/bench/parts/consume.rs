//! Consume load: some connections share a topic's partitions and read all of it, some times over.
//!
//! What must always hold: every byte counted was received in whole batches at the offsets asked for; the limits of a
//! fetch are those of the Java consumer.

use std::time::{Duration, Instant};

use super::{LARGE, PARTITIONS, start_with_topic};
use crate::bench::load::frames::Frames;
use crate::bench::load::{engine, gib};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::Running;
use crate::bench::usage;
use crate::wire::{Connection, FetchPlan, Result, Topic, invalid};

const CONSUMERS: usize = 2;

/// What was read.
#[derive(Debug, Clone, Copy)]
pub struct Consumed {
    /// Record-batch bytes.
    pub bytes: u64,
    /// From begin to end.
    pub wall: Duration,
    /// CPU time of the broker.
    pub broker_cpu: Duration,
}

impl Consumed {
    /// Batch bytes per second in MiB.
    pub fn mib_per_second(&self) -> f64 {
        gib(self.bytes) * 1024.0 / self.wall.as_secs_f64()
    }
}

/// Reads a topic again and again that fits the page cache.
pub fn part(bench: &mut Bench) -> Result<()> {
    let (running, topic) = start_with_topic(bench, PARTITIONS, LARGE)?;
    engine::run(&running, &Frames::build(&topic, LARGE)?, LARGE, bench.sizes.volume)?;
    let passes = bench.sizes.consume_passes;
    run(&running, &topic, passes)?;
    bench.each_round(|bench, _| {
        let consumed = bench.profiled("consume", running.pid(), || run(&running, &topic, passes))?;
        bench.add([
            (Measure::ConsumeRate, consumed.mib_per_second()),
            (Measure::ConsumeCpu, consumed.broker_cpu.as_secs_f64() / gib(consumed.bytes)),
        ]);
        Ok(())
    })?;
    let memory = usage::memory(running.pid());
    bench.add([
        (Measure::LoadedResident, memory.resident_kib as f64 / 1024.0),
        (Measure::LoadedAnonymous, memory.anonymous_kib as f64 / 1024.0),
    ]);
    Ok(())
}

/// Reads `topic` from begin to end `passes` times.
pub fn run(running: &Running, topic: &Topic, passes: usize) -> Result<Consumed> {
    let ends = &running.connect()?.end_offsets(topic, &topic.all())?[..];
    let connections: Vec<Connection> = (0..CONSUMERS).map(|_| running.connect()).collect::<Result<_>>()?;
    let (begin, before) = (Instant::now(), usage::cpu(running.pid()));
    let read = |index, mut connection: Connection| {
        let mine: Vec<i32> = topic.all().into_iter().filter(|p| *p as usize % CONSUMERS == index).collect();
        (0..passes).map(|_| read_all(&mut connection, topic, &mine, ends)).sum::<Result<u64>>()
    };
    let bytes = std::thread::scope(|scope| {
        let begin = |(index, connection)| scope.spawn(move || read(index, connection));
        let threads: Vec<_> = connections.into_iter().enumerate().map(begin).collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(invalid("a panic"))));
        joined.sum::<Result<u64>>()
    })?;
    Ok(Consumed { bytes, wall: begin.elapsed(), broker_cpu: usage::cpu(running.pid()) - before })
}

/// Partitions that are at their end are no longer asked for, so that no request waits.
fn read_all(connection: &mut Connection, topic: &Topic, partitions: &[i32], ends: &[i64]) -> Result<u64> {
    let mut plan = FetchPlan::new(topic, partitions);
    let mut sum = 0;
    while !plan.positions.is_empty() {
        let fetched = connection.fetch(&mut plan)?;
        let sizes = fetched.partitions.iter().flat_map(|p| p.batches()).map(|batch| batch.bytes.len() as u64);
        let got: u64 = sizes.sum();
        if got == 0 {
            return Err(invalid("a fetch below the end of the log came back empty"));
        }
        sum += got;
        plan.positions.retain(|(partition, offset)| *offset < ends[*partition as usize]);
        // The next request begins with the partition that was served last, as clients do to be fair.
        let turn = fetched.partitions.iter().filter(|p| !p.records.is_empty()).count() % plan.positions.len().max(1);
        plan.positions.rotate_left(turn);
    }
    Ok(sum)
}
