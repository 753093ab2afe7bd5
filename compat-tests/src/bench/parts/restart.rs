//! From a start after `kill -9` to the first acknowledged record, with more and more data.
//!
//! What must always hold: the broker is killed right behind a load that it has acknowledged, so that its journal and its open
//! files are what a crash in the middle of work leaves; the clock starts before the process does.

use super::{LARGE, PARTITIONS, start_with_topic};
use crate::bench::load::frames::{Frames, batch};
use crate::bench::load::{Shape, engine};
use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::{disk, usage};
use crate::wire::Result;

/// Fills quickly.
const FILL: Shape = Shape { batch_bytes: 256 << 10, ..LARGE };
/// The load before each kill is so much of the volume of a round.
const KILL_PART: u64 = 4;
/// What stays free on the disk, for whoever else uses it.
const SPARE_BYTES: u64 = 4 << 30;

/// All sizes that fit, one after the other.
pub fn part(bench: &mut Bench) -> Result<()> {
    for mib in bench.sizes.restart_mib.clone() {
        let needed = (mib << 20) + bench.rounds as u64 * bench.sizes.volume / KILL_PART + SPARE_BYTES;
        if needed > disk::free_bytes()? {
            bench.note(&format!("{mib} MiB of data are left out: the disk has no room for them"));
        } else {
            with_data(bench, mib)?;
        }
    }
    Ok(())
}

fn with_data(bench: &mut Bench, mib: u64) -> Result<()> {
    let (mut running, topic) = start_with_topic(bench, PARTITIONS, LARGE)?;
    engine::run(&running, &Frames::build(&topic, FILL)?, FILL, mib << 20)?;
    let frames = Frames::build(&topic, LARGE)?;
    let (one, _) = batch(Shape { batch_bytes: 0, ..LARGE });
    let load = bench.sizes.volume / KILL_PART;
    bench.each_round(|bench, _| {
        engine::run(&running, &frames, LARGE, load)?;
        running.kill();
        let duration = running.start_again(&topic, &one)?;
        bench.note(&format!("the new process took {} ms of CPU time", usage::cpu(running.pid()).as_millis()));
        bench.add([(Measure::Restart(mib), duration.as_secs_f64() * 1e3)]);
        Ok(())
    })
}
