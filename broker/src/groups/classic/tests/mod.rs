//! Scenarios of one group: no task, no disk, no waiting.

mod checks;
mod join;
mod random;
mod rebalance;
mod scene;
mod snapshot;
mod statics;
mod sync;
