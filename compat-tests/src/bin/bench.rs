//! Measures Catena beside Apache Kafka and prints a table; see `docs/benchmarks.md`.

use std::process::ExitCode;

use compat_tests::bench::settings::{Settings, help};
use compat_tests::bench::{report, run};

fn main() -> ExitCode {
    match Settings::parse(std::env::args().skip(1)).and_then(measure) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(settings: Option<Settings>) -> Result<(), String> {
    let Some(settings) = settings else {
        print!("{}", help());
        return Ok(());
    };
    for table in report::tables(&run::run(&settings)?) {
        println!("{table}");
        settings.out.as_ref().map_or(Ok(()), |path| table.write(path))?;
    }
    Ok(())
}
