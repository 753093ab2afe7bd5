//! `kill -9`, and loss of power, at random moments under two idempotent producers and a group with commits.
//!
//! What must always hold: the clients behave as real ones do (five requests in flight, in-flight batches sent again
//! after a crash with the same sequence numbers, commits in order), and what they were told is checked against what the
//! broker has: after each restart, and once more from the first offset at the end.
//!
//! Power is lost on an ext4 of the test's own that is shut down without writing anything more: what the broker had not made
//! durable is gone, as after pulling the plug.
//!
//! `CATENA_CRASH_ROUNDS` (50; a fifth of it for power) and `CATENA_CRASH_SEED` (random, printed) choose a run; the moments of the kills are
//! what the machine makes of them.

mod ledger;
mod member;
mod producer;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use compat_tests::catena::Options;
use compat_tests::mount::Mount;
use compat_tests::wire::{Connection, Topic};
use compat_tests::{Broker, Catena, runtime};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use ledger::Ledger;
use member::Member;
use producer::Producer;

const VISIBLE_WITHIN: Duration = Duration::from_secs(60);
const PRODUCERS: usize = 2;
const PARTITIONS: usize = 3;
const ROUNDS: u32 = 50;
/// Small, so that many of them are filled, sealed and trimmed while the broker is killed.
const SEGMENT_BYTES: &str = "1048576";
const JOURNAL_SEGMENT_BYTES: u32 = 1 << 20;
const LOAD_MS_MAX: u64 = 600;
const DISK_BYTES: u64 = 1 << 30;
const RECOVERY_MS_MAX: u64 = 40;

#[test]
fn nothing_acknowledged_is_lost_repeated_or_taken_back_by_kill_9() {
    exercise(None, rounds());
}

#[test]
fn nothing_acknowledged_by_all_is_lost_repeated_or_taken_back_by_loss_of_power() {
    if runtime::available(&["python3", "mkfs.ext4"])
        && let Some(disk) = Mount::ext4(DISK_BYTES)
    {
        exercise(Some(disk), rounds().div_ceil(5));
    }
}

fn rounds() -> u32 {
    number("CATENA_CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32)
}

fn exercise(disk: Option<Mount>, rounds: u32) {
    let seed = number("CATENA_CRASH_SEED").unwrap_or_else(rand::random);
    println!("CATENA_CRASH_SEED={seed}, {rounds} rounds");
    let begin = Instant::now();
    let mut run = Run::start(SmallRng::seed_from_u64(seed), disk);
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
    /// Where the data are, if it is power that fails. After the broker: it is unmounted last.
    disk: Option<Mount>,
    topic: Topic,
    producers: Vec<Producer>,
    member: Member,
    ledger: Ledger,
    starts_killed: u32,
    slowest_restart: Duration,
}

impl Run {
    fn start(mut random: SmallRng, disk: Option<Mount>) -> Self {
        let options = Options::new().set("catena.journal.segment.bytes", JOURNAL_SEGMENT_BYTES);
        let options = match &disk {
            Some(disk) => options.data(&disk.folder().join("data")),
            None => options,
        };
        // An acknowledgement without a flush must survive a kill of the process, but not of the machine.
        let with_acks_1 = disk.is_none();
        let broker = Catena::start(options);
        let mut connection = Connection::to(&broker).unwrap();
        let topic = connection
            .create_topic("crash", PARTITIONS as i32, &[("segment.bytes", SEGMENT_BYTES), ("retention.ms", "-1")])
            .unwrap();
        let producers = (0..PRODUCERS).map(|index| {
            let id = connection.init_producer().unwrap();
            Producer::new(index as u8, id, &topic, with_acks_1, random.random())
        });
        Self {
            producers: producers.collect(),
            member: Member::new(&mut connection, &topic, random.random()),
            ledger: Ledger::new(),
            random,
            broker,
            disk,
            topic,
            starts_killed: 0,
            slowest_restart: Duration::ZERO,
        }
    }

    /// Load, a kill in the midst of it, sometimes kills while the broker recovers, and a start.
    fn crash(&mut self, round: u32) {
        let load = Duration::from_millis(self.random.random_range(1..LOAD_MS_MAX));
        let address = self.address();
        let (producers, member) = (&mut self.producers, &mut self.member);
        let (broker, disk, by_power) = (&mut self.broker, &self.disk, self.disk.is_some());
        std::thread::scope(|scope| {
            producers
                .iter_mut()
                .for_each(|producer| drop(scope.spawn(|| producer.run_until_cut_off(address, by_power))));
            scope.spawn(|| member.run_until_cut_off(address, by_power));
            std::thread::sleep(load);
            if let Some(disk) = disk {
                // First nobody answers any more: Linux may let an fsync succeed that the shutdown runs into.
                broker.process().freeze();
                disk.cut_power();
            }
            broker.kill();
        });
        self.disk.iter().for_each(Mount::restore_power);
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
        self.await_all_visible();
        self.check();
        let mut connection = Connection::connect(address).unwrap();
        let mut again = Ledger::new();
        again.read_on(&mut connection, &self.topic);
        assert!(again == self.ledger, "what is read now is not what was read while it was written");
        self.producers.iter().for_each(|producer| again.check_all_is_there(producer));
    }

    /// With `acks=1` the answer comes before the record is durable, and so before a consumer sees it.
    fn await_all_visible(&mut self) {
        let mut connection = Connection::connect(self.address()).unwrap();
        let deadline = Instant::now() + VISIBLE_WITHIN;
        while !self.producers.iter().all(|producer| self.ledger.holds_all_acknowledged(producer)) {
            assert!(Instant::now() < deadline, "acknowledged records are not visible after {VISIBLE_WITHIN:?}");
            self.ledger.read_on(&mut connection, &self.topic);
        }
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.broker.port()))
    }

    fn summary(&self, rounds: u32, elapsed: Duration) -> String {
        format!(
            "{rounds} ends, {} more while starting: {} records kept, {} batches acknowledged, {} sent again, {} commits, \
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

/// Whether the broker is gone, and not wrong: anything else is a failure of the test. Before the broker ends for want of
/// power it may say, with one code or another, that its store has failed.
fn is_cut_off(error: &std::io::Error, by_power: bool) -> bool {
    use std::io::ErrorKind::*;
    let store_failed = by_power && error.kind() == Other;
    store_failed
        || matches!(error.kind(), ConnectionRefused | ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
}
