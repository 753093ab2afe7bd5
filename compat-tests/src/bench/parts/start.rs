//! From starting the process to its first acknowledged record, and what it holds in memory then.
//!
//! What must always hold: the clock starts before the process does; the record is written with acks=all to a topic
//! that is created on the way; the data folder is new.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::bench::measure::Measure;
use crate::bench::run::Bench;
use crate::bench::system::{Load, Running, System};
use crate::bench::usage::{Memory, memory};
use crate::broker::free_ports;
use crate::catena;
use crate::process::Process;
use crate::wire::batch::BatchBuilder;
use crate::wire::{Connection, Result, now_ms};

const PATIENCE: Duration = Duration::from_secs(120);
/// A broker is called idle after so long without a request.
const SETTLE: Duration = Duration::from_secs(2);

/// All rounds, each with a process of its own.
pub fn part(bench: &mut Bench) -> Result<()> {
    bench.each_round(|bench, _| {
        let (duration, memory) = if bench.system == System::Catena { catena_run()? } else { run(bench.system)? };
        bench.add([
            (Measure::Start, duration.as_secs_f64() * 1e3),
            (Measure::IdleResident, memory.resident_kib as f64 / 1024.0),
            (Measure::IdleAnonymous, memory.anonymous_kib as f64 / 1024.0),
        ]);
        Ok(())
    })
}

fn run(system: System) -> Result<(Duration, Memory)> {
    let begin = Instant::now();
    let running = Running::start(system, Load { bytes: 0, partitions: 0, batches_per_request: 0 });
    first_record(&mut running.connect()?)?;
    Ok((begin.elapsed(), idle(running.pid())))
}

/// Without waiting for the ready line, which is looked for less often than a fast start deserves.
fn catena_run() -> Result<(Duration, Memory)> {
    let home = tempfile::Builder::new().prefix("catena-bench-").tempdir()?;
    let [port] = free_ports();
    let mut command = Command::new(catena::binary());
    command.arg("--override").arg(format!("listeners=PLAINTEXT://127.0.0.1:{port}"));
    command.arg("--override").arg(format!("log.dirs={}", home.path().join("data").display()));
    command.current_dir(home.path());
    let begin = Instant::now();
    let process = Process::start(command, &home.path().join("log"));
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    first_record(&mut Connection::connect_until(address, begin + PATIENCE)?)?;
    Ok((begin.elapsed(), idle(process.id())))
}

fn first_record(connection: &mut Connection) -> Result<()> {
    let topic = connection.create_topic("first", 1, &[])?;
    let mut builder = BatchBuilder::new(now_ms());
    let batch = builder.push(None, Some(b"first")).build();
    connection.produce(&topic, 0, &batch).map(drop)
}

fn idle(pid: u32) -> Memory {
    std::thread::sleep(SETTLE);
    memory(pid)
}
