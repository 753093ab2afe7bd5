//! The command line, resolved: what to run, how often, how much.
//!
//! What must always hold: the same sizes hold for all programs; sizes change how much is done, never what.

use std::path::PathBuf;
use std::time::Duration;

use super::parts::Part;
use super::system::System;

const USAGE: &str = "\
bench [--quick] [--rounds N] [--only PART[,PART]] [--systems SYSTEM[,SYSTEM]] [--out FILE]
      [--profile FOLDER] [SIZES]
  --quick           small sizes and one round: does it work? (about a minute)
  --rounds N        how often each measurement is repeated (default 3)
  --only PARTS      which parts (default: all)
  --systems NAMES   kafka, catena, ceiling, ceiling-files (default: all)
  --profile FOLDER  profile with perf what is measured; the figures suffer a little
  --out FILE        also put the rows between the markers of this markdown file

SIZES, each with a default:
  --volume-mib N    MiB of 1 KiB records in a round of a produce load; the other loads take a part of it
  --warm-up-mib N   MiB of the load nobody measures
  --partitions N,N  of the part `partitions`
  --seconds N       how long the fixed rate of the part `latency` lasts
  --cold-mib N      MiB that a round of the part `cold` reads from the disk
  --paired-seconds N
                    how long each load of the part `rollouts` lasts (default 180)
  --restart-gib N,N GiB of data of the part `restart`; what does not fit on the disk is left out

PARTS, each with brokers of its own:
";

/// What to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which programs, in this order.
    pub systems: Vec<System>,
    /// Which parts.
    pub parts: Vec<Part>,
    /// How often.
    pub rounds: usize,
    /// Where the table goes besides standard output.
    pub out: Option<PathBuf>,
    /// Where profiles go, if they are wanted.
    pub profiles: Option<PathBuf>,
    /// How much.
    pub sizes: Sizes,
}

/// How much is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// Bytes of a round of the 1 KiB load; the others take a part of it.
    pub volume: u64,
    /// Bytes of the load nobody measures.
    pub warm_up: u64,
    /// How long a round of a produce load lasts at most, and its warm-up.
    pub limit: Duration,
    /// Numbers of partitions besides 12.
    pub partitions: Vec<i32>,
    /// How often the topic is read in a round.
    pub consume_passes: usize,
    /// How long the fixed rate lasts before anything counts.
    pub rate_warm_up: Duration,
    /// How long it lasts and counts.
    pub rate_duration: Duration,
    /// Bytes that are read from the disk in a round.
    pub cold: u64,
    /// How long producers are measured without a reader.
    pub alone: Duration,
    /// How long a measurement waits for an idle disk.
    pub settle: Duration,
    /// Data that a restart finds, MiB.
    pub restart_mib: Vec<u64>,
    /// Records of configuration that a start finds.
    pub config_records: i32,
    /// How long no, one and ten rollouts take turns under each load.
    pub paired: Duration,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            volume: 1 << 30,
            warm_up: 2 << 30,
            limit: Duration::from_secs(30),
            partitions: vec![1_000, 5_000],
            consume_passes: 4,
            rate_warm_up: Duration::from_secs(5),
            rate_duration: Duration::from_secs(60),
            cold: 2 << 30,
            alone: Duration::from_secs(10),
            settle: Duration::from_secs(20),
            restart_mib: vec![1 << 10, 10 << 10, 40 << 10],
            config_records: 100_000,
            paired: Duration::from_secs(180),
        }
    }
}

impl Sizes {
    /// Sizes that show whether everything works, and nothing else.
    pub fn quick() -> Self {
        Self {
            volume: 32 << 20,
            warm_up: 32 << 20,
            limit: Duration::from_secs(5),
            partitions: vec![100],
            consume_passes: 1,
            rate_warm_up: Duration::from_millis(200),
            rate_duration: Duration::from_secs(1),
            cold: 32 << 20,
            alone: Duration::from_millis(500),
            settle: Duration::from_millis(100),
            restart_mib: vec![32, 64],
            config_records: 2_000,
            paired: Duration::from_secs(5),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let (systems, parts) = (System::ALL.to_vec(), Part::ALL.to_vec());
        Self { systems, parts, rounds: 3, out: None, profiles: None, sizes: Sizes::default() }
    }
}

/// What `--help` prints.
pub fn help() -> String {
    let parts = Part::ALL.map(|part| format!("  {:<12}{}\n", part.name(), part.description()));
    format!("{USAGE}{}", parts.concat())
}

impl Settings {
    /// Reads the arguments that follow the program's name; nothing when help is asked for.
    ///
    /// # Errors
    /// A message for the user.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut settings = Self::default();
        while let Some(name) = arguments.next() {
            match name.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => settings = Self { rounds: 1, sizes: Sizes::quick(), ..settings },
                _ => {
                    let value = arguments.next().ok_or_else(|| format!("{name} needs a value; see --help"))?;
                    settings.set(&name, &value).map_err(|reason| format!("{name} {value}: {reason}; see --help"))?;
                }
            }
        }
        Ok(Some(settings))
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let sizes = &mut self.sizes;
        match name {
            "--rounds" => self.rounds = positive(value)? as usize,
            "--only" => self.parts = list(value, |name| Part::ALL.into_iter().find(|part| part.name() == name))?,
            "--systems" => self.systems = list(value, |name| System::ALL.into_iter().find(|s| s.to_string() == name))?,
            "--out" => self.out = Some(PathBuf::from(value)),
            "--profile" => self.profiles = Some(PathBuf::from(value)),
            "--volume-mib" => sizes.volume = positive(value)? << 20,
            "--warm-up-mib" => sizes.warm_up = positive(value)? << 20,
            "--partitions" => sizes.partitions = list(value, |n| n.parse().ok().filter(|n| *n > 0))?,
            "--seconds" => sizes.rate_duration = Duration::from_secs(positive(value)?),
            "--paired-seconds" => sizes.paired = Duration::from_secs(positive(value)?),
            "--cold-mib" => sizes.cold = positive(value)? << 20,
            "--restart-gib" => sizes.restart_mib = list(value, |n| positive(n).ok().map(|gib| gib << 10))?,
            _ => return Err("no such option".to_owned()),
        }
        Ok(())
    }
}

/// At most so much that it can be counted in bytes.
fn positive(value: &str) -> Result<u64, String> {
    let number: u32 = value.parse().map_err(|e| format!("{e}"))?;
    if number == 0 { Err("at least 1".to_owned()) } else { Ok(u64::from(number)) }
}

fn list<T>(value: &str, one: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    value.split(',').map(|item| one(item).ok_or_else(|| format!("{item} is none"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Settings>, String> {
        Settings::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read_and_wrong_ones_are_named() {
        let line = "--quick --rounds 2 --only produce,start --systems catena,ceiling --out x.md --restart-gib 1,10";
        let settings = parse(line).unwrap().unwrap();
        assert_eq!((settings.rounds, settings.sizes.volume), (2, 32 << 20));
        assert_eq!(settings.parts, [Part::Produce, Part::Start]);
        assert_eq!(settings.systems, [System::Catena, System::Ceiling]);
        assert_eq!(settings.sizes.restart_mib, [1 << 10, 10 << 10]);
        assert_eq!(settings.out, Some(PathBuf::from("x.md")));
        for wrong in ["--rounds 0", "--rounds x", "--only nothing", "--systems redis", "--fast 1", "--out"] {
            assert!(parse(wrong).is_err_and(|message| message.starts_with(wrong)), "{wrong}");
        }
    }

    #[test]
    fn help_names_every_part() {
        assert!(parse("--rounds 1 --help").unwrap().is_none());
        assert!(Part::ALL.iter().all(|part| help().contains(part.name())));
    }
}
