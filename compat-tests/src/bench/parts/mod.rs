//! What can be measured. Each part is one file and starts its own programs.

mod cold;
mod config;
mod consume;
mod latency;
mod produce;
mod restart;
mod rollouts;
mod start;

use super::load::Shape;
use super::run::Bench;
use super::system::{Load, Running, System};
use crate::wire::{Result, Topic};

/// Partitions, where nothing else is said.
const PARTITIONS: i32 = 12;
/// 1 KiB records in batches of 16 KiB (the Java client's `batch.size`), one for each of 12 partitions in a request.
const LARGE: Shape =
    Shape { value_bytes: 1024, batch_bytes: 16 << 10, batches_per_request: 12, connections: 4, window: 5 };

/// A part of the program that can be chosen alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 1 KiB records, few partitions.
    Produce,
    /// 1 KiB records, many partitions.
    Partitions,
    /// 100 B records.
    Small,
    /// One record per request.
    Single,
    /// Reading back.
    Consume,
    /// Reading from the disk.
    Cold,
    /// End to end at a fixed rate.
    Latency,
    /// `kill -9` and start.
    Restart,
    /// Start to first record; memory.
    Start,
    /// Changes of configuration.
    Config,
    /// Produce and consume while rollouts run.
    Rollouts,
}

impl Part {
    /// All of them, in the order in which they run.
    pub const ALL: [Self; 11] = [
        Self::Produce,
        Self::Partitions,
        Self::Small,
        Self::Single,
        Self::Consume,
        Self::Cold,
        Self::Latency,
        Self::Restart,
        Self::Start,
        Self::Config,
        Self::Rollouts,
    ];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Partitions => "partitions",
            Self::Small => "small",
            Self::Single => "single",
            Self::Consume => "consume",
            Self::Cold => "cold",
            Self::Latency => "latency",
            Self::Restart => "restart",
            Self::Start => "start",
            Self::Config => "config",
            Self::Rollouts => "rollouts",
        }
    }

    /// What it does.
    pub fn description(self) -> &'static str {
        match self {
            Self::Produce => "1 KiB records to 12 partitions, acks=all, as fast as it goes",
            Self::Partitions => "the same with 1,000 and 5,000 partitions",
            Self::Small => "100 B records to 12 partitions",
            Self::Single => "one 1 KiB record per request over 50 connections",
            Self::Consume => "read a topic from the page cache; memory after that",
            Self::Cold => "read a topic from the disk while producers send at a fixed rate",
            Self::Latency => "end to end at 20,000 records of 1 KiB a second",
            Self::Restart => "from a start after kill -9 to the first acknowledged record, by size of the data",
            Self::Start => "from a start with an empty folder to the first acknowledged record; idle memory",
            Self::Config => "from a change of a setting to its effect; start with many records of configuration",
            Self::Rollouts => "what no, one and ten rollouts cost those who produce and fetch",
        }
    }

    /// Whether it says anything about `system`.
    pub fn concerns(self, system: System) -> bool {
        if matches!(self, Self::Config | Self::Rollouts) {
            return system == System::Catena;
        }
        system.is_broker() || matches!(self, Self::Produce | Self::Partitions | Self::Small | Self::Single)
    }

    /// Runs all its rounds.
    ///
    /// # Errors
    /// Of a socket, or an error code.
    pub fn run(self, bench: &mut Bench) -> Result<()> {
        match self {
            Self::Produce => produce::large(bench, PARTITIONS),
            Self::Partitions => produce::many(bench),
            Self::Small => produce::small(bench),
            Self::Single => produce::single(bench),
            Self::Consume => consume::part(bench),
            Self::Cold => cold::part(bench),
            Self::Latency => latency::part(bench),
            Self::Restart => restart::part(bench),
            Self::Start => start::part(bench),
            Self::Config => config::part(bench),
            Self::Rollouts => rollouts::part(bench),
        }
    }
}

/// Starts what is measured with a topic of so many partitions, for a load of `shape`.
fn start_with_topic(bench: &Bench, partitions: i32, shape: Shape) -> Result<(Running, Topic)> {
    let load = Load { bytes: bench.sizes.volume, partitions, batches_per_request: shape.batches_per_request };
    let running = Running::start(bench.system, load);
    let topic = running.create_topic("measured", partitions)?;
    Ok((running, topic))
}
