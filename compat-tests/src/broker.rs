//! The brokers under test, as one face: where to connect, and what to say about it.

use std::net::TcpListener;

/// A running broker.
pub trait Broker: Send + Sync {
    /// "catena" or "kafka", for messages.
    fn name(&self) -> &'static str;

    /// The port on 127.0.0.1.
    fn port(&self) -> u16;

    /// What clients call the bootstrap server.
    fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }
}

/// `N` different ports that were free a moment ago.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap_or_else(|e| panic!("no free port: {e}")));
    held.map(|listener| listener.local_addr().unwrap_or_else(|e| panic!("no address: {e}")).port())
}
