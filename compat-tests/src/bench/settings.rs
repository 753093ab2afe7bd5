//! The command line, resolved: what to run, how often, how much.
//!
//! What must always hold: the same sizes hold for both brokers; `--quick` changes sizes, never what is done.

use std::path::PathBuf;
use std::time::Duration;

use super::latency::Schedule;
use super::system::System;

/// How to call the program.
pub const USAGE: &str = "\
bench [--quick] [--rounds N] [--only PART[,PART]] [--systems kafka[,catena]] [--out FILE]
  --quick     small volumes and one round: does it work? (under a minute)
  --rounds    how often each measurement is repeated (default 3)
  --only      produce, small, single, consume, latency, start (default: all)
  --systems   which brokers (default: kafka,catena)
  --out       also put the table between the markers of this markdown file";

/// A part of the program that can be chosen alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// 1 KiB records.
    Produce,
    /// 100 B records.
    Small,
    /// One record per request.
    Single,
    /// Reading back.
    Consume,
    /// End to end at a fixed rate.
    Latency,
    /// Start to first record; memory.
    Start,
}

/// What to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which brokers, in this order.
    pub systems: Vec<System>,
    /// Which parts.
    pub parts: Vec<Part>,
    /// How often.
    pub rounds: usize,
    /// Bytes of a round of the 1 KiB load; the others take a part of it.
    pub volume: u64,
    /// Bytes of the load nobody measures.
    pub warm_up_volume: u64,
    /// How often the topic is read in a round.
    pub consume_passes: usize,
    /// The fixed rate.
    pub schedule: Schedule,
    /// Where the table goes besides standard output.
    pub out: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            systems: vec![System::Kafka, System::Catena],
            parts: vec![Part::Produce, Part::Small, Part::Single, Part::Consume, Part::Latency, Part::Start],
            rounds: 3,
            volume: 1 << 30,
            warm_up_volume: 1 << 30,
            consume_passes: 4,
            schedule: Schedule {
                requests_per_second: 1000,
                records_per_request: 5,
                warm_up: Duration::from_secs(3),
                duration: Duration::from_secs(15),
            },
            out: None,
        }
    }
}

impl Settings {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// A message for the user.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self::default();
        while let Some(name) = arguments.next() {
            if name == "--quick" {
                settings = settings.quick();
                continue;
            }
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
            settings.set(&name, &value)?;
        }
        Ok(settings)
    }

    /// Whether a part was chosen.
    pub fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    fn quick(self) -> Self {
        let warm_up = Duration::from_millis(500);
        let schedule = Schedule { warm_up, duration: Duration::from_secs(2), ..self.schedule };
        Self { rounds: 1, volume: 64 << 20, warm_up_volume: 64 << 20, consume_passes: 2, schedule, ..self }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "--rounds" => self.rounds = value.parse().map_err(|e| format!("--rounds {value}: {e}"))?,
            "--only" => self.parts = value.split(',').map(part).collect::<Result<_, _>>()?,
            "--systems" => self.systems = value.split(',').map(system).collect::<Result<_, _>>()?,
            "--out" => self.out = Some(PathBuf::from(value)),
            _ => return Err(format!("{name}: no such option\n{USAGE}")),
        }
        if self.rounds == 0 { Err("--rounds 0: at least one".to_owned()) } else { Ok(()) }
    }
}

fn part(name: &str) -> Result<Part, String> {
    match name {
        "produce" => Ok(Part::Produce),
        "small" => Ok(Part::Small),
        "single" => Ok(Part::Single),
        "consume" => Ok(Part::Consume),
        "latency" => Ok(Part::Latency),
        "start" => Ok(Part::Start),
        _ => Err(format!("--only {name}: no such part\n{USAGE}")),
    }
}

fn system(name: &str) -> Result<System, String> {
    [System::Kafka, System::Catena]
        .into_iter()
        .find(|system| system.to_string() == name)
        .ok_or_else(|| format!("--systems {name}: no such broker\n{USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Settings, String> {
        Settings::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let settings = parse("--quick --rounds 2 --only produce,start --systems catena --out x.md").unwrap();
        assert_eq!((settings.rounds, settings.volume), (2, 64 << 20));
        assert_eq!(settings.parts, [Part::Produce, Part::Start]);
        assert_eq!(settings.systems, [System::Catena]);
        assert_eq!(settings.out, Some(PathBuf::from("x.md")));
        for wrong in ["--rounds 0", "--rounds x", "--only nothing", "--systems redis", "--fast 1", "--out"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
