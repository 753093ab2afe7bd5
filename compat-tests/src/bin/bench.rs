//! Measures Catena beside Apache Kafka and prints a table; see `docs/benchmarks.md`.

use std::process::ExitCode;

use compat_tests::bench::report::{self, Samples};
use compat_tests::bench::run;
use compat_tests::bench::settings::Settings;

fn main() -> ExitCode {
    match Settings::parse(std::env::args().skip(1)).and_then(|settings| measure(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(settings: &Settings) -> Result<(), String> {
    let mut samples = Samples::new();
    for system in &settings.systems {
        samples.insert(*system, run::run(*system, settings).map_err(|e| format!("{system}: {e}"))?);
    }
    let table = report::table(&samples);
    println!("{table}");
    settings.out.as_ref().map_or(Ok(()), |path| report::write(path, &table))
}
