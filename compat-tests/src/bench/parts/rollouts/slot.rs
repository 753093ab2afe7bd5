//! A slot: what the broker used while nothing changed, by the request.

use std::time::Duration;

use crate::bench::counters::{Counters, Instructions};
use crate::bench::load::Progress;
use crate::bench::system::Running;
use crate::bench::usage::ThreadsCpu;
use crate::wire::Result;

/// From the switch to the slot: clients have sent their next request meanwhile.
const SETTLE: Duration = Duration::from_millis(250);
const SLOT: Duration = Duration::from_millis(1_000);

/// What was used in a slot.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slot {
    cpu: Duration,
    instructions: Option<Instructions>,
    requests: u64,
}

impl Slot {
    /// CPU time of a request, microseconds.
    pub fn cpu_us(&self) -> Option<f64> {
        Some(self.cpu.as_secs_f64() * 1e6 / self.requests as f64)
    }

    /// Instructions of the program for a request.
    pub fn user_instructions(&self) -> Option<f64> {
        self.instructions.map(|counted| counted.user as f64 / self.requests as f64)
    }

    /// Those of the system too.
    pub fn instructions(&self) -> Option<f64> {
        self.instructions.map(|counted| (counted.user + counted.kernel) as f64 / self.requests as f64)
    }
}

/// Waits until the switch is over, then measures; instructions too, if `counts`. Nothing when no request was answered.
///
/// # Errors
/// Of `perf`.
pub fn measure(running: &Running, progress: &Progress, counts: bool) -> Result<Option<Slot>> {
    let mut counters = counts.then(|| Counters::attach(running.pid())).transpose()?;
    std::thread::sleep(SETTLE);
    counters.as_mut().map_or(Ok(()), Counters::begin)?;
    let (cpu_before, before) = (ThreadsCpu::of(running.pid()), progress.requests());
    std::thread::sleep(SLOT);
    let (requests, cpu) = (progress.requests() - before, ThreadsCpu::of(running.pid()).since(&cpu_before));
    let instructions = counters.map(Counters::end).transpose()?;
    Ok((requests > 0).then_some(Slot { cpu, instructions, requests }))
}
