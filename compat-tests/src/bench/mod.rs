//! Measures Catena beside Apache Kafka: same run, same load, same machine.
//!
//! What must always hold: both brokers get byte for byte the same requests from the same generator; a figure is the
//! median of all rounds; nothing is left out because it looks bad. The generator sends prepared batches over raw
//! connections, so that the client is not what is measured.
//!
//! | module | what it measures or does |
//! |---|---|
//! | [`settings`] | the command line, resolved |
//! | [`system`] | the broker under load: start, pid, data folder removed at the end |
//! | [`usage`] | CPU time and resident memory of a process |
//! | [`produce`], [`consume`], [`latency`], [`start`] | one measure each |
//! | [`measure`] | the table's rows and their goals |
//! | [`report`] | medians, ratios, markdown |

pub mod consume;
pub mod latency;
pub mod measure;
pub mod produce;
pub mod report;
pub mod run;
pub mod settings;
pub mod start;
pub mod system;
pub mod usage;
