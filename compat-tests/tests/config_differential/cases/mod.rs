//! The calls, by what is changed.

pub mod brokers;
pub mod client_metrics;
pub mod groups;
pub mod loggers;
pub mod requests;
pub mod topics;
