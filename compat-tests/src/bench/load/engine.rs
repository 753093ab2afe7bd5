//! The loop that keeps all lanes busy.
//!
//! 1. Hand out what is due: into every window with room, or what the schedule says.
//! 2. Send what the sockets take.
//! 3. Wait for sockets, but not beyond the next request that is due; read answers.
//!
//! What must always hold: one thread does all of it, so that on a small machine the generator takes as little from the
//! broker as it can; the loop ends when every request that was handed out is answered.

use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::event::{Timespec, epoll};

use super::frames::Frames;
use super::lane::Lane;
use super::{Outcome, Pace, Progress, Shape, histogram};
use crate::bench::system::Running;
use crate::bench::usage;
use crate::wire::{Result, invalid};

/// A broker that says nothing for so long is taken for dead.
const PATIENCE: Duration = Duration::from_secs(60);
const EVENTS: usize = 64;

/// What to send, how, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// The requests.
    pub frames: &'a Frames,
    /// Connections and window.
    pub shape: Shape,
    /// When they are due.
    pub pace: Pace,
    /// How many requests,
    pub requests: u64,
    /// unless this ends before.
    pub limit: Duration,
    /// What was done so far; others may look, and end the job early.
    pub progress: &'a Progress,
}

/// Sends about `bytes` of record batches as fast as they are acknowledged, however long that takes.
///
/// # Errors
/// Of a socket, or the first error code.
pub fn run(broker: &Running, frames: &Frames, shape: Shape, bytes: u64) -> Result<Outcome> {
    run_within(broker, frames, shape, bytes, Duration::MAX)
}

/// The same, but no longer than `limit`.
///
/// # Errors
/// Of a socket, or the first error code.
pub fn run_within(broker: &Running, frames: &Frames, shape: Shape, bytes: u64, limit: Duration) -> Result<Outcome> {
    let requests = frames.requests_for(bytes);
    run_job(broker, Job { frames, shape, pace: Pace::Full, requests, limit, progress: &Progress::default() })
}

/// Does `job` and accounts for it.
///
/// # Errors
/// Of a socket, or the first error code.
pub fn run_job(broker: &Running, job: Job<'_>) -> Result<Outcome> {
    let pid = broker.pid();
    let mut engine = Engine::new(broker, job)?;
    let (broker_before, client_before) = (usage::cpu(pid), usage::thread_cpu());
    engine.run()?;
    Ok(Outcome {
        bytes: engine.bytes,
        requests: engine.answered,
        wall: engine.begin.elapsed(),
        broker_cpu: usage::cpu(pid) - broker_before,
        client_cpu: usage::thread_cpu() - client_before,
        acknowledged: engine.acknowledged,
    })
}

struct Engine<'a> {
    job: Job<'a>,
    /// Whether answers must speak of every batch.
    strict: bool,
    begin: Instant,
    poll: OwnedFd,
    lanes: Vec<Lane>,
    handed_out: u64,
    answered: u64,
    bytes: u64,
    acknowledged: Histogram<u64>,
}

impl<'a> Engine<'a> {
    fn new(broker: &Running, job: Job<'a>) -> Result<Self> {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let stream = || broker.connect().and_then(|connection| connection.stream().try_clone());
        let streams: Vec<TcpStream> = (0..job.shape.connections).map(|_| stream()).collect::<Result<_>>()?;
        let lanes: Vec<Lane> = streams.into_iter().map(Lane::new).collect::<Result<_>>()?;
        for (index, lane) in lanes.iter().enumerate() {
            let interest = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
            epoll::add(&poll, lane.stream(), epoll::EventData::new_u64(index as u64), interest)?;
        }
        let (strict, acknowledged) = (broker.names_batches(), histogram()?);
        Ok(Self { job, strict, begin: Instant::now(), poll, lanes, handed_out: 0, answered: 0, bytes: 0, acknowledged })
    }

    fn run(&mut self) -> Result<()> {
        self.begin = Instant::now();
        let mut events = [MaybeUninit::uninit(); EVENTS];
        (0..self.lanes.len()).try_for_each(|lane| self.fill(lane))?;
        loop {
            self.hand_out_scheduled()?;
            if self.is_exhausted() && self.answered == self.handed_out {
                return Ok(());
            }
            let patience = self.next_due().map_or(PATIENCE, |due| due.saturating_duration_since(Instant::now()));
            let (ready, _) = epoll::wait(&self.poll, &mut events, Some(&timespec(patience)))?;
            if ready.is_empty() && patience == PATIENCE {
                return Err(invalid(format!("no answer for {PATIENCE:?}")));
            }
            for event in ready.iter() {
                self.serve(event.data.u64() as usize)?;
            }
        }
    }

    /// Reads and sends until the socket has nothing more to give or take, as edge-triggered events ask for.
    fn serve(&mut self, index: usize) -> Result<()> {
        let Self { job, lanes, strict, answered, bytes, acknowledged, .. } = self;
        let now = Instant::now();
        lanes[index].receive(*strict, |answer| {
            *answered += 1;
            *bytes += answer.bytes;
            job.progress.add(answer.bytes);
            acknowledged.saturating_record((now.saturating_duration_since(answer.due).as_nanos() as u64).max(1));
        })?;
        self.fill(index)
    }

    fn fill(&mut self, index: usize) -> Result<()> {
        if matches!(self.job.pace, Pace::Full) {
            while self.lanes[index].in_flight() < self.job.shape.window && !self.is_exhausted() {
                self.hand_out(index, Instant::now());
            }
        }
        self.lanes[index].flush(self.job.frames)
    }

    fn hand_out_scheduled(&mut self) -> Result<()> {
        while let Some(due) = self.next_due().filter(|due| *due <= Instant::now()) {
            let index = self.handed_out as usize % self.lanes.len();
            self.hand_out(index, due);
            self.lanes[index].flush(self.job.frames)?;
        }
        Ok(())
    }

    fn hand_out(&mut self, index: usize, due: Instant) {
        self.lanes[index].push(self.job.frames.get(index, self.handed_out as usize), due);
        self.handed_out += 1;
    }

    /// When the next request of a fixed pace is due.
    fn next_due(&self) -> Option<Instant> {
        match self.job.pace {
            Pace::Fixed(per_second) if !self.is_exhausted() => {
                Some(self.begin + Duration::from_nanos(self.handed_out * 1_000_000_000 / u64::from(per_second)))
            }
            _ => None,
        }
    }

    fn is_exhausted(&self) -> bool {
        self.handed_out >= self.job.requests || self.job.progress.is_stopped() || self.begin.elapsed() >= self.job.limit
    }
}

/// A duration as system calls take it.
pub fn timespec(duration: Duration) -> Timespec {
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: i64::from(duration.subsec_nanos()) }
}
