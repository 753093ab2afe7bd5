//! Sockets: listeners, connections, frames in and replies out.
//!
//! What must always hold:
//! - Requests of one connection are started in the order in which they came, and answered in that order.
//! - What a connection can make the broker hold is bounded: one frame being read; `REQUESTS_IN_FLIGHT_MAX` requests
//!   begun, of `REQUEST_BYTES_IN_FLIGHT_MAX` bytes together or one larger one; `REPLY_BYTES_QUEUED_MAX` bytes of
//!   finished replies or one larger one. Beyond that nothing more is read from it.
//! - Nothing a peer sends, or fails to send, ends more than its own connection.

pub mod accept;
pub mod admission;
pub mod connection;
pub mod frame;
pub mod listener;
mod output;
mod rate;

/// Requests of one connection that are begun and not yet answered.
pub const REQUESTS_IN_FLIGHT_MAX: usize = 64;
/// Bytes of the frames of these requests: enough for the five full requests that producers send at once.
pub const REQUEST_BYTES_IN_FLIGHT_MAX: usize = 16 * 1024 * 1024;
/// Bytes of finished replies, held in memory, that wait for the peer to read.
pub const REPLY_BYTES_QUEUED_MAX: usize = 1024 * 1024;
