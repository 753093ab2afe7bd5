//! The rows of the table: what is measured, in what unit, and what is aimed at.
//!
//! What must always hold: rows stand in the order of the variants below; a goal is judged by the medians that are printed.

use std::cmp::Ordering;

use super::system::System;

/// A row of the table. A number is one of partitions, or the GiB (as MiB) that a broker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Produce, 1 KiB records: MiB per second.
    ProduceRate(i32),
    /// Produce, 1 KiB records: CPU-seconds per GiB.
    ProduceCpu(i32),
    /// Produce, 1 KiB records, as fast as it goes: acknowledgement, median.
    ProduceP50(i32),
    /// The same, 99 %.
    ProduceP99(i32),
    /// The same, 99.9 %.
    ProduceP999(i32),
    /// Produce, 100 B records: MiB per second.
    SmallRate,
    /// Produce, 100 B records: CPU-seconds per GiB.
    SmallCpu,
    /// One record per request: requests per second.
    SingleRate,
    /// One record per request: requests per CPU-second.
    SingleCpu,
    /// One record per request: acknowledgement, 99 %.
    SingleP99,
    /// Consume, from the page cache: MiB per second.
    ConsumeRate,
    /// Consume, from the page cache: CPU-seconds per GiB.
    ConsumeCpu,
    /// Consume from the disk beside producers: MiB per second.
    ColdRate,
    /// Consume from the disk beside producers: CPU-seconds per GiB beyond what the producers cost.
    ColdCpu,
    /// Part of the consumed bytes that came from the disk.
    ColdDisk,
    /// Producers at a fixed rate, nobody reads: acknowledgement, 99 %.
    AloneP99,
    /// The same while a consumer reads from the disk.
    BesideP99,
    /// One by the other.
    BesideChange,
    /// End to end at a fixed rate, median.
    LatencyP50,
    /// End to end at a fixed rate, 99 %.
    LatencyP99,
    /// End to end at a fixed rate, 99.9 %.
    LatencyP999,
    /// CPU at the fixed rate, per cent of a core.
    LatencyCpu,
    /// Process start after `kill -9` to first acknowledged record, with so many MiB of data.
    Restart(u64),
    /// Process start with an empty folder to first acknowledged record.
    Start,
    /// Resident memory after the first record.
    IdleResident,
    /// The same without mapped files.
    IdleAnonymous,
    /// Resident memory after producing and consuming.
    LoadedResident,
    /// The same without mapped files.
    LoadedAnonymous,
    /// The slowest of 50 changes of a topic's limit, from the request to the first batch that is refused for it.
    ConfigEffect,
    /// Process start after `kill -9` to first acknowledged record, with so many records of configuration.
    ConfigStart(i32),
}

/// A figure of one round.
pub type Sample = (Measure, f64);

/// What a figure is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Against {
    /// A number, whatever others do.
    Number,
    /// The same figure of another program.
    System(System),
    /// Another figure of Catena's.
    Own(Measure),
}

/// What is aimed at: at most or at least so many times what it is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    at_most: bool,
    times: f64,
    against: Against,
}

const KAFKA: Against = Against::System(System::Kafka);
const CEILING: Against = Against::System(System::Ceiling);
const FILES: Against = Against::System(System::CeilingFiles);
/// What many partitions are held against.
const FEW_PARTITIONS: i32 = 12;

impl Measure {
    /// What the row is called, and its unit.
    pub fn title(self) -> (String, &'static str) {
        if let Self::ProduceRate(n)
        | Self::ProduceCpu(n)
        | Self::ProduceP50(n)
        | Self::ProduceP99(n)
        | Self::ProduceP999(n) = self
        {
            let (what, unit) = self.title_of_kind();
            return (format!("produce 1 KiB, {n} partitions{what}"), unit);
        }
        if let Self::Restart(mib) = self {
            return (format!("restart after `kill -9`, {} GiB", mib as f64 / 1024.0), "ms");
        }
        if let Self::ConfigStart(n) = self {
            return (format!("restart, {n} records of configuration"), "ms");
        }
        let (title, unit) = self.title_of_kind();
        (title.to_owned(), unit)
    }

    fn title_of_kind(self) -> (&'static str, &'static str) {
        match self {
            Self::ProduceRate(_) => ("", "MiB/s"),
            Self::ProduceCpu(_) => (", CPU", "s/GiB"),
            Self::ProduceP50(_) => (", acknowledged, p50", "ms"),
            Self::ProduceP99(_) => (", acknowledged, p99", "ms"),
            Self::ProduceP999(_) => (", acknowledged, p99.9", "ms"),
            Self::SmallRate => ("produce 100 B, 12 partitions", "MiB/s"),
            Self::SmallCpu => ("produce 100 B, 12 partitions, CPU", "s/GiB"),
            Self::SingleRate => ("one record per request", "requests/s"),
            Self::SingleCpu => ("one record per request", "requests/CPU-s"),
            Self::SingleP99 => ("one record per request, acknowledged, p99", "ms"),
            Self::ConsumeRate => ("consume, warm", "MiB/s"),
            Self::ConsumeCpu => ("consume, warm, CPU", "s/GiB"),
            Self::ColdRate => ("consume, cold", "MiB/s"),
            Self::ColdCpu => ("consume, cold, CPU", "s/GiB"),
            Self::ColdDisk => ("consume, cold, read from the disk", "%"),
            Self::AloneP99 => ("producers beside no reader, p99", "ms"),
            Self::BesideP99 => ("producers beside a cold reader, p99", "ms"),
            Self::BesideChange => ("change of the producers' p99", "×"),
            Self::LatencyP50 => ("end to end, p50", "ms"),
            Self::LatencyP99 => ("end to end, p99", "ms"),
            Self::LatencyP999 => ("end to end, p99.9", "ms"),
            Self::LatencyCpu => ("CPU at that rate", "% of a core"),
            Self::Restart(_) => ("", "ms"),
            Self::Start => ("start to first acknowledged record", "ms"),
            Self::IdleResident => ("resident memory, idle", "MiB"),
            Self::IdleAnonymous => ("the same without mapped files, idle", "MiB"),
            Self::LoadedResident => ("resident memory, after load", "MiB"),
            Self::ConfigEffect => ("change of a setting to its effect, slowest", "ms"),
            Self::ConfigStart(_) => ("", "ms"),
            Self::LoadedAnonymous => ("the same without mapped files, after load", "MiB"),
        }
    }

    /// What it is called where others are held against it.
    fn short_title(self) -> String {
        match self {
            Self::ProduceRate(n) | Self::ProduceP99(n) => format!("{n} partitions"),
            _ => self.title().0,
        }
    }

    /// What is aimed at.
    pub fn goals(self) -> Vec<Goal> {
        match self {
            Self::ProduceRate(FEW_PARTITIONS) => {
                vec![at_least(1.5, KAFKA), at_least(0.7, CEILING), at_least(0.7, FILES)]
            }
            Self::ProduceRate(_) => vec![at_least(0.5, Against::Own(Self::ProduceRate(FEW_PARTITIONS)))],
            Self::ProduceCpu(FEW_PARTITIONS) => vec![at_most(0.5, KAFKA), at_most(1.5, CEILING), at_most(1.5, FILES)],
            Self::ProduceP99(partitions) if partitions != FEW_PARTITIONS => {
                vec![at_most(3.0, Against::Own(Self::ProduceP99(FEW_PARTITIONS)))]
            }
            Self::SmallCpu | Self::LatencyP99 | Self::LatencyP999 => vec![at_most(0.5, KAFKA)],
            Self::SingleCpu => vec![at_least(3.0, KAFKA)],
            Self::ConsumeCpu | Self::ColdCpu => vec![at_most(1.0, KAFKA)],
            Self::BesideChange => vec![at_most(2.0, Against::Number)],
            Self::Restart(_) => vec![at_most(1000.0, Against::Number)],
            Self::Start => vec![at_most(50.0, Against::Number)],
            Self::IdleResident => vec![at_most(20.0, Against::Number)],
            Self::ConfigEffect => vec![at_most(50.0, Against::Number)],
            _ => Vec::new(),
        }
    }
}

fn at_most(times: f64, against: Against) -> Goal {
    Goal { at_most: true, times, against }
}

fn at_least(times: f64, against: Against) -> Goal {
    Goal { at_most: false, times, against }
}

impl Goal {
    /// The goal in words, and whether it is met; nothing when it cannot be said. `figure` gives the median of a row.
    pub fn judge(self, row: Measure, figure: impl Fn(System, Measure) -> Option<f64>) -> (String, Option<bool>) {
        let ours = figure(System::Catena, row);
        let (whose, yardstick) = match self.against {
            Against::Number => (String::new(), Some(1.0)),
            Against::System(system) => (format!(" × {system}"), figure(system, row)),
            Against::Own(other) => (format!(" × {}", other.short_title()), figure(System::Catena, other)),
        };
        let sign = if self.at_most { "≤" } else { "≥" };
        let met = ours.zip(yardstick).map(|(ours, yardstick)| {
            let order = ours.total_cmp(&(yardstick * self.times));
            order == Ordering::Equal || (order == Ordering::Less) == self.at_most
        });
        (format!("{sign} {}{whose}", self.times), met)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How the first goal of `row` is judged when Catena has `ours` and everything else has `theirs`.
    fn met(row: Measure, ours: f64, theirs: Option<f64>) -> Option<bool> {
        let figure = |system, measure| {
            if (system, measure) == (System::Catena, row) { Some(ours) } else { theirs }
        };
        row.goals().first().and_then(|goal| goal.judge(row, figure).1)
    }

    #[test]
    fn goals_are_judged_by_both_figures_or_not_at_all() {
        for (row, ours, theirs, expected) in [
            (Measure::ProduceCpu(12), 1.0, Some(2.0), Some(true)),
            (Measure::ProduceCpu(12), 1.1, Some(2.0), Some(false)),
            (Measure::ProduceCpu(12), 1.0, None, None),
            (Measure::SingleCpu, 2.9, Some(1.0), Some(false)),
            (Measure::SingleCpu, 3.0, Some(1.0), Some(true)),
            (Measure::ProduceRate(1000), 50.0, Some(99.0), Some(true)),
            (Measure::ProduceRate(1000), 50.0, Some(101.0), Some(false)),
            (Measure::ProduceP99(5000), 31.0, Some(10.0), Some(false)),
            (Measure::Start, 50.1, None, Some(false)),
            (Measure::Restart(1024), 999.0, None, Some(true)),
            (Measure::LatencyP50, 1.0, Some(1.0), None),
        ] {
            assert_eq!(met(row, ours, theirs), expected, "{row:?}");
        }
    }

    #[test]
    fn goals_say_what_they_are_held_against() {
        let none = |_, _| None;
        let words = |row: Measure| row.goals().into_iter().map(|goal| goal.judge(row, none).0).collect::<Vec<_>>();
        assert_eq!(words(Measure::ProduceRate(12)), ["≥ 1.5 × kafka", "≥ 0.7 × ceiling", "≥ 0.7 × ceiling-files"]);
        assert_eq!(words(Measure::ProduceP99(1000)), ["≤ 3 × 12 partitions"]);
        assert_eq!(Measure::Restart(10 << 10).title().0, "restart after `kill -9`, 10 GiB");
    }
}
