//! One connection: a task that reads and starts requests, and a task that writes the replies in order.
//!
//! What must always hold:
//! - A request is started only after all earlier ones of the connection are started; an inline one, only after it
//!   is finished, the next.
//! - A request that cannot be understood closes the connection, after the answers to the requests before it.
//! - When the peer is gone nothing of the connection goes on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::frame::{FrameBuffer, FrameError};
use super::output::write_reply;
use super::{REPLY_BYTES_QUEUED_MAX, REQUESTS_IN_FLIGHT_MAX};
use crate::broker::Broker;
use crate::dispatch::{Answer, Client, Refused, Work, begin};
use crate::metrics::Metrics;
use crate::reply::Reply;

/// What one connection may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// `connections.max.idle.ms`; None never closes an idle connection.
    pub idle_max: Option<Duration>,
}

/// Why a connection ended.
#[derive(Debug, Error)]
enum End {
    /// The peer closed it, or it broke.
    #[error("closed by the peer")]
    Peer,
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
        !matches!(self, Self::Peer | Self::Io(_))
    }
}

/// A request that is begun; the permit stands for the memory of its finished reply.
struct Begun {
    work: Work,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Serves `stream` until it ends.
pub async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    listener: Arc<str>,
    broker: Arc<Broker>,
    limits: ConnectionLimits,
) {
    let _counted = broker.metrics.connection_opened();
    let stream = Arc::new(stream);
    let activity = Arc::new(Activity::new(broker.metrics.clone()));
    let (queue, replies) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
    let mut writer = tokio::spawn(write_replies(stream.clone(), replies, activity.clone()));
    let client = Client::new(peer, listener);

    let end = tokio::select! {
        end = read_requests(&stream, client, &broker, limits, queue, &activity) => end,
        () = activity.silence(limits.idle_max) => End::Peer,
        _ = &mut writer => End::Peer,
    };
    match &end {
        End::Frame(_) | End::Request(_) => warn!(%peer, "closing the connection: {end}"),
        _ => debug!(%peer, "connection ends: {end}"),
    }
    if end.answers_first() && !writer.is_finished() {
        let silent = activity.silence(limits.idle_max);
        tokio::select! { _ = &mut writer => {}, () = silent => {} }
    }
    writer.abort();
}

/// Reads and starts requests until the connection ends. Dropping the queue lets the writer finish.
async fn read_requests(
    stream: &TcpStream,
    mut client: Client,
    broker: &Arc<Broker>,
    limits: ConnectionLimits,
    queue: mpsc::Sender<Begun>,
    activity: &Activity,
) -> End {
    let memory = Arc::new(Semaphore::new(REPLY_BYTES_QUEUED_MAX));
    let mut stopping = broker.stopping.clone();
    let mut frames = FrameBuffer::new(limits.frame_bytes_max);
    loop {
        let frame = tokio::select! {
            biased;
            () = stopping.wait() => return End::Stopping,
            frame = next_frame(stream, &mut frames, activity) => frame,
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(end) => return end,
        };
        let begun = match begin(broker, &mut client, frame) {
            Ok(work) => finish_inline(work, &memory).await,
            Err(refused) => return refused.into(),
        };
        if queue.send(begun).await.is_err() {
            return End::Peer;
        }
    }
}

/// Completes inline work, and waits until the reply fits into what the connection may hold.
async fn finish_inline(work: Work, memory: &Arc<Semaphore>) -> Begun {
    let Work::Inline(answer) = work else { return Begun { work, _memory: None } };
    let answer = answer.await;
    let bytes = match &answer {
        Answer::Reply(reply) => reply.memory_bytes.min(REPLY_BYTES_QUEUED_MAX),
        Answer::Silence | Answer::Close => 0,
    };
    // Never closed, so never an error.
    let permit = memory.clone().acquire_many_owned(bytes as u32).await.ok();
    Begun { work: Work::Done(answer), _memory: permit }
}

async fn next_frame(stream: &TcpStream, frames: &mut FrameBuffer, activity: &Activity) -> Result<Bytes, End> {
    loop {
        if let Some(frame) = frames.take()? {
            return Ok(frame);
        }
        match stream.try_read_buf(frames.room()) {
            Ok(0) => return Err(End::Peer),
            Ok(received) => activity.received(received),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.readable().await?,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Writes the replies in the order of the queue, until the queue ends, a write fails or an answer says to close.
async fn write_replies(stream: Arc<TcpStream>, mut queue: mpsc::Receiver<Begun>, activity: Arc<Activity>) {
    while let Some(Begun { work, _memory }) = queue.recv().await {
        let answer = match work {
            Work::Done(answer) => answer,
            Work::Inline(answer) | Work::Queued(answer) => answer.await,
        };
        match answer {
            Answer::Reply(reply) => {
                if let Err(error) = write_one(&stream, reply, &activity).await {
                    debug!("cannot write a reply: {error}");
                    return;
                }
            }
            Answer::Silence => {}
            Answer::Close => return,
        }
    }
}

async fn write_one(stream: &TcpStream, reply: Reply, activity: &Arc<Activity>) -> io::Result<()> {
    write_reply(stream, reply, activity).await
}

/// When bytes last moved, and how many did.
pub struct Activity {
    opened: Instant,
    /// Milliseconds after `opened`.
    last_ms: AtomicU64,
    metrics: Arc<Metrics>,
}

impl Activity {
    fn new(metrics: Arc<Metrics>) -> Self {
        Self { opened: Instant::now(), last_ms: AtomicU64::new(0), metrics }
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
        self.last_ms.store(self.opened.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// Completes when nothing moved for `idle_max`.
    async fn silence(&self, idle_max: Option<Duration>) {
        let Some(idle_max) = idle_max else { return std::future::pending().await };
        loop {
            let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            let deadline = self.opened + last + idle_max;
            if Instant::now() >= deadline {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}
