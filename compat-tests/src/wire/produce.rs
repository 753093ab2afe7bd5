//! Produce requests as prepared frames: built once, stamped with new sequences, sent many times.
//!
//! What must always hold: the batches of a frame stay where `build` put them, so that stamping a frame costs a CRC and
//! no copy, and the client is never what a measurement measures. Version 13 (topics by id).

use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use kafka_protocol::protocol::Request;

use super::batch::{self, Producer, put_unsigned};
use super::connection::{CLIENT_ID, Connection, Result, invalid};
use super::{Topic, kafka_error};

const VERSION: i16 = 13;
const CORRELATION_AT: usize = 8;

/// What stands before the batches in a produce request.
#[derive(Debug, Clone, Copy)]
pub struct ProduceHeader {
    /// -1 (all), 1 or 0.
    pub acks: i16,
    /// How long the broker may wait for replicas, milliseconds.
    pub timeout_ms: i32,
}

impl Default for ProduceHeader {
    fn default() -> Self {
        Self { acks: -1, timeout_ms: 30_000 }
    }
}

/// A frame with one batch for each of some partitions of a topic.
#[derive(Debug, Clone)]
pub struct ProduceFrame {
    bytes: Vec<u8>,
    batches: Vec<std::ops::Range<usize>>,
}

impl ProduceFrame {
    /// Puts `(partition, batch)` pairs into one request.
    pub fn build(topic: &Topic, header: ProduceHeader, batches: &[(i32, &[u8])]) -> Self {
        Self::build_as(CLIENT_ID, topic, header, batches)
    }

    /// The same, of a client that calls itself `client_id`.
    pub fn build_as(client_id: &str, topic: &Topic, header: ProduceHeader, batches: &[(i32, &[u8])]) -> Self {
        let mut bytes = Vec::with_capacity(128 + batches.iter().map(|(_, batch)| batch.len() + 16).sum::<usize>());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&ProduceRequest::KEY.to_be_bytes());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(client_id.len() as i16).to_be_bytes());
        bytes.extend_from_slice(client_id.as_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&header.acks.to_be_bytes());
        bytes.extend_from_slice(&header.timeout_ms.to_be_bytes());
        put_unsigned(&mut bytes, 2);
        bytes.extend_from_slice(topic.id.as_bytes());
        put_unsigned(&mut bytes, batches.len() as u64 + 1);
        let places = batches.iter().map(|(partition, batch)| put_partition(&mut bytes, *partition, batch)).collect();
        bytes.extend_from_slice(&[0, 0]);
        let length = (bytes.len() - 4) as u32;
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        Self { bytes, batches: places }
    }

    /// Gives the batch at `index` (in the order of `build`) a producer and a first sequence.
    pub fn stamp(&mut self, index: usize, producer: Producer, sequence: i32) {
        batch::restamp(self.batch_mut(index), producer, sequence);
    }

    /// Gives every batch the same producer and first sequence.
    pub fn stamp_all(&mut self, producer: Producer, sequence: i32) {
        (0..self.batches.len()).for_each(|index| self.stamp(index, producer, sequence));
    }

    /// The bytes of the batch at `index`; whoever changes them seals them again.
    pub fn batch_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.bytes[self.batches[index].clone()]
    }

    /// The whole frame, length included.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of record batches in the frame.
    pub fn batch_bytes(&self) -> usize {
        self.batches.iter().map(ExactSizeIterator::len).sum()
    }

    /// Sends the frame.
    ///
    /// # Errors
    /// Of the socket.
    pub fn send(&mut self, connection: &mut Connection) -> Result<()> {
        let id = connection.next_correlation_id();
        self.bytes[CORRELATION_AT..CORRELATION_AT + 4].copy_from_slice(&id.to_be_bytes());
        connection.send_bytes(&self.bytes)
    }
}

/// What the broker said about one partition of a produce request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// Which partition.
    pub partition: i32,
    /// Kafka's error code.
    pub error_code: i16,
    /// Offset of the batch's first record.
    pub base_offset: i64,
}

impl Connection {
    /// Waits for the reply to a produce frame; error codes are the caller's business.
    ///
    /// # Errors
    /// Of the socket, or `InvalidData`.
    pub fn receive_produce(&mut self) -> Result<Vec<Acknowledged>> {
        let response = self.receive::<ProduceRequest>(VERSION)?;
        Ok(flatten(response))
    }

    /// Produces one batch with acks=all and gives the offset of its first record.
    ///
    /// # Errors
    /// Of the socket, or the broker's error code.
    pub fn produce(&mut self, topic: &Topic, partition: i32, batch: &[u8]) -> Result<i64> {
        let answer = self.try_produce(topic, partition, batch)?;
        kafka_error("produce", answer.error_code)?;
        Ok(answer.base_offset)
    }

    /// Produces one batch with acks=all and gives the broker's answer, error code included.
    ///
    /// # Errors
    /// Of the socket, or `InvalidData`.
    pub fn try_produce(&mut self, topic: &Topic, partition: i32, batch: &[u8]) -> Result<Acknowledged> {
        ProduceFrame::build(topic, ProduceHeader::default(), &[(partition, batch)]).send(self)?;
        self.receive_produce()?.pop().ok_or_else(|| invalid("a produce reply without a partition"))
    }
}

fn put_partition(out: &mut Vec<u8>, partition: i32, batch: &[u8]) -> std::ops::Range<usize> {
    out.extend_from_slice(&partition.to_be_bytes());
    put_unsigned(out, batch.len() as u64 + 1);
    let start = out.len();
    out.extend_from_slice(batch);
    out.push(0);
    start..start + batch.len()
}

fn flatten(response: ProduceResponse) -> Vec<Acknowledged> {
    let partitions = response.responses.into_iter().flat_map(|topic| topic.partition_responses);
    partitions
        .map(|p| Acknowledged { partition: p.index, error_code: p.error_code, base_offset: p.base_offset })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::batch::BatchBuilder;
    use bytes::Bytes;
    use kafka_protocol::protocol::{Decodable, decode_request_header_from_buffer};
    use uuid::Uuid;

    #[test]
    fn a_prepared_frame_is_the_request_it_claims_to_be() {
        let topic = Topic { name: "t".into(), id: Uuid::from_u128(9), partitions: 2 };
        let mut builder = BatchBuilder::new(1);
        let batch = builder.push(None, Some(&[1; 500])).build();
        let mut frame = ProduceFrame::build(&topic, ProduceHeader::default(), &[(0, &batch), (1, &batch)]);
        frame.stamp(1, Producer { id: 4, epoch: 2 }, 77);
        assert_eq!(frame.batch_bytes(), 2 * batch.len());

        let mut bytes = Bytes::from(frame.bytes.clone()).slice(4..);
        assert_eq!(
            bytes.len(),
            u32::from_be_bytes([frame.bytes[0], frame.bytes[1], frame.bytes[2], frame.bytes[3]]) as usize
        );
        decode_request_header_from_buffer(&mut bytes).expect("header");
        let request = ProduceRequest::decode(&mut bytes, VERSION).expect("body");
        assert!(bytes.is_empty());
        assert_eq!((request.acks, request.topic_data[0].topic_id), (-1, topic.id));
        let partitions = &request.topic_data[0].partition_data;
        assert_eq!(partitions[0].records.as_deref(), Some(&batch[..]));
        let stamped = batch::batches(partitions[1].records.as_ref().expect("records"));
        assert_eq!(stamped[0].producer(), (4, 77));
        assert!(stamped[0].crc_matches());
    }
}
