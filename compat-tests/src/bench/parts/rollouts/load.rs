//! Loads at a fixed pace, from clients with names.
//!
//! What must always hold: a load does the same from its begin to its end, so that two slots of it differ by what the broker does.

use std::fmt;
use std::time::{Duration, Instant};

use super::super::LARGE;
use super::super::produce::SINGLE;
use super::switch::Unit;
use crate::bench::load::engine::{Job, run, run_job};
use crate::bench::load::frames::Frames;
use crate::bench::load::{Pace, Progress, Shape};
use crate::bench::system::Running;
use crate::wire::{FetchPlan, Result, Topic, invalid};

const PRODUCERS: usize = 20;
const CONSUMERS: usize = 4;
/// What consumers read again and again.
const FILL: u64 = 256 << 20;
const FILL_OF_SINGLE: u64 = 32 << 20;

/// A load: shape of its requests, and how many of them there are.
#[derive(Debug)]
pub struct PacedLoad {
    name: &'static str,
    /// What is tried.
    pub unit: Unit,
    kind: Kind,
    /// The batches that are produced, or were; connections.
    pub shape: Shape,
    requests_per_second: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Produce,
    /// At most so many bytes of a partition.
    Fetch(i32),
}

const PRODUCE: PacedLoad = PacedLoad {
    name: "produce 12 × 16 KiB",
    unit: Unit::Client,
    kind: Kind::Produce,
    shape: Shape { connections: PRODUCERS, ..LARGE },
    requests_per_second: 500,
};
const PRODUCE_ONE: PacedLoad = PacedLoad {
    name: "produce a 1 KiB record",
    shape: Shape { connections: PRODUCERS, ..SINGLE },
    requests_per_second: 20_000,
    ..PRODUCE
};
const FETCH: PacedLoad = PacedLoad {
    name: "fetch 3 × 1 MiB",
    kind: Kind::Fetch(1 << 20),
    shape: Shape { connections: CONSUMERS, ..LARGE },
    requests_per_second: 500,
    ..PRODUCE
};
const FETCH_ONE: PacedLoad = PacedLoad {
    name: "fetch 3 × a 1 KiB record",
    kind: Kind::Fetch(1),
    shape: Shape { connections: CONSUMERS, ..SINGLE },
    requests_per_second: 10_000,
    ..PRODUCE
};

/// All of them: clients try something, then partitions.
pub const LOADS: [PacedLoad; 8] = [
    PRODUCE,
    FETCH,
    PRODUCE_ONE,
    FETCH_ONE,
    PacedLoad { unit: Unit::Partition, ..PRODUCE },
    PacedLoad { unit: Unit::Partition, ..FETCH },
    PacedLoad { unit: Unit::Partition, ..PRODUCE_ONE },
    PacedLoad { unit: Unit::Partition, ..FETCH_ONE },
];

impl fmt::Display for PacedLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Client => "clients",
            Unit::Partition => "partitions",
        };
        write!(f, "{}, {unit} try", self.name)
    }
}

impl PacedLoad {
    /// Puts into the topic what is to be read.
    ///
    /// # Errors
    /// Of a socket, or an error code.
    pub fn fill(&self, running: &Running, topic: &Topic) -> Result<()> {
        let bytes = match self.kind {
            Kind::Produce => 0,
            Kind::Fetch(_) if self.shape.batch_bytes == 0 => FILL_OF_SINGLE,
            Kind::Fetch(_) => FILL,
        };
        run(running, &Frames::build(topic, self.shape)?, self.shape, bytes).map(drop)
    }

    /// Goes on until it is stopped.
    ///
    /// # Errors
    /// Of a socket, or an error code.
    pub fn run(&self, running: &Running, topic: &Topic, names: &[String], progress: &Progress) -> Result<()> {
        match self.kind {
            Kind::Produce => self.produce(running, topic, names, progress),
            Kind::Fetch(bytes) => std::thread::scope(|scope| {
                let consume = |lane| self.consume(running, topic, (lane, &names[lane]), bytes, progress);
                let threads: Vec<_> =
                    (0..self.shape.connections).map(|lane| scope.spawn(move || consume(lane))).collect();
                let joined =
                    threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(invalid("a panic"))));
                joined.collect()
            }),
        }
    }

    fn produce(&self, running: &Running, topic: &Topic, names: &[String], progress: &Progress) -> Result<()> {
        let frames = Frames::build_for(topic, self.shape, names)?;
        let (pace, limit) = (Pace::Fixed(self.requests_per_second), Duration::MAX);
        run_job(running, Job { frames: &frames, shape: self.shape, pace, requests: u64::MAX, limit, progress })
            .map(drop)
    }

    /// Reads its part of the partitions from begin to end, again and again.
    fn consume(
        &self,
        running: &Running,
        topic: &Topic,
        (lane, name): (usize, &str),
        bytes: i32,
        progress: &Progress,
    ) -> Result<()> {
        let mut connection = running.connect()?;
        connection.call_myself(name);
        let mine: Vec<i32> = topic.all().into_iter().filter(|p| *p as usize % self.shape.connections == lane).collect();
        let ends = connection.end_offsets(topic, &topic.all())?;
        let mut plan = FetchPlan { partition_max_bytes: bytes, ..FetchPlan::new(topic, &mine) };
        let between = Duration::from_secs(1) * self.shape.connections as u32 / self.requests_per_second;
        let mut due = Instant::now() + between * lane as u32 / self.shape.connections as u32;
        while !progress.is_stopped() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            due += between;
            let fetched = connection.fetch(&mut plan)?;
            progress.add(fetched.partitions.iter().map(|part| part.records.len() as u64).sum());
            let at_end = plan.positions.iter_mut().filter(|(partition, next)| *next >= ends[*partition as usize]);
            at_end.for_each(|(_, next)| *next = 0);
        }
        Ok(())
    }
}
