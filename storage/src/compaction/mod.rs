//! Compaction: of the records with one key only the last one stays.
//!
//! What must always hold:
//! - What stays has the offset, order, timestamp, key, value and headers that it had. Last batches of live producers, control
//!   batches, and the last batch of a pass stay, if need be without records.
//! - The last value of a key is never lost: a record goes only if a later one of its key stands below the end of the pass, or if it is a
//!   tombstone whose time has come.
//! - Nothing at or above the end of a pass changes.
//!
//! One pass over a log: (1) `plan` says from where to where; (2) the keys from the first offset not yet compacted to that end
//! go into the `offset_map`, as many as fit, which may bring the end nearer; (3) every batch from the log's start to the end goes through
//! the `filter` into new segments.
//!
//! Source: Apache Kafka, `LogCleaner`, `LogCleanerManager`, `SkimpyOffsetMap`.

mod cleaner;
mod filter;
mod offset_map;
mod pace;
mod pass;
#[cfg(test)]
mod pass_tests;
mod plan;
mod source;
mod target;
mod work;

pub use cleaner::Cleaners;
pub use pace::Pace;
pub use pass::Compacted;
pub use plan::{LogFacts, SegmentFacts};
pub use source::Source;
pub use target::{Shape, Target};
pub use work::{CleanerStats, Work};
#[cfg(test)]
mod tests;
