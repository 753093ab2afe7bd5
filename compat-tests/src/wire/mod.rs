//! A small raw Kafka client for tests and measurements.
//!
//! What must always hold: nothing here knows Catena. Frames are made from `kafka_protocol`'s client side and from the
//! protocol's own description, so the same calls run against Apache Kafka and prove themselves there. Everything
//! blocks, and nothing is retried behind the caller's back: a test decides what a failure means.

pub mod batch;
mod calls;
pub mod codec;
mod connection;
mod fetch;
mod group;
mod produce;

pub use batch::now_ms;
pub use calls::Topic;
pub use connection::{Connection, Result, invalid, kafka_error};
pub use fetch::{FetchPlan, Fetched, FetchedPartition};
pub use group::{COORDINATOR_NOT_READY, Group, Membership};
pub use produce::{Acknowledged, ProduceFrame, ProduceHeader};
