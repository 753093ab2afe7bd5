//! The loggers of the process and their levels, which can be changed while it runs (KIP-412).
//!
//! What must always hold: what is described is what the process logs by; a logger without a level of its own has that of
//! the nearest one above it, at last that of `root`.
//!
//! Levels belong to the process, as the one subscriber of `tracing` does: hence the one static here. Loggers are the
//! targets of the program's own modules.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tracing::info;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt};

/// The logger that all others fall back to.
pub const ROOT: &str = "root";

/// The modules that log; each can have a level of its own.
const NAMES: &[&str] = &[
    "catena_broker",
    "catena_broker::config",
    "catena_broker::control",
    "catena_broker::dispatch",
    "catena_broker::fleet",
    "catena_broker::groups",
    "catena_broker::loggers",
    "catena_broker::monitoring",
    "catena_broker::net",
    "catena_broker::producers",
    "catena_broker::server",
    "catena_broker::topics",
    "catena_storage",
];

/// Kafka's levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing: what ends the process is said anyway.
    Fatal,
    /// A human must look.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What happens.
    Info,
    /// Why it happens.
    Debug,
    /// Everything.
    Trace,
}

/// The levels that are set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels {
    root: Level,
    set: BTreeMap<&'static str, Level>,
}

static LEVELS: Mutex<Levels> = Mutex::new(Levels { root: Level::Info, set: BTreeMap::new() });
static FILTER: OnceLock<Handle<Targets, Registry>> = OnceLock::new();

/// Begins to log to the standard error, by `directives` as in `info,catena_broker::groups=debug`.
pub fn install(directives: &str, colours: bool) {
    let levels = Levels::parse(directives);
    let (filter, handle) = reload::Layer::new(levels.filter());
    *locked() = levels;
    let lines = fmt::layer().with_ansi(colours).with_writer(std::io::stderr);
    let installed = tracing_subscriber::registry().with(filter.and_then(lines)).try_init();
    if installed.is_ok() {
        // Set once: another subscriber would have been refused.
        let _ = FILTER.set(handle);
    }
}

/// The logger of that name.
pub fn named(name: &str) -> Option<&'static str> {
    [ROOT].iter().chain(NAMES).find(|known| **known == name).copied()
}

/// All loggers with the levels they log by.
pub fn levels() -> Vec<(&'static str, Level)> {
    let levels = locked();
    [ROOT].iter().chain(NAMES).map(|name| (*name, levels.of(name))).collect()
}

/// Gives loggers levels, at once; `None` gives a logger that of the one above it.
pub fn set(changes: &[(&'static str, Option<Level>)]) {
    let mut levels = locked();
    changes.iter().for_each(|(name, level)| levels.set(name, *level));
    if let Some(filter) = FILTER.get() {
        // It fails only when the subscriber is gone, and then nothing is logged.
        let _ = filter.reload(levels.filter());
    }
    drop(levels);
    changes
        .iter()
        .for_each(|(logger, level)| info!(logger, level = level.map(Level::name), "level of a logger changed"));
}

fn locked() -> MutexGuard<'static, Levels> {
    LEVELS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Levels {
    /// What cannot be read is left out.
    fn parse(directives: &str) -> Self {
        let mut levels = Self { root: Level::Info, set: BTreeMap::new() };
        for directive in directives.split(',').map(str::trim) {
            let (name, level) = directive.split_once('=').unwrap_or((ROOT, directive));
            let level = Level::from_name(&level.to_ascii_uppercase());
            if let (Some(name), Some(level)) = (named(name), level) {
                levels.set(name, Some(level));
            }
        }
        levels
    }

    fn set(&mut self, name: &'static str, level: Option<Level>) {
        match level {
            Some(level) if name == ROOT => self.root = level,
            Some(level) => drop(self.set.insert(name, level)),
            None => drop(self.set.remove(name)),
        }
    }

    fn of(&self, name: &str) -> Level {
        let above = |name: &str| name.rsplit_once("::").and_then(|(above, _)| self.set.get(above));
        *self.set.get(name).or_else(|| above(name)).unwrap_or(&self.root)
    }

    fn filter(&self) -> Targets {
        let set = self.set.iter().map(|(name, level)| (*name, level.filter()));
        Targets::new().with_default(self.root.filter()).with_targets(set)
    }
}

impl Level {
    const ALL: [Self; 6] = [Self::Fatal, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The level of that name, in capital letters.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Kafka's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fatal => "FATAL",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Fatal => LevelFilter::OFF,
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_logger_without_a_level_has_that_of_the_one_above_it() {
        let mut levels = Levels::parse("warn,catena_broker=debug,nobody=trace,catena_storage=loud");
        let of = |levels: &Levels, name| levels.of(name);
        assert_eq!(of(&levels, "catena_broker::groups"), Level::Debug);
        assert_eq!(of(&levels, "catena_storage"), Level::Warn);
        levels.set("catena_broker::groups", Some(Level::Trace));
        levels.set("catena_broker", None);
        assert_eq!(
            (of(&levels, "catena_broker::groups"), of(&levels, "catena_broker::net")),
            (Level::Trace, Level::Warn)
        );
    }

    #[test]
    fn the_filter_lets_through_what_the_levels_say() {
        let filter = Levels::parse("error,catena_broker::net=debug").filter();
        assert!(filter.would_enable("catena_broker::net::connection", &tracing::Level::DEBUG));
        assert!(!filter.would_enable("catena_broker::groups", &tracing::Level::WARN));
        assert!(!Levels::parse("fatal").filter().would_enable("catena_storage", &tracing::Level::ERROR));
    }

    #[test]
    fn each_module_that_logs_has_a_logger() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let entries = std::fs::read_dir(&source).expect("the sources").flatten();
        let logging = entries.map(|entry| entry.path()).filter(|path| logs(path));
        let names = logging.map(|path| format!("catena_broker::{}", path.file_stem().expect("a name").display()));
        let forgotten: Vec<_> = names.filter(|name| named(name).is_none()).collect();
        assert!(forgotten.is_empty(), "not among the loggers: {forgotten:?}");
    }

    fn logs(path: &Path) -> bool {
        if let Ok(entries) = std::fs::read_dir(path) {
            return entries.flatten().any(|entry| logs(&entry.path()));
        }
        std::fs::read_to_string(path).is_ok_and(|text| text.contains("\nuse tracing::"))
    }
}
