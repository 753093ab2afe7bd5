//! Rollouts: values that prove themselves on a share of the requests before they rule (docs/decisions/0011-rollouts.md).
//!
//! | file | |
//! |---|---|
//! | `record`, `changes` | what an author writes |
//! | `check` | whether it can be tried, and by which rule it is measured |
//! | `arms` | who gets it |
//! | `tally` | what they did, counted |
//! | `stats`, `verdict` | what that means |
//! | `machine` | from records and figures to what is to be done, pure |

pub mod arms;
pub mod changes;
pub mod check;
pub mod machine;
pub mod record;
pub mod stats;
pub mod tally;
pub mod verdict;
