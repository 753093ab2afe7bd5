//! `kill -9` at random moments, under two idempotent producers and a group with commits.
//!
//! What must always hold: the clients behave as real ones do (five requests in flight, in-flight batches sent again
//! after a crash with the same sequence numbers, commits in order), and what they were told is checked against what the
//! broker has: after each restart, and once more from the first offset at the end.
//!
//! `CATENA_CRASH_ROUNDS` (50) and `CATENA_CRASH_SEED` (random, printed) choose a run; the moments of the kills are
//! what the machine makes of them.

mod ledger;
mod member;
mod producer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::wire::{Connection, Topic};
use compat_tests::{Broker, Catena};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use ledger::Ledger;
use member::Member;
use producer::Producer;

const PRODUCERS: usize = 2;
const PARTITIONS: usize = 3;
const ROUNDS: u32 = 50;
/// Small, so that many of them are filled, sealed and trimmed while the broker is killed.
const SEGMENT_BYTES: &str = "1048576";
const JOURNAL_SEGMENT_BYTES: u32 = 1 << 20;
const LOAD_MS_MAX: u64 = 600;
const RECOVERY_MS_MAX: u64 = 40;

#[test]
fn nothing_acknowledged_is_lost_repeated_or_taken_back_by_kill_9() {
    let seed = number("CATENA_CRASH_SEED").unwrap_or_else(rand::random);
    let rounds = number("CATENA_CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32);
    println!("CATENA_CRASH_SEED={seed} CATENA_CRASH_ROUNDS={rounds}");
    let begin = Instant::now();
    let mut run = Run::start(SmallRng::seed_from_u64(seed));
    for round in 0..rounds {
        run.crash(round);
        run.check();
    }
    run.finish();
    println!("{}", run.summary(rounds, begin.elapsed()));
}

struct Run {
    random: SmallRng,
    broker: Catena,
    topic: Topic,
    producers: Vec<Producer>,
    member: Member,
    ledger: Ledger,
    starts_killed: u32,
    slowest_restart: Duration,
}

impl Run {
    fn start(mut random: SmallRng) -> Self {
        let options = Options::new().set("catena.journal.segment.bytes", JOURNAL_SEGMENT_BYTES);
        let broker = Catena::start(options);
        let mut connection = Connection::to(&broker).unwrap();
        let topic = connection.create_topic("crash", PARTITIONS as i32, &[("segment.bytes", SEGMENT_BYTES)]).unwrap();
        let producers = (0..PRODUCERS).map(|index| {
            let id = connection.init_producer().unwrap();
            Producer::new(index as u8, id, &topic, random.random())
        });
        Self {
            producers: producers.collect(),
            member: Member::new(&mut connection, &topic, random.random()),
            ledger: Ledger::new(),
            random,
            broker,
            topic,
            starts_killed: 0,
            slowest_restart: Duration::ZERO,
        }
    }

    /// Load, a kill in the midst of it, sometimes kills while the broker recovers, and a start.
    fn crash(&mut self, round: u32) {
        let load = Duration::from_millis(self.random.random_range(1..LOAD_MS_MAX));
        let address = self.address();
        let (producers, member, broker) = (&mut self.producers, &mut self.member, &mut self.broker);
        std::thread::scope(|scope| {
            producers.iter_mut().for_each(|producer| drop(scope.spawn(|| producer.run_until_cut_off(address))));
            scope.spawn(|| member.run_until_cut_off(address));
            std::thread::sleep(load);
            broker.kill();
        });
        let kills = if self.random.random_range(0..3) == 0 { self.random.random_range(1..4) } else { 0 };
        for _ in 0..kills {
            let delay = Duration::from_micros(self.random.random_range(0..RECOVERY_MS_MAX * 1000));
            self.broker.start_and_kill_after(delay);
        }
        self.starts_killed += kills;
        let begin = Instant::now();
        self.broker.try_restart().unwrap_or_else(|log| panic!("round {round}: no start after a kill: {log}"));
        self.slowest_restart = self.slowest_restart.max(begin.elapsed());
    }

    /// What the broker has now must agree with what it said before.
    fn check(&mut self) {
        let mut connection = Connection::connect(self.address()).unwrap();
        self.ledger.read_on(&mut connection, &self.topic);
        self.producers.iter_mut().for_each(|producer| self.ledger.check(producer));
        self.member.check(&mut connection);
    }

    /// Lets everybody finish in peace, then reads everything again from the first offset.
    fn finish(&mut self) {
        let address = self.address();
        self.producers.iter_mut().for_each(|producer| producer.finish(address));
        self.check();
        let mut connection = Connection::connect(address).unwrap();
        let mut again = Ledger::new();
        again.read_on(&mut connection, &self.topic);
        assert!(again == self.ledger, "what is read now is not what was read while it was written");
        self.producers.iter().for_each(|producer| again.check_all_is_there(producer));
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.broker.port()))
    }

    fn summary(&self, rounds: u32, elapsed: Duration) -> String {
        format!(
            "{rounds} kills, {} more while starting: {} records kept, {} batches acknowledged, {} sent again, {} commits, \
             slowest restart {:?}, {elapsed:.1?} in all",
            self.starts_killed,
            self.ledger.records(),
            self.producers.iter().map(|producer| producer.acknowledged_batches).sum::<u64>(),
            self.producers.iter().map(|producer| producer.batches_sent_again).sum::<u64>(),
            self.member.commits,
            self.slowest_restart,
        )
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}={text}: {e}")))
}

/// Whether the broker is gone, and not wrong: anything else is a failure of the test.
fn is_cut_off(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::*;
    matches!(error.kind(), ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}
