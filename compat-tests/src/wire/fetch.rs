//! Fetching without a session: every request says what it wants.
//!
//! What must always hold: offsets only move by what was received, and a partition's error is the caller's to judge.
//! Version 13 (topics by id).

use bytes::Bytes;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};

use super::batch::{self, BatchView};
use super::{Connection, Result, Topic, kafka_error};

const VERSION: i16 = 13;
/// Epoch that says "no session" (KIP-227).
const SESSIONLESS: i32 = -1;

/// What to fetch, and where each partition stands.
#[derive(Debug, Clone)]
pub struct FetchPlan {
    /// From which topic.
    pub topic: Topic,
    /// Partition and next offset.
    pub positions: Vec<(i32, i64)>,
    /// Wait for at least so many bytes.
    pub min_bytes: i32,
    /// Answer with at most so many.
    pub max_bytes: i32,
    /// At most so many of one partition.
    pub partition_max_bytes: i32,
    /// How long the broker waits for `min_bytes`, milliseconds.
    pub max_wait_ms: i32,
}

impl FetchPlan {
    /// Partitions from offset 0, with a Java consumer's limits.
    pub fn new(topic: &Topic, partitions: &[i32]) -> Self {
        Self {
            topic: topic.clone(),
            positions: partitions.iter().map(|partition| (*partition, 0)).collect(),
            min_bytes: 1,
            max_bytes: 50 << 20,
            partition_max_bytes: 1 << 20,
            max_wait_ms: 500,
        }
    }

    /// The next offset of a partition.
    pub fn position(&mut self, partition: i32) -> Option<&mut i64> {
        self.positions.iter_mut().find(|(p, _)| *p == partition).map(|(_, offset)| offset)
    }

    fn request(&self) -> FetchRequest {
        let partitions = self.positions.iter().map(|(partition, offset)| {
            FetchPartition::default()
                .with_partition(*partition)
                .with_current_leader_epoch(-1)
                .with_fetch_offset(*offset)
                .with_last_fetched_epoch(-1)
                .with_log_start_offset(-1)
                .with_partition_max_bytes(self.partition_max_bytes)
        });
        FetchRequest::default()
            .with_replica_id((-1).into())
            .with_max_wait_ms(self.max_wait_ms)
            .with_min_bytes(self.min_bytes)
            .with_max_bytes(self.max_bytes)
            .with_session_epoch(SESSIONLESS)
            .with_topics(vec![FetchTopic::default().with_topic_id(self.topic.id).with_partitions(partitions.collect())])
    }
}

/// One partition's part of an answer.
#[derive(Debug, Clone)]
pub struct FetchedPartition {
    /// Which partition.
    pub partition: i32,
    /// Kafka's error code.
    pub error_code: i16,
    /// Its high watermark.
    pub high_watermark: i64,
    /// Whole and cut-off batches, as sent.
    pub records: Bytes,
}

impl FetchedPartition {
    /// The whole batches.
    pub fn batches(&self) -> Vec<BatchView> {
        batch::batches(&self.records)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The partitions it speaks of.
    pub partitions: Vec<FetchedPartition>,
}

impl Connection {
    /// Sends a fetch without waiting for its answer.
    ///
    /// # Errors
    /// Of the socket.
    pub fn send_fetch(&mut self, plan: &FetchPlan) -> Result<()> {
        self.send(&plan.request(), VERSION)
    }

    /// Waits for the answer to the oldest unanswered request, which was a fetch.
    ///
    /// # Errors
    /// Of the socket, or an error code for the whole answer.
    pub fn receive_fetch(&mut self) -> Result<Fetched> {
        let response = self.receive::<FetchRequest>(VERSION)?;
        kafka_error("Fetch", response.error_code)?;
        let partitions = response.responses.into_iter().flat_map(|topic| topic.partitions);
        let partitions = partitions.map(|p| FetchedPartition {
            partition: p.partition_index,
            error_code: p.error_code,
            high_watermark: p.high_watermark,
            records: p.records.unwrap_or_default(),
        });
        Ok(Fetched { partitions: partitions.collect() })
    }

    /// Fetches once and moves the plan's positions behind what came.
    ///
    /// # Errors
    /// Of the socket, or the first error code of the answer.
    pub fn fetch(&mut self, plan: &mut FetchPlan) -> Result<Fetched> {
        self.send_fetch(plan)?;
        let fetched = self.receive_fetch()?;
        for part in &fetched.partitions {
            kafka_error(&format!("Fetch of partition {}", part.partition), part.error_code)?;
            if let (Some(last), Some(position)) = (part.batches().last(), plan.position(part.partition)) {
                *position = last.next_offset();
            }
        }
        Ok(fetched)
    }

    /// All batches of one partition from `from` up to its end as of now.
    ///
    /// # Errors
    /// Of the socket, or the first error code.
    pub fn read_partition(&mut self, topic: &Topic, partition: i32, from: i64) -> Result<Vec<BatchView>> {
        let end = self.end_offsets(topic, &[partition])?[0];
        let mut plan = FetchPlan::new(topic, &[partition]);
        plan.partition_max_bytes = 8 << 20;
        plan.positions[0].1 = from;
        let mut found = Vec::new();
        while plan.positions[0].1 < end {
            let fetched = self.fetch(&mut plan)?;
            found.extend(fetched.partitions.iter().flat_map(FetchedPartition::batches));
        }
        Ok(found)
    }
}
