//! Taking connections from a listener.
//!
//! What must always hold: at most `connections_max` connections are open over all listeners; further ones wait in
//! the kernel's backlog. An error of accept (no file descriptors left, for example) never ends the loop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::connection::{self, ConnectionLimits};
use super::listener::Listener;
use crate::broker::Broker;

/// Pause after a failed accept, so that a broker without file descriptors does not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Settings of the sockets and their connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketSettings {
    /// `max.connections`.
    pub connections_max: usize,
    /// `socket.send.buffer.bytes`; None leaves it to the system.
    pub send_buffer_bytes: Option<usize>,
    /// `socket.receive.buffer.bytes`; None leaves it to the system.
    pub receive_buffer_bytes: Option<usize>,
    /// What one connection may do.
    pub connection: ConnectionLimits,
}

/// Accepts until the broker stops, then waits until each connection has answered what was in flight.
pub async fn accept(listener: Listener, broker: Arc<Broker>, settings: SocketSettings, slots: Arc<Semaphore>) {
    let mut connections = JoinSet::new();
    let mut stopping = broker.stopping.clone();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopping.wait() => break,
            Some(_) = connections.join_next() => continue,
            accepted = next(&listener, &slots) => accepted,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                configure(&stream, &settings);
                let (broker, name) = (broker.clone(), listener.name.clone());
                connections.spawn(async move {
                    let _slot = slot;
                    connection::serve(stream, peer, name, broker, settings.connection).await;
                });
            }
            Err(error) => {
                warn!(listener = %listener.name, "cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits for a slot first, so that no connection is accepted which would have to be turned away.
async fn next(
    listener: &Listener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.socket.accept().await?;
    Ok((stream, peer, slot))
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
