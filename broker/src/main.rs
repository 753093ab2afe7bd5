//! The `catena` binary.

mod cli;
mod inspect;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use catena_broker::{loggers, server};
use clap::{Parser, Subcommand};

/// A Kafka-compatible broker.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Kafka's server.properties.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting that goes before the file's; may be repeated.
    #[arg(long = "override", value_name = "NAME=VALUE")]
    overrides: Vec<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

/// What to do instead of running a broker.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Inspect(inspect::Command),
    #[command(flatten)]
    Ask(cli::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::Inspect(command)) => return command.run(),
        Some(Command::Ask(command)) => return command.run(),
        None => {}
    }
    loggers::install(&std::env::var("CATENA_LOG").unwrap_or_default(), std::io::stderr().is_terminal());
    match server::run(arguments.config.as_deref(), &arguments.overrides) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("catena: {error}");
            ExitCode::FAILURE
        }
    }
}
