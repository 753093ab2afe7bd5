//! OffsetFetch (9), versions 1 to 10, always in the form of the newer ones: a list of groups.
//!
//! v2 adds an error of the whole group and null for "all topics", v3 the throttle time, v5 the leader epoch, v6 is
//! flexible, v7 adds "only stable offsets", v8 several groups, v9 the asking member, v10 names topics by id.

mod request;
mod response;

pub use request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics};
pub use response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};

const KEY: i16 = 9;
/// The version since which a request is about several groups.
const GROUPS_SINCE: i16 = 8;
/// The version since which topics are named by id.
const IDS_SINCE: i16 = 10;
