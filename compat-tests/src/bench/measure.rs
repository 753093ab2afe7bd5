//! The rows of the table: what is measured, in what unit, and what is aimed at.
//!
//! What must always hold: every measure appears in `ALL` once; a goal is checked against the medians that are printed.

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Produce, 1 KiB records: MiB per second.
    ProduceLargeRate,
    /// Produce, 1 KiB records: broker CPU-seconds per GiB.
    ProduceLargeCpu,
    /// Produce, 100 B records: MiB per second.
    ProduceSmallRate,
    /// Produce, 100 B records: broker CPU-seconds per GiB.
    ProduceSmallCpu,
    /// One record per request: requests per second.
    SingleRate,
    /// One record per request: requests per broker CPU-second.
    SingleCpu,
    /// Consume, from the page cache: MiB per second.
    ConsumeRate,
    /// Consume, from the page cache: broker CPU-seconds per GiB.
    ConsumeCpu,
    /// End to end at a fixed rate, median.
    LatencyP50,
    /// End to end at a fixed rate, 99 %.
    LatencyP99,
    /// End to end at a fixed rate, 99.9 %.
    LatencyP999,
    /// Broker CPU at the fixed rate, per cent of a core.
    LatencyCpu,
    /// Process start to first acknowledged record.
    Start,
    /// Resident memory after the first record.
    IdleResident,
    /// The same without mapped files.
    IdleAnonymous,
    /// Resident memory after all loads.
    LoadedResident,
    /// The same without mapped files.
    LoadedAnonymous,
}

/// What a figure is held against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// Nothing is promised.
    None,
    /// At most so much, whatever Kafka does.
    AtMost(f64),
    /// At most Kafka's figure times this.
    AtMostOfKafka(f64),
    /// At least Kafka's figure times this.
    AtLeastOfKafka(f64),
}

impl Measure {
    /// All rows, in the order of the table.
    pub const ALL: [Self; 17] = [
        Self::ProduceLargeRate,
        Self::ProduceLargeCpu,
        Self::ProduceSmallRate,
        Self::ProduceSmallCpu,
        Self::SingleRate,
        Self::SingleCpu,
        Self::ConsumeRate,
        Self::ConsumeCpu,
        Self::LatencyP50,
        Self::LatencyP99,
        Self::LatencyP999,
        Self::LatencyCpu,
        Self::Start,
        Self::IdleResident,
        Self::IdleAnonymous,
        Self::LoadedResident,
        Self::LoadedAnonymous,
    ];

    /// What the row is called, and its unit.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            Self::ProduceLargeRate => ("produce 1 KiB records", "MiB/s"),
            Self::ProduceLargeCpu => ("produce 1 KiB records, broker CPU", "s/GiB"),
            Self::ProduceSmallRate => ("produce 100 B records", "MiB/s"),
            Self::ProduceSmallCpu => ("produce 100 B records, broker CPU", "s/GiB"),
            Self::SingleRate => ("one 1 KiB record per request", "requests/s"),
            Self::SingleCpu => ("one 1 KiB record per request", "requests/CPU-s"),
            Self::ConsumeRate => ("consume, warm", "MiB/s"),
            Self::ConsumeCpu => ("consume, warm, broker CPU", "s/GiB"),
            Self::LatencyP50 => ("end to end, p50", "ms"),
            Self::LatencyP99 => ("end to end, p99", "ms"),
            Self::LatencyP999 => ("end to end, p99.9", "ms"),
            Self::LatencyCpu => ("broker CPU at that rate", "% of a core"),
            Self::Start => ("start to first acknowledged record", "ms"),
            Self::IdleResident => ("resident memory, idle", "MiB"),
            Self::IdleAnonymous => ("the same without mapped files", "MiB"),
            Self::LoadedResident => ("resident memory, after load", "MiB"),
            Self::LoadedAnonymous => ("the same without mapped files", "MiB"),
        }
    }

    /// What is aimed at.
    pub fn goal(self) -> Goal {
        match self {
            Self::ProduceLargeCpu | Self::ProduceSmallCpu => Goal::AtMostOfKafka(0.5),
            Self::ProduceLargeRate => Goal::AtLeastOfKafka(1.5),
            Self::SingleCpu => Goal::AtLeastOfKafka(3.0),
            Self::ConsumeCpu => Goal::AtMostOfKafka(1.0),
            Self::LatencyP99 | Self::LatencyP999 => Goal::AtMostOfKafka(0.5),
            Self::Start => Goal::AtMost(50.0),
            Self::IdleResident => Goal::AtMost(20.0),
            _ => Goal::None,
        }
    }
}

impl Goal {
    /// The goal in words, and whether it is met; nothing when it cannot be said.
    pub fn judge(self, catena: Option<f64>, kafka: Option<f64>) -> (String, Option<bool>) {
        match self {
            Self::None => (String::new(), None),
            Self::AtMost(limit) => (format!("≤ {limit}"), catena.map(|ours| ours <= limit)),
            Self::AtMostOfKafka(part) => {
                (format!("≤ {part} × Kafka"), catena.zip(kafka).map(|(ours, theirs)| ours <= theirs * part))
            }
            Self::AtLeastOfKafka(part) => {
                (format!("≥ {part} × Kafka"), catena.zip(kafka).map(|(ours, theirs)| ours >= theirs * part))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_by_both_figures_or_not_at_all() {
        assert_eq!(Goal::AtMostOfKafka(0.5).judge(Some(1.0), Some(2.0)).1, Some(true));
        assert_eq!(Goal::AtMostOfKafka(0.5).judge(Some(1.1), Some(2.0)).1, Some(false));
        assert_eq!(Goal::AtLeastOfKafka(3.0).judge(Some(2.9), Some(1.0)).1, Some(false));
        assert_eq!(Goal::AtMost(50.0).judge(Some(50.1), None).1, Some(false));
        assert_eq!(Goal::AtMostOfKafka(0.5).judge(Some(1.0), None).1, None);
    }

    #[test]
    fn every_measure_has_one_row() {
        let mut all = Measure::ALL.to_vec();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), Measure::ALL.len());
    }
}
