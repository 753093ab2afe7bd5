//! What rollouts cost those who produce and fetch: no, one and ten of them take turns in one broker, under one load.
//!
//! For each load, in a broker of its own:
//! 1. Choose client ids, half of them in an arm, whether one rollout runs (with half of the space) or ten (with a twentieth each).
//! 2. Let the load begin; it goes on at its pace until the end.
//! 3. Block after block: each number of rollouts once, in an order that chance gives. Switch; wait until the switch is over; count
//!    the broker's CPU time and instructions, and the requests answered meanwhile.
//!
//! What must always hold: nothing but the number of rollouts changes from slot to slot; in a slot it does not change; every block
//! counts in which the load went on.

mod load;
mod slot;
mod switch;

use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use self::load::{LOADS, PacedLoad};
use self::slot::Slot;
use self::switch::Switch;
use super::start_with_topic;
use crate::bench::load::Progress;
use crate::bench::paired::{Difference, difference, order};
use crate::bench::report::RolloutCost;
use crate::bench::run::Bench;
use crate::bench::system::Running;
use crate::bench::{counters, disk};
use crate::wire::{Result, invalid};

/// How many rollouts run; none is the first.
const ROLLOUTS: [usize; 3] = [0, 1, 10];
/// Of the blocks' orders.
const SEED: u64 = 1;

/// Blocks in which a slot has no request: on a machine that is busy with something else. More, and the load is dead.
const STALLS_MAX: usize = 10;

/// A slot for each number of rollouts.
type Block = [Slot; ROLLOUTS.len()];

/// All loads.
pub fn part(bench: &mut Bench) -> Result<()> {
    LOADS.iter().try_for_each(|load| {
        disk::settle(bench.sizes.settle)?;
        let (running, topic) = start_with_topic(bench, super::PARTITIONS, load.shape)?;
        load.fill(&running, &topic)?;
        let mut switch = Switch::new(&running, load.unit, &topic)?;
        let names = switch.names(load.shape.connections, &ROLLOUTS)?;
        bench.note(&format!("{load}: seed {SEED}; {}", switch.describe(&names, &ROLLOUTS)?));
        let progress = Progress::default();
        let blocks = std::thread::scope(|scope| {
            let thread = scope.spawn(|| load.run(&running, &topic, &names, &progress));
            let blocks = blocks(bench, &running, &mut switch, &progress);
            progress.stop();
            thread.join().unwrap_or_else(|_| Err(invalid("a panic")))?;
            blocks
        })?;
        (1..ROLLOUTS.len()).try_for_each(|state| add(bench, load, &blocks, state))
    })
}

/// The first block warms up and does not count.
fn blocks(bench: &Bench, running: &Running, switch: &mut Switch, progress: &Progress) -> Result<Vec<Block>> {
    let mut random = SmallRng::seed_from_u64(SEED);
    let counts = counters::Counters::attach(running.pid()).inspect_err(|why| bench.note(&format!("{why}"))).is_ok();
    let (begin, mut blocks, mut stalled) = (Instant::now(), Vec::new(), 0);
    while blocks.len() < 3 || begin.elapsed() < bench.sizes.paired {
        let mut block = [None; ROLLOUTS.len()];
        for state in order(ROLLOUTS.len(), &mut random) {
            switch.run(ROLLOUTS[state])?;
            block[state] = slot::measure(running, progress, counts)?;
            switch.check(ROLLOUTS[state])?;
        }
        let [Some(none), Some(one), Some(ten)] = block else {
            bench.note("the load stood still for a slot: its block is left out");
            stalled += 1;
            if stalled > STALLS_MAX {
                return Err(invalid("the load stands still"));
            }
            continue;
        };
        blocks.push([none, one, ten]);
    }
    blocks.remove(0);
    Ok(blocks)
}

fn add(bench: &mut Bench, load: &PacedLoad, blocks: &[Block], state: usize) -> Result<()> {
    let compare = |cost: &dyn Fn(&Slot) -> Option<f64>| {
        let pairs: Option<Vec<_>> = blocks.iter().map(|block| cost(&block[state]).zip(cost(&block[0]))).collect();
        pairs.and_then(|pairs| difference(&pairs))
    };
    let mean = |cost: &dyn Fn(&Slot) -> Option<f64>| {
        let all: Vec<f64> = blocks.iter().filter_map(|block| cost(&block[0])).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    let (user, all) = (compare(&Slot::user_instructions), compare(&Slot::instructions));
    let instructions = user.zip(all).map(|(user, all)| (mean(&Slot::instructions), user, all));
    let cpu: Difference = compare(&Slot::cpu_us).ok_or_else(|| invalid("too few blocks"))?;
    let (rollouts, cpu_us) = (ROLLOUTS[state], mean(&Slot::cpu_us));
    let cost = RolloutCost { load: load.to_string(), rollouts, blocks: blocks.len(), cpu_us, cpu, instructions };
    bench.note(&format!("{cost:?}"));
    bench.rollouts.push(cost);
    Ok(())
}
