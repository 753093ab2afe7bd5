//! Reading and writing the primitive types of Kafka's protocol, for the messages that are own code.
//!
//! What must always hold: strings, bytes and records are slices of what was read; no count is believed that the
//! bytes left cannot hold.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{TagWriter, Writer};
