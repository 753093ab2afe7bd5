//! ShareFetch (78), versions 1 and 2: the request from bytes, the response to bytes and records between them.
//!
//! v2 adds how strictly the number of records is kept to (KIP-1206) and the renewal of locks (KIP-1222).

mod request;
mod response;

pub use super::share_acknowledge::{AcknowledgePartition, AcknowledgementBatch};
pub use request::{ForgottenTopic, ShareFetchRequest, ShareFetchTopic};
pub use response::{AcquiredRecords, ShareFetchPartition, ShareFetchResponse, ShareFetchTopicResponse};

const KEY: i16 = 78;
