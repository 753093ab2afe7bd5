//! Taking connections from a listener.
//!
//! What must always hold: a connection is served only with a place from `Admission`; while one waits for a place no
//! further one is taken from the kernel's backlog. An error of accept (no file descriptors left, for example) never
//! ends the loop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::admission::{Admission, Guest, Place};
use super::connection::{self, ConnectionLimits};
use super::listener::Listener;
use crate::broker::Broker;

/// Pause after a failed accept, so that a broker without file descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Settings of the sockets and their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSettings {
    /// `socket.send.buffer.bytes`; None leaves it to the system.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; None leaves it to the system.
    pub receive_buffer_bytes: Option<usize>,
    /// What one connection may do.
    pub connection: ConnectionLimits,
}

/// A connection that may be served.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    _guest: Guest,
    place: Place,
}

/// Accepts until the broker stops, then waits until each connection has answered what was in flight.
pub async fn accept(listener: Listener, broker: Arc<Broker>, settings: SocketSettings) {
    let mut connections = JoinSet::new();
    let mut stopping = broker.stopping.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.wait() => break,
            accepted = next(&listener, &broker, &broker.admission) => accepted,
        };
        configure(&accepted.stream, &settings);
        while connections.try_join_next().is_some() {}
        connections.spawn(serve(accepted, listener.name.clone(), broker.clone(), settings.connection));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(accepted: Accepted, listener: Arc<str>, broker: Arc<Broker>, limits: ConnectionLimits) {
    let Accepted { stream, peer, _guest, place } = accepted;
    connection::serve(stream, peer, listener, broker, limits, place.seat()).await;
}

/// The next connection that may be served, as soon as it may.
async fn next(listener: &Listener, broker: &Broker, admission: &Arc<Admission>) -> Accepted {
    loop {
        let (stream, peer) = match listener.socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(listener = %listener.name, "cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        let Some(guest) = admission.admit(peer.ip()) else {
            broker.metrics.connections_refused.one();
            debug!(%peer, "turned away: max.connections.per.ip");
            continue;
        };
        let place = guest.place().await;
        return Accepted { stream, peer, _guest: guest, place };
    }
}

/// Socket options are wishes: a connection works without them.
fn configure(stream: &TcpStream, settings: &SocketSettings) {
    let socket = SockRef::from(stream);
    let mut wishes = vec![stream.set_nodelay(true), socket.set_keepalive(true)];
    wishes.extend(settings.send_buffer_bytes.map(|bytes| socket.set_send_buffer_size(bytes)));
    wishes.extend(settings.receive_buffer_bytes.map(|bytes| socket.set_recv_buffer_size(bytes)));
    for error in wishes.into_iter().filter_map(Result::err) {
        debug!("cannot set a socket option: {error}");
    }
}
