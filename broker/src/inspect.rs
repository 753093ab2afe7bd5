//! The commands that look at data directories and change nothing.
//!
//! What must always hold: 0 means that all is well, 1 that there are problems, 2 that nobody could look; findings go to stdout, why nobody
//! could look to stderr, in one line.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use catena_storage::check::{DumpOptions, Finding, check, dump};
use catena_storage::fs::{FileSystem, RealFileSystem};
use clap::{Args, Subcommand};

/// There are problems.
const PROBLEMS: u8 = 1;
/// Nobody could look.
const NO_LOOK: u8 = 2;

/// What to look at.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Verify data directories without changing anything; a broker may be at work in them.
    Check(Check),
    /// Print what a data directory holds without changing anything: catalog, journal and batches, unless some are asked for.
    Dump(Dump),
}

/// `catena check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The data directories of one broker, all of `log.dirs`.
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
}

/// `catena dump`.
#[derive(Debug, Args)]
pub struct Dump {
    /// The data directory.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only of this topic.
    #[arg(long, value_name = "NAME")]
    topic: Option<String>,
    /// Only of partitions with this index.
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    /// The catalog: its rows, and the events that announced them.
    #[arg(long)]
    catalog: bool,
    /// The journal: its slots, and the bytes of segments in them.
    #[arg(long)]
    journal: bool,
    /// The batches of one segment file; a name alone is looked for in the directory.
    #[arg(long, value_name = "FILE")]
    segment: Option<PathBuf>,
    /// With each batch its records, with the sizes of their keys and values.
    #[arg(long)]
    records: bool,
    /// As --records, with the front of keys and values.
    #[arg(long)]
    contents: bool,
}

impl Dump {
    /// Everything, unless a part was named.
    fn options(&self) -> DumpOptions {
        let records = self.records || self.contents;
        let everything = !self.catalog && !self.journal && !records;
        DumpOptions {
            topic: self.topic.clone(),
            partition: self.partition,
            catalog: self.catalog || everything,
            journal: self.journal || everything,
            segments: records || everything,
            segment: self.segment.clone(),
            records,
            contents: self.contents,
        }
    }
}

impl Command {
    /// Does it.
    pub fn run(self) -> ExitCode {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let mut out = BufWriter::new(io::stdout().lock());
        let outcome = match self {
            Self::Check(arguments) => run_check(&fs, &arguments, &mut out),
            Self::Dump(arguments) => dump(&fs, &arguments.dir, &arguments.options(), &mut out)
                .map(|()| ExitCode::SUCCESS)
                .map_err(|error| error.to_string()),
        };
        match outcome.and_then(|code| out.flush().map(|()| code).map_err(|error| error.to_string())) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("catena: {error}");
                ExitCode::from(NO_LOOK)
            }
        }
    }
}

fn run_check(fs: &Arc<dyn FileSystem>, arguments: &Check, out: &mut dyn Write) -> Result<ExitCode, String> {
    let mut written = Ok(());
    let mut tell = |finding: Finding| {
        if written.is_ok() {
            written = writeln!(out, "{finding}");
        }
    };
    let summary = check(fs, &arguments.dirs, &mut tell).map_err(|error| error.to_string())?;
    written.and_then(|()| writeln!(out, "{summary}")).map_err(|error| error.to_string())?;
    Ok(if summary.problems == 0 { ExitCode::SUCCESS } else { ExitCode::from(PROBLEMS) })
}
