//! The Catena server, as a library for the `catena` binary and the tests.
//!
//! Layers, each may use only those to its right: net -> dispatch -> api -> (topics, fetch, groups, config) -> storage.

pub mod api;
pub mod broker;
pub mod config;
pub mod control;
pub mod dispatch;
pub mod errors;
pub mod fetch;
pub mod fleet;
pub mod groups;
pub mod heavy;
pub mod internal_log;
pub mod lifecycle;
pub mod loggers;
pub mod metrics;
pub mod monitoring;
pub mod net;
pub mod producers;
pub mod reply;
pub mod rollout;
pub mod server;
pub mod sessions;
pub mod topics;
