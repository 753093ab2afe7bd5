//! A broker in this process, on a free port and an empty directory, and raw clients that talk to it over TCP.

mod config_records;
mod configuration;
mod connections;
mod fetch;
mod fleets;
mod groups;
mod lookups;
mod metrics;
mod produce;
mod rollouts;
mod support;
mod topics;
