//! Loss of power at any moment: what was acknowledged is there afterwards, once, at its place, and nothing else is.
//!
//! A round is a few lives of one store. In a life several producers append, topics come and go, journal files and segments are small, so
//! that rolls, checkpoints and reuse happen all the time. In half of the rounds some topics are compacted or acknowledged in memory, in half
//! of them records are deleted. Partitions are committed in different ways, and change them; of several stores one may fail and come back, or have no room. A life ends with a loss of power (the disk keeps
//! any part of what was not synced, see `catena_storage::fs::faulty`), the death of the process, with or without a sync that failed before,
//! or a clean stop; the next start may be cut short as well, several times over. After each start the whole store is compared with the model.
//!
//! `CATENA_POWER_ROUNDS` (300) says how many rounds, `CATENA_POWER_SEED` which round to play alone. A seed fixes all choices, but not how
//! threads take turns: a failure may need several attempts to show again.

#[path = "../common/mod.rs"]
mod common;
mod life;
#[path = "../common/model.rs"]
mod model;
mod producer;
mod settings;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use world::World;

/// Rounds at the same time: each has several threads of its own that mostly wait for each other.
const AT_ONCE: usize = 3;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_else_appears_whenever_the_power_goes() {
    model::count_panics();
    if let Some(seed) = number("CATENA_POWER_SEED") {
        return round(seed);
    }
    let rounds = number("CATENA_POWER_ROUNDS").unwrap_or(300);
    let first: u64 = rand::rng().random_range(0..u64::from(u32::MAX));
    let next = AtomicU64::new(0);
    let play = || {
        while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < rounds) {
            let seed = first + at;
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| round(seed))) {
                eprintln!("failed: CATENA_POWER_SEED={seed}");
                next.store(rounds, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    };
    std::thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(play))));
    model::assert_no_panics();
}

fn round(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut world = World::new(&mut dice);
    for _ in 0..dice.random_range(2..5) {
        world.live(&mut dice);
    }
    world.look(&mut dice);
}
