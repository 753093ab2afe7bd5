//! Skims the answer to a produce request (version 13): is it whole, whose is it, and what does it say.
//!
//! What must always hold: an error code is never missed, and an answer that is not one is an error; nothing is
//! allocated. Source: `ProduceResponse.json` of Apache Kafka.

use bytes::Buf;

use crate::wire::{Result, invalid, kafka_error};

const TOPIC_ID_BYTES: usize = 16;
const PARTITION_BYTES: usize = 4;
/// Base offset, log append time, log start offset.
const OFFSETS_BYTES: usize = 3 * 8;

/// The first frame of `bytes`, without its length, if it is there whole.
pub fn first_frame(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.get(..u32::from_be_bytes(*length) as usize)
}

/// The correlation id of an answer and how many batches it acknowledges.
///
/// # Errors
/// The first error code, or `InvalidData`.
pub fn skim(mut answer: &[u8]) -> Result<(i32, usize)> {
    let bytes = &mut answer;
    let correlation_id = bytes.try_get_i32().map_err(invalid)?;
    skip_tags(bytes)?;
    let topics = array(bytes)?;
    let mut batches = 0;
    for _ in 0..topics {
        skip(bytes, TOPIC_ID_BYTES)?;
        let partitions = array(bytes)?;
        (0..partitions).try_for_each(|_| partition(bytes))?;
        skip_tags(bytes)?;
        batches += partitions;
    }
    Ok((correlation_id, batches))
}

fn partition(bytes: &mut &[u8]) -> Result<()> {
    skip(bytes, PARTITION_BYTES)?;
    kafka_error("Produce", bytes.try_get_i16().map_err(invalid)?)?;
    skip(bytes, OFFSETS_BYTES)?;
    if array(bytes)? != 0 {
        return Err(invalid("errors of records without an error code"));
    }
    let message = array(bytes)?;
    skip(bytes, message)?;
    skip_tags(bytes)
}

/// Elements of a compact array, or bytes of a compact string; null counts as none.
fn array(bytes: &mut &[u8]) -> Result<usize> {
    Ok(unsigned(bytes)?.saturating_sub(1))
}

fn skip_tags(bytes: &mut &[u8]) -> Result<()> {
    for _ in 0..unsigned(bytes)? {
        unsigned(bytes)?;
        let length = unsigned(bytes)?;
        skip(bytes, length)?;
    }
    Ok(())
}

fn unsigned(bytes: &mut &[u8]) -> Result<usize> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let byte = bytes.try_get_u8().map_err(invalid)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(invalid("a number of more than five bytes"))
}

fn skip(bytes: &mut &[u8], length: usize) -> Result<()> {
    *bytes = bytes.get(length..).ok_or_else(|| invalid("an answer that ends early"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::{BufMut, BytesMut};
    use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
    use kafka_protocol::messages::{ProduceResponse, ResponseHeader};
    use kafka_protocol::protocol::Encodable;

    use super::*;

    fn answer(codes: &[i16]) -> BytesMut {
        let partitions = codes.iter().map(|code| PartitionProduceResponse::default().with_error_code(*code));
        let topic = TopicProduceResponse::default().with_partition_responses(partitions.collect());
        let mut bytes = BytesMut::new();
        ResponseHeader::default().with_correlation_id(7).encode(&mut bytes, 1).unwrap();
        ProduceResponse::default().with_responses(vec![topic]).encode(&mut bytes, 13).unwrap();
        bytes
    }

    #[test]
    fn an_answer_gives_its_correlation_id_and_number_of_batches() {
        assert_eq!(skim(&answer(&[0; 200])).unwrap(), (7, 200));
    }

    #[test]
    fn an_error_code_anywhere_and_bytes_that_are_missing_are_errors() {
        assert!(skim(&answer(&[0, 0, 87])).is_err_and(|error| error.to_string().contains("87")));
        // The throttle time and the last tags are not looked at.
        let whole = answer(&[0, 0]);
        for length in 0..whole.len() - 5 {
            assert!(skim(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn a_frame_is_there_once_all_its_bytes_are() {
        let mut bytes = BytesMut::new();
        bytes.put_u32(3);
        bytes.put_slice(b"abcd");
        assert_eq!(first_frame(&bytes), Some(&b"abc"[..]));
        assert_eq!(first_frame(&bytes[..6]), None);
        assert_eq!(first_frame(&bytes[..3]), None);
    }
}
