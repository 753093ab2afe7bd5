//! Configuration that changes while the broker runs ([`crate::config`] knows what settings are; here they are changed).
//!
//! What must always hold: the way of a value is one way: planned, written into `__config`, read back, put in place.
//!
//! | file | |
//! |---|---|
//! | `owner` | the one task that changes anything: alterations, rollouts |
//! | `conduct` | rollouts carried out, these and those of fleets |
//! | `known` | what is known, for everybody who asks |
//! | `apply` | from settings in force to the parts that run by them |
//! | `partitions` | with which settings each log runs |
//! | `intake` | what producers may write into `__config` |

pub mod apply;
pub mod conduct;
pub mod intake;
mod known;
mod owner;
pub mod partitions;

pub use known::Known;
pub use owner::{AlterFailed, Configs, Owner};
