//! Produce as fast as it goes, acks=all, uncompressed.
//!
//! What must always hold: before anything is measured every partition has got its first batches, and the program has done
//! the same work for the warm-up's bytes. A program that is so slow that a round would take longer than `Sizes::limit` is measured for
//! as long as that.

use super::{LARGE, PARTITIONS, start_with_topic};
use crate::bench::load::frames::Frames;
use crate::bench::load::{Outcome, Shape, engine};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::wire::Result;

const SMALL: Shape = Shape { value_bytes: 100, ..LARGE };
pub const SINGLE: Shape = Shape { batch_bytes: 0, batches_per_request: 1, connections: 50, ..LARGE };
/// The load of small records moves less than that of large ones in the same time,
const SMALL_PART: u64 = 2;
/// and that of single ones much less.
const SINGLE_PART: u64 = 8;

/// 1 KiB records in full batches.
pub fn large(bench: &mut Bench, partitions: i32) -> Result<()> {
    rounds(bench, &format!("produce-{partitions}"), (partitions, LARGE, 1), |bench, outcome| {
        bench.add([
            (Measure::ProduceRate(partitions), outcome.mib_per_second()),
            (Measure::ProduceCpu(partitions), outcome.cpu_per_gib()),
            (Measure::ProduceP50(partitions), outcome.acknowledged_ms(0.5)),
            (Measure::ProduceP99(partitions), outcome.acknowledged_ms(0.99)),
            (Measure::ProduceP999(partitions), outcome.acknowledged_ms(0.999)),
        ]);
    })
}

/// The same with more partitions: the same requests, each for the next twelve of them.
pub fn many(bench: &mut Bench) -> Result<()> {
    bench.sizes.partitions.clone().into_iter().try_for_each(|partitions| large(bench, partitions))
}

/// 100 B records in full batches.
pub fn small(bench: &mut Bench) -> Result<()> {
    rounds(bench, "small", (PARTITIONS, SMALL, SMALL_PART), |bench, outcome| {
        bench.add([(Measure::SmallRate, outcome.mib_per_second()), (Measure::SmallCpu, outcome.cpu_per_gib())]);
    })
}

/// One 1 KiB record per request.
pub fn single(bench: &mut Bench) -> Result<()> {
    rounds(bench, "single", (PARTITIONS, SINGLE, SINGLE_PART), |bench, outcome| {
        bench.add([
            (Measure::SingleRate, outcome.requests_per_second()),
            (Measure::SingleCpu, outcome.requests_per_cpu_second()),
            (Measure::SingleP99, outcome.acknowledged_ms(0.99)),
        ]);
    })
}

/// Warms up, then measures round after round, each with a `part`th of the volume.
fn rounds(
    bench: &mut Bench,
    name: &str,
    (partitions, shape, part): (i32, Shape, u64),
    mut keep: impl FnMut(&mut Bench, &Outcome),
) -> Result<()> {
    let (running, topic) = start_with_topic(bench, partitions, shape)?;
    let frames = Frames::build(&topic, shape)?;
    engine::run(&running, &frames, shape, 0)?;
    let (warm_up, volume, limit) = (bench.sizes.warm_up / part, bench.sizes.volume / part, bench.sizes.limit);
    engine::run_within(&running, &frames, shape, warm_up, limit)?;
    bench.each_round(|bench, _| {
        let run = || engine::run_within(&running, &frames, shape, volume, limit);
        let outcome = bench.profiled(name, running.pid(), run)?;
        bench.note(&format!("the load generator took {:.2} CPU-s per GiB", outcome.client_cpu_per_gib()));
        keep(bench, &outcome);
        Ok(())
    })
}
