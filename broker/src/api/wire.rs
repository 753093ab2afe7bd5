//! Between bytes and wire types, for every handler.
//!
//! What must always hold: a handler sees only requests whose bytes were checked and that were decoded completely, in
//! an advertised version; a response is one frame whose first four bytes are its length.

use bytes::{BufMut, Bytes, BytesMut};
use catena_protocol::bounds;
use catena_protocol::message::{self, Malformed, Request, Response, Unsayable};
use catena_protocol::messages::fetch::FetchResponse;

use crate::reply::Reply;

/// The frame's length.
const LEN_SIZE: usize = 4;
/// Room that most responses fit into.
const RESPONSE_LEN_USUAL: usize = 256;
const FETCH: i16 = 1;
/// Its response header is never flexible, so that a client of any age can read it.
const API_VERSIONS: i16 = 18;

/// Decodes a request's body.
///
/// # Errors
/// `Malformed` when the bytes are not such a request.
pub fn decode<T: Request>(key: i16, version: i16, body: Bytes) -> Result<T, Malformed> {
    message::decode(key, version, body)
}

/// Encodes a response with its header and length.
///
/// # Errors
/// `Unsayable` when a field's value cannot be said in this version.
pub fn encode<T: Response>(response: &T, key: i16, version: i16, correlation_id: i32) -> Result<Reply, Unsayable> {
    let mut out = header(key, version, correlation_id);
    response.encode(version, &mut out)?;
    set_len(&mut out, 0)?;
    Ok(Reply::whole(out.freeze()))
}

/// A response that has record batches in it.
pub type Records = FetchResponse<Bytes>;

/// Encodes a fetch response around its records.
///
/// # Errors
/// `Unsayable` when a field's value cannot be said in this version.
pub fn encode_fetch(response: Records, version: i16, correlation_id: i32) -> Result<Reply, Unsayable> {
    let mut out = header(FETCH, version, correlation_id);
    let records = response.encode(version, &mut out)?;
    set_len(&mut out, records.iter().map(|(_, chunk)| chunk.len()).sum())?;
    let mut reply = Reply { memory_bytes: out.len(), chunks: Vec::with_capacity(records.len() * 2 + 1) };
    let mut from = 0;
    for (at, chunk) in records {
        reply.chunks.push(out.split_to(at - from).freeze());
        reply.chunks.push(chunk);
        from = at;
    }
    reply.chunks.push(out.freeze());
    Ok(reply)
}

/// The frame's length, still open, and the response header.
fn header(key: i16, version: i16, correlation_id: i32) -> BytesMut {
    let mut out = BytesMut::with_capacity(RESPONSE_LEN_USUAL);
    out.put_i32(0);
    out.put_i32(correlation_id);
    if key != API_VERSIONS && bounds::is_flexible(key, version) {
        out.put_u8(0);
    }
    out
}

/// Fills in the frame's length, `elsewhere` being bytes of it that are not in `out`.
fn set_len(out: &mut BytesMut, elsewhere: usize) -> Result<(), Unsayable> {
    let len = i32::try_from(out.len() - LEN_SIZE + elsewhere).map_err(|error| Unsayable(error.to_string()))?;
    out[..LEN_SIZE].copy_from_slice(&len.to_be_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use catena_protocol::messages::fetch::{FetchableTopicResponse, PartitionData};
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn partition(records: &'static [u8]) -> PartitionData<Bytes> {
        PartitionData {
            partition_index: 1,
            error_code: 0,
            high_watermark: 2,
            last_stable_offset: 2,
            log_start_offset: 0,
            diverging_epoch: None,
            current_leader: None,
            aborted_transactions: None,
            preferred_read_replica: -1,
            records: Bytes::from_static(records),
        }
    }

    #[test]
    fn records_of_a_fetch_stand_between_the_bytes_around_them() {
        let topic = FetchableTopicResponse {
            topic: StrBytes::from_static_str("t"),
            topic_id: uuid::Uuid::nil(),
            partitions: vec![partition(b"first"), partition(b""), partition(b"second")],
        };
        let response = FetchResponse {
            throttle_time_ms: 0,
            error_code: 0,
            session_id: 0,
            responses: vec![topic],
            node_endpoints: Vec::new(),
        };
        let reply = encode_fetch(response, 4, 7).expect("encodes");
        let chunks = &reply.chunks;
        assert_eq!((&chunks[1][..], &chunks[3][..]), (&b"first"[..], &b"second"[..]));
        assert_eq!(chunks[0][..8], [0, 0, 0, 120, 0, 0, 0, 7]);
        assert_eq!(reply.len(), 4 + 120);
        assert_eq!(reply.memory_bytes, reply.len() - b"firstsecond".len());
        assert!(chunks[0].ends_with(&[0, 0, 0, 5]) && chunks[2].ends_with(&[0, 0, 0, 6]));
    }
}
