//! Bytes to typed messages and back, without I/O.
//!
//! What must always hold:
//! - No input makes this crate panic, abort, or allocate more than a small multiple of the bytes it was given:
//!   every count and length is checked against the bytes that are there before anything is decoded (`bounds`).
//! - Produced batches are looked at through their header only; their records are read, never changed, to answer look-ups.
//! - This crate knows no socket, file, clock or task.

pub mod batch;
pub mod bounds;
pub mod client;
mod codec;
pub mod error_code;
mod fields;
pub mod group_records;
pub mod header;
pub mod message;
pub mod messages;
pub mod records;
pub mod share_records;
