//! Bytes on disk: segments, chains, partition logs and stores.
//!
//! What must always hold:
//! - An acknowledged record is never lost, moved, duplicated or reordered by a crash at any instruction.
//! - Record bytes are stored as the producer sent them; only base offset and leader epoch (and, for LogAppendTime, the
//!   timestamps and the CRC over them) are set. No per-record work on append or read.
//! - `log start <= last stable <= high watermark <= log end`; offsets of a partition are dense over its chains.
//! - This crate knows batches and offsets; it knows no API and no wire error code.

mod api;
pub mod append_check;
pub mod producer_snapshot;
pub mod producer_state;

pub use api::*;
