//! Fetch (1), versions 4 to 18: the request from bytes, the response to bytes and records between them.
//!
//! v5 adds the log start offset, v7 sessions (KIP-227), v9 the leader epoch, v11 the rack and the preferred replica,
//! v12 is flexible and adds the epoch of the last fetched record, v13 names topics by id, v15 moves the replica's id
//! to a tagged field, v16 adds leaders' endpoints, v17 and v18 add fields for replicas (not kept).

mod request;
mod response;

pub use request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};
pub use response::{AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, PartitionData, Payload};

const KEY: i16 = 1;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 13;
