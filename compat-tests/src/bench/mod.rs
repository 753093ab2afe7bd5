//! Measures Catena beside Apache Kafka and the machine's ceiling: same run, same load, same machine.
//!
//! What must always hold: all get byte for byte the same requests from the same generator; a figure is the median of all
//! rounds; nothing is left out because it looks bad. The generator sends prepared batches over raw connections, so that
//! the client is not what is measured.
//!
//! | module | what it measures or does |
//! |---|---|
//! | [`settings`] | the command line, resolved |
//! | [`parts`] | what can be measured, each part in a file |
//! | [`load`] | the load generator for produce requests |
//! | [`ceiling`] | the program that only receives, writes and answers |
//! | [`system`] | what is under load: start, stop, kill, data folder removed at the end |
//! | [`usage`], [`counters`], [`disk`] | CPU time and memory of a process; instructions; the page cache, an idle disk |
//! | [`paired`] | small differences out of noise |
//! | [`measure`], [`report`] | the table's rows and their goals; medians, ratios, markdown |
//! | [`profile`] | `perf` while something is measured |
//! | [`run`] | the order of things |

pub mod ceiling;
pub mod counters;
pub mod disk;
pub mod load;
pub mod measure;
pub mod paired;
pub mod parts;
pub mod profile;
pub mod report;
pub mod run;
pub mod settings;
pub mod system;
pub mod usage;
