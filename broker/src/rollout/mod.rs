//! Rollouts: values that prove themselves on a share of the requests before they rule (docs/decisions/0011-rollouts.md).

pub mod record;
pub mod stats;
pub mod verdict;
