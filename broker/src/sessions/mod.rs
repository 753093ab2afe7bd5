//! Receiver sessions: what the server knows about one group and one partition.
//!
//! What must always hold:
//! - A decision is a pure function of the state, the event and the time that comes with it. It does not write the state.
//! - What survives a restart changes only by applying what was appended to the log, fresh and replayed alike.
//! - What does not survive (who holds a record until when) is lost with the process and costs a delivery, never a record.
//!
//! | folder | |
//! |---|---|
//! | `deliveries` | the records of one partition for one share group: handed out to whom, how often, what became of them |

pub mod deliveries;
