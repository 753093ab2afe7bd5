//! One connection: one half reads and starts requests, the other writes the replies in order; one task drives both.
//!
//! What must always hold:
//! - A request is started only after all earlier ones of the connection are started; an inline one, only after it
//!   is finished, the next.
//! - A request that cannot be understood closes the connection, after the answers to the requests before it.
//! - When the peer is gone nothing of the connection goes on.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::admission::Seat;
use super::frame::{FrameBuffer, FrameError};
use super::output::Outgoing;
use super::{REPLY_BYTES_QUEUED_MAX, REQUEST_BYTES_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX};
use crate::broker::Broker;
use crate::dispatch::{Answer, Client, Refused, Work, begin};
use crate::metrics::Metrics;

/// What one connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
}

/// Why a connection ended.
#[derive(Debug, Error)]
enum End {
    /// The peer closed it, or the writing half ended.
    #[error("closed")]
    Closed,
    #[error("nothing was heard for connections.max.idle.ms")]
    Idle,
    #[error("there are more connections than max.connections allows by now")]
    Displaced,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Request(#[from] Refused),
    #[error("the broker stops")]
    Stopping,
}

impl End {
    /// Whether somebody is left to read the answers of what is in flight.
    fn answers_first(&self) -> bool {
        !matches!(self, Self::Closed | Self::Idle | Self::Displaced | Self::Io(_))
    }
}

/// A request that is begun, with its share of what the connection may hold.
struct Begun {
    work: Work,
    _request: Option<OwnedSemaphorePermit>,
    _reply: Option<OwnedSemaphorePermit>,
}

/// Bytes that a connection may hold. Something larger than the whole is let in alone.
struct Room {
    free: Arc<Semaphore>,
    bytes_max: usize,
}

impl Room {
    fn new(bytes_max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes_max)), bytes_max }
    }

    /// Waits until `bytes` fit. None never happens: rooms are not closed.
    async fn hold(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let permits = u32::try_from(bytes.min(self.bytes_max)).unwrap_or(u32::MAX);
        self.free.clone().acquire_many_owned(permits).await.ok()
    }
}

/// Serves `stream` until it ends.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    listener: Arc<str>,
    broker: Arc<Broker>,
    limits: ConnectionLimits,
    seat: &Arc<Seat>,
) {
    let _counted = broker.metrics.connection_opened();
    let mut client = Client::new(peer, listener, &broker.live);
    let activity = Activity::new(broker.metrics.clone(), seat.clone(), client.config().net.connection_idle_max);
    let (queue, replies) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
    let reader = Reader { stream: &stream, client, broker: &broker, activity: &activity };
    let mut writing = pin!(write_replies(&stream, replies, &activity));

    let end = tokio::select! {
        end = reader.run(limits, queue) => end,
        () = activity.silence() => End::Idle,
        () = seat.asked_to_leave() => End::Displaced,
        () = &mut writing => End::Closed,
    };
    note(&end, peer, &broker.metrics);
    if end.answers_first() {
        tokio::select! { () = writing => {}, () = activity.silence() => {} }
    }
}

fn note(end: &End, peer: SocketAddr, metrics: &Metrics) {
    match end {
        End::Frame(_) | End::Request(_) => {
            metrics.requests_refused.one();
            warn!(%peer, "closing the connection: {end}");
        }
        End::Idle => {
            metrics.connections_idle_closed.one();
            debug!(%peer, "closing the connection: {end}");
        }
        End::Closed | End::Displaced | End::Io(_) | End::Stopping => debug!(%peer, "the connection ends: {end}"),
    }
}

/// The half of a connection that reads and starts requests.
struct Reader<'a> {
    stream: &'a TcpStream,
    client: Client,
    broker: &'a Arc<Broker>,
    activity: &'a Activity,
}

impl Reader<'_> {
    /// Runs until the connection ends. Dropping the queue lets the writing half finish.
    async fn run(mut self, limits: ConnectionLimits, queue: mpsc::Sender<Begun>) -> End {
        let (requests, replies) = (Room::new(REQUEST_BYTES_IN_FLIGHT_MAX), Room::new(REPLY_BYTES_QUEUED_MAX));
        let mut stopping = self.broker.stopping.clone();
        let mut frames = FrameBuffer::new(limits.frame_bytes_max);
        let mut changes = self.broker.live.changes();
        self.activity.set_idle_max(self.client.config().net.connection_idle_max);
        loop {
            let frame = tokio::select! {
                biased;
                () = stopping.wait() => return End::Stopping,
                frame = self.next_frame(&mut frames) => frame,
                Ok(()) = changes.changed() => {
                    self.activity.set_idle_max(self.client.config().net.connection_idle_max);
                    continue;
                }
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(end) => return end,
            };
            let request = requests.hold(frame.len()).await;
            let work = match begin(self.broker, &mut self.client, frame) {
                Ok(work) => finish_inline(work).await,
                Err(refused) => return refused.into(),
            };
            self.activity.set_idle_max(self.client.config().net.connection_idle_max);
            let reply = replies.hold(finished_bytes(&work)).await;
            if queue.send(Begun { work, _request: request, _reply: reply }).await.is_err() {
                return End::Closed;
            }
        }
    }

    async fn next_frame(&self, frames: &mut FrameBuffer) -> Result<Bytes, End> {
        loop {
            if let Some(frame) = frames.take()? {
                return Ok(frame);
            }
            match self.stream.try_read_buf(frames.room()) {
                Ok(0) => return Err(End::Closed),
                Ok(received) => self.activity.received(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.readable().await?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

async fn finish_inline(work: Work) -> Work {
    match work {
        Work::Inline(answer) => Work::Done(answer.await),
        Work::Done(_) | Work::Queued(_) => work,
    }
}

/// Memory that a finished reply takes.
fn finished_bytes(work: &Work) -> usize {
    match work {
        Work::Done(Answer::Reply(reply)) => reply.memory_bytes,
        Work::Done(Answer::Silence | Answer::Close) | Work::Inline(_) | Work::Queued(_) => 0,
    }
}

/// Writes the replies in the order of the queue, those that are ready together in one go, until the queue ends, a write fails
/// or an answer says to close.
async fn write_replies(stream: &TcpStream, mut queue: mpsc::Receiver<Begun>, activity: &Activity) {
    let mut unready = None;
    loop {
        let next = match unready.take() {
            Some(begun) => Some(begun),
            None => queue.recv().await,
        };
        let Some(mut begun) = next else { return };
        let answer = begun.answer().await;
        let mut gathered = Gathered::default();
        let mut open = gathered.add(begun, answer);
        while open && gathered.out.has_room() {
            let Ok(mut begun) = queue.try_recv() else { break };
            let Some(answer) = begun.answer_if_ready().await else {
                unready = Some(begun);
                break;
            };
            open = gathered.add(begun, answer);
        }
        if let Err(error) = gathered.out.write(stream, activity).await {
            debug!("cannot write a reply: {error}");
            return;
        }
        if !open {
            return;
        }
    }
}

/// Replies that leave together, and what their requests hold until they have left.
#[derive(Default)]
struct Gathered {
    out: Outgoing,
    held: Vec<Begun>,
}

impl Gathered {
    /// Adds the answer to a request; whether the connection goes on.
    fn add(&mut self, begun: Begun, answer: Answer) -> bool {
        self.held.push(begun);
        match answer {
            Answer::Reply(reply) => self.out.add(reply),
            Answer::Silence => {}
            Answer::Close => return false,
        }
        true
    }
}

impl Begun {
    /// Waits for the answer. To be asked for once.
    async fn answer(&mut self) -> Answer {
        match std::mem::replace(&mut self.work, Work::Done(Answer::Close)) {
            Work::Done(answer) => answer,
            Work::Inline(answer) | Work::Queued(answer) => answer.await,
        }
    }

    /// The answer, unless it has to be waited for; then it can be asked for again.
    async fn answer_if_ready(&mut self) -> Option<Answer> {
        match &mut self.work {
            Work::Done(_) => Some(self.answer().await),
            Work::Inline(answer) | Work::Queued(answer) => tokio::select! {
                biased;
                answer = answer => Some(answer),
                () = std::future::ready(()) => None,
            },
        }
    }
}

/// When bytes last moved, and how many did.
pub struct Activity {
    seat: Arc<Seat>,
    /// `connections.max.idle.ms` of this client; `u64::MAX` is without end.
    idle_max_ms: AtomicU64,
    idle_changed: Notify,
    metrics: Arc<Metrics>,
}

impl Activity {
    fn new(metrics: Arc<Metrics>, seat: Arc<Seat>, idle_max: Option<Duration>) -> Self {
        Self { seat, idle_max_ms: AtomicU64::new(idle_ms(idle_max)), idle_changed: Notify::new(), metrics }
    }

    /// How long nothing may move, from now on.
    fn set_idle_max(&self, idle_max: Option<Duration>) {
        let idle_max_ms = idle_ms(idle_max);
        if self.idle_max_ms.load(Ordering::Relaxed) != idle_max_ms {
            self.idle_max_ms.store(idle_max_ms, Ordering::Relaxed);
            self.idle_changed.notify_one();
        }
    }

    /// Bytes went out.
    pub fn sent(&self, bytes: usize) {
        self.metrics.bytes_out.add(bytes);
        self.moved();
    }

    fn received(&self, bytes: usize) {
        self.metrics.bytes_in.add(bytes);
        self.moved();
    }

    fn moved(&self) {
        self.seat.heard();
    }

    /// Completes when nothing moved for as long as that may be.
    async fn silence(&self) {
        loop {
            let Some(deadline) = self.deadline() else {
                self.idle_changed.notified().await;
                continue;
            };
            if Instant::now() >= deadline {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => {}
                () = self.idle_changed.notified() => {}
            }
        }
    }

    /// When it has been silent for too long; never, for a time that no clock can tell.
    fn deadline(&self) -> Option<Instant> {
        self.seat.silent_for(self.idle_max_ms.load(Ordering::Relaxed)).map(Instant::from_std)
    }
}

fn idle_ms(idle_max: Option<Duration>) -> u64 {
    idle_max.and_then(|idle_max| u64::try_from(idle_max.as_millis()).ok()).unwrap_or(u64::MAX)
}
