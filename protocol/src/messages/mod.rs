//! Messages that are own code: Produce and Fetch, because their records must not be copied, and those of which
//! `kafka-protocol` 0.18 lacks the newest version.
//!
//! What must always hold: one type per message, whatever the version; the bytes are those of `kafka-protocol` where
//! it knows the version, and of Apache Kafka's own classes where it does not (see the tests).

pub mod api_versions;
pub mod delete_groups;
pub mod describe_log_dirs;
pub mod fetch;
pub mod leaders;
pub mod offset_commit;
pub mod offset_fetch;
pub mod produce;
