//! A consumer that reads from the disk while producers send at a fixed rate: what it costs, and what they feel.
//!
//! 1. Fill a topic for each round, write everything out, and start the broker again: what a process has mapped or keeps in
//!    memory of its own would not be cold.
//! 2. Let the new process do the same work on another topic.
//! 3. Each round: drop the page cache of the data folder; producers alone; drop it again; producers beside a consumer
//!    that reads the round's topic once.
//!
//! What must always hold: a round's topic was not touched by this process before. The consumer's CPU is all that the broker took
//! while it read, without what the producers alone took in the same time.

use std::time::Duration;

use super::consume::{self, Consumed};
use super::{LARGE, PARTITIONS, start_with_topic};
use crate::bench::load::frames::{Frames, batch};
use crate::bench::load::{Outcome, Pace, Progress, Shape, engine, gib};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::Running;
use crate::bench::{disk, usage};
use crate::wire::{Result, Topic, invalid};

/// One batch of 20 records in a request.
const PACED: Shape = Shape { batch_bytes: 21 << 10, batches_per_request: 1, ..LARGE };
const REQUESTS_PER_SECOND: u32 = 1_000;

/// All rounds.
pub fn part(bench: &mut Bench) -> Result<()> {
    let (mut running, topic) = start_with_topic(bench, PARTITIONS, LARGE)?;
    let fill = |round| {
        let cold = running.create_topic(&format!("cold-{round}"), PARTITIONS)?;
        engine::run(&running, &Frames::build(&cold, LARGE)?, LARGE, bench.sizes.cold)?;
        Ok(cold)
    };
    let cold: Vec<Topic> = (0..bench.rounds).map(fill).collect::<Result<_>>()?;
    running.stop()?;
    running.start_again(&topic, &batch(PACED).0)?;
    engine::run(&running, &Frames::build(&topic, LARGE)?, LARGE, bench.sizes.warm_up)?;
    consume::run(&running, &topic, bench.sizes.consume_passes)?;
    let paced = Frames::build(&topic, PACED)?;
    bench.each_round(|bench, round| measure(bench, &running, &paced, &cold[round]))
}

fn measure(bench: &mut Bench, running: &Running, paced: &Frames, cold: &Topic) -> Result<()> {
    disk::drop_cache(&running.data())?;
    let alone = produce(running, paced, bench.sizes.alone, &Progress::default())?;
    disk::settle(bench.sizes.settle)?;
    disk::drop_cache(&running.data())?;
    let reads_before = usage::disk_reads(running.pid());
    let (beside, consumed) = bench.profiled("cold", running.pid(), || beside(running, paced, cold))?;
    let from_disk = usage::disk_reads(running.pid()) - reads_before;
    let share_of_producers = alone.broker_cpu.as_secs_f64() / alone.wall.as_secs_f64();
    let cpu = consumed.broker_cpu.as_secs_f64() - share_of_producers * consumed.wall.as_secs_f64();
    bench.add([
        (Measure::ColdRate, consumed.mib_per_second()),
        (Measure::ColdCpu, cpu / gib(consumed.bytes)),
        (Measure::ColdDisk, from_disk as f64 / consumed.bytes as f64 * 100.0),
        (Measure::AloneP99, alone.acknowledged_ms(0.99)),
        (Measure::BesideP99, beside.acknowledged_ms(0.99)),
        (Measure::BesideChange, beside.acknowledged_ms(0.99) / alone.acknowledged_ms(0.99)),
    ]);
    Ok(())
}

/// Producers until the consumer is at its end.
fn beside(running: &Running, paced: &Frames, cold: &Topic) -> Result<(Outcome, Consumed)> {
    let progress = Progress::default();
    std::thread::scope(|scope| {
        let producers = scope.spawn(|| produce(running, paced, Duration::MAX, &progress));
        let consumed = consume::run(running, cold, 1);
        progress.stop();
        let produced = producers.join().unwrap_or_else(|_| Err(invalid("a panic")))?;
        Ok((produced, consumed?))
    })
}

fn produce(running: &Running, paced: &Frames, limit: Duration, progress: &Progress) -> Result<Outcome> {
    let pace = Pace::Fixed(REQUESTS_PER_SECOND);
    engine::run_job(running, engine::Job { frames: paced, shape: PACED, pace, requests: u64::MAX, limit, progress })
}
