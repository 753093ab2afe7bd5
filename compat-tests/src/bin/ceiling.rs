//! The machine's ceiling for produce requests; see `bench::ceiling` and `docs/benchmarks.md`.

use std::path::PathBuf;
use std::process::ExitCode;

use compat_tests::bench::ceiling::{Plan, serve};

const USAGE: &str = "ceiling FOLDER LOG_BYTES [FILES PIECES]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(plan) = plan(&arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(&plan) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(plan: &Plan) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(plan, |address| println!("ready {address}")))
}

fn plan(arguments: &[String]) -> Option<Plan> {
    let (folder, log_bytes, files, pieces) = match arguments {
        [folder, log] => (folder, log.parse().ok()?, 0, 1),
        [folder, log, files, pieces] => (folder, log.parse().ok()?, files.parse().ok()?, pieces.parse().ok()?),
        _ => return None,
    };
    Some(Plan { folder: PathBuf::from(folder), log_bytes, files, pieces })
}
