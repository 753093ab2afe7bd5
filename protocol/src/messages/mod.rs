//! Messages that are own code: Produce, Fetch and ShareFetch, because their records must not be copied, and those of which
//! `kafka-protocol` 0.18 lacks the newest version.
//!
//! What must always hold: one type per message, whatever the version; the bytes are those of `kafka-protocol` where
//! it knows the version, and of Apache Kafka's own classes where it does not (see the tests).

pub mod api_versions;
pub mod delete_groups;
pub mod describe_log_dirs;
pub mod describe_share_group_offsets;
pub mod fetch;
pub mod leaders;
pub mod offset_commit;
pub mod offset_fetch;
pub mod produce;
pub mod read_share_group_state_summary;
pub mod share_acknowledge;
pub mod share_fetch;
pub mod write_share_group_state;
