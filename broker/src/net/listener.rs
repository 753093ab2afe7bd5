//! Listening sockets.
//!
//! What must always hold: a bound listener knows the port it really has; nobody is told port 0.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, lookup_host};

use crate::config::Endpoint;

/// A socket that accepts connections.
pub struct Listener {
    /// The listener's name.
    pub name: Arc<str>,
    /// The address it really has.
    pub address: SocketAddr,
    /// The socket.
    pub socket: TcpListener,
}

/// Why an address cannot be used.
#[derive(Debug, Error)]
#[error("cannot listen on {name}://{host}:{port}: {source}")]
pub struct BindError {
    name: String,
    host: String,
    port: u16,
    source: io::Error,
}

impl Listener {
    /// Resolves and binds `endpoint`; `backlog` is `socket.listen.backlog.size`.
    ///
    /// # Errors
    /// `BindError` when the name does not resolve or the port is taken.
    pub async fn bind(endpoint: &Endpoint, backlog: u32) -> Result<Self, BindError> {
        let failed = |source| BindError {
            name: endpoint.name.clone(),
            host: endpoint.host.clone(),
            port: endpoint.port,
            source,
        };
        let socket = match resolve(endpoint).await {
            Ok(address) => listen(address, backlog),
            Err(error) => Err(error),
        };
        let socket = socket.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { name: endpoint.name.as_str().into(), address, socket })
    }
}

async fn resolve(endpoint: &Endpoint) -> io::Result<SocketAddr> {
    let host = if endpoint.host.is_empty() { "0.0.0.0" } else { &endpoint.host };
    let mut addresses = lookup_host((host, endpoint.port)).await?;
    addresses.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a broker that was just stopped may still be in TIME_WAIT on this port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}
