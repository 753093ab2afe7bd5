//! Consumer groups in virtual time: members, network, topics and log misbehave as a seed says.
//!
//! What is checked after every step:
//! - No partition is held, in its own belief, by two members the coordinator must count as alive.
//! - The target names one owner. The epochs of the group and of its members never go back.
//! - What the log says, read record by record, is what the coordinator says.
//! - No committed offset goes back.
//!
//! When the faults stop, all members hold what their target says, every partition of a topic somebody wants is held, and
//! heartbeats write nothing.

mod checks;
mod classic;
mod consumer;
mod faults;
mod member;
mod network;
mod process;
mod server;

use std::collections::{BTreeMap, BTreeSet};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use checks::Checks;
use network::{Network, Packet};
use process::{Mode, Process};
use server::Server;

type Held = BTreeMap<Uuid, BTreeSet<i32>>;

const GROUP: &str = "g";
const REBALANCE_MS: u64 = 20_000;
const SESSION_MS: u64 = 45_000;
/// Within that time after the last fault a group has found its rest.
const REST_MS: u64 = 240_000;

/// Everything there is.
struct Simulation {
    rng: StdRng,
    mode: Mode,
    /// Members of the classic protocol give up only what they must.
    cooperative: bool,
    server: Server,
    network: Network,
    processes: Vec<Process>,
    checks: Checks,
    next_fault_ms: u64,
    /// Says everything that happens.
    tells: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let interval_ms = if rng.random_bool(0.3) { rng.random_range(0..3_000) } else { 0 };
        let server = Server::new(interval_ms);
        for at in 0..rng.random_range(1..4) {
            server.topics.make(&format!("t{at}"), rng.random_range(1..6));
        }
        let count = rng.random_range(1..6);
        let processes = (0..count).map(|at| Process::new(at, &mut rng)).collect();
        Self {
            mode: Mode::any(&mut rng),
            cooperative: rng.random_bool(0.5),
            rng,
            server,
            network: Network::default(),
            processes,
            checks: Checks::default(),
            next_fault_ms: 1_000,
            tells: std::env::var_os("CATENA_SIMULATION_TRACE").is_some(),
        }
    }

    fn now_ms(&self) -> u64 {
        self.server.now.steady_ms
    }

    fn note(&self, what: impl FnOnce() -> String) {
        if self.tells {
            eprintln!("{} {}", self.now_ms(), what());
        }
    }

    /// Runs until a time; with faults or without.
    fn run(&mut self, until_ms: u64, faults: bool) {
        while self.now_ms() < until_ms {
            self.step(until_ms, faults);
        }
    }

    fn step(&mut self, until_ms: u64, faults: bool) {
        let wakes_ms = self.processes.iter().map(Process::wakes_ms).min().unwrap_or(u64::MAX);
        let faults_ms = if faults { self.next_fault_ms } else { u64::MAX };
        let times = [wakes_ms, faults_ms, self.network.next_ms(), self.server.next_deadline_ms(), until_ms];
        let next_ms = times.into_iter().min().unwrap_or(until_ms).max(self.now_ms());
        self.server.pass_to(next_ms);
        if faults && self.next_fault_ms <= next_ms {
            self.fault();
            self.next_fault_ms = next_ms + self.rng.random_range(1..8_000);
        }
        while let Some(packet) = self.network.arrived(next_ms) {
            self.arrive(packet);
            self.settle();
        }
        for at in 0..self.processes.len() {
            self.act(at);
        }
        self.settle();
    }

    /// Answers that can leave, leave; all that must hold is looked at.
    fn settle(&mut self) {
        for resolved in self.server.resolutions() {
            let at_ms = self.now_ms() + self.rng.random_range(0..2_000);
            self.network.send(at_ms, Packet::Resolved(resolved));
        }
        if self.server.log.uncommitted() > 0 && !self.network.commits {
            self.network.commits = true;
            let at_ms = self.now_ms() + self.rng.random_range(0..40);
            self.network.send(at_ms, Packet::Durable);
        }
        if self.server.release() {
            self.note(|| "records are lost".into());
            self.checks.loaded(&self.server);
        }
        self.answered();
        self.checks.all(&mut self.server, &mut self.processes);
    }
}

fn simulate(seed: u64) {
    let mut simulation = Simulation::new(seed);
    let faulty_ms = simulation.rng.random_range(30_000..240_000);
    simulation.run(faulty_ms, true);
    simulation.heal();
    simulation.run(faulty_ms + REST_MS, false);
    simulation.check_rest();
}

/// Runs seeds, and says which one failed.
fn simulate_all(seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        if let Err(panic) = std::panic::catch_unwind(|| simulate(seed)) {
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn members_that_crash_stall_and_repeat_themselves_share_partitions_and_never_one() {
    simulate_all(0..200);
}

#[test]
#[ignore = "as many seeds as CATENA_SIMULATION_SEEDS says, from CATENA_SIMULATION_FIRST on"]
fn members_misbehave_for_many_seeds() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let first = number("CATENA_SIMULATION_FIRST", 1_000);
    simulate_all(first..first + number("CATENA_SIMULATION_SEEDS", 10_000));
}
