//! A small blocking Kafka client: the bootstrap server for questions, a partition's leader for its records.
//!
//! What must always hold: a partition is read and written where Metadata says that its leader is.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use catena_protocol::client::{Call, Cluster, EarliestOffset, Metadata, Node, Produce, Scan, StoredRecord};
use catena_protocol::error_code::ErrorCode::{LeaderNotAvailable, UnknownTopicOrPartition};
use catena_protocol::records::{BatchBuilder, RecordError};

use super::connection::Connection;
use super::error::CliError;
use super::log::CONFIG_TOPIC;

/// Between two questions for a leader that is not there yet.
const PAUSE: Duration = Duration::from_millis(50);

/// A record to be written: its key, and its value or none for a tombstone.
pub type NewRecord = (Vec<u8>, Option<Vec<u8>>);

/// Connections to the brokers that were needed.
#[derive(Debug)]
pub struct Client {
    bootstrap: Connection,
    others: BTreeMap<String, Connection>,
    limit: Duration,
}

impl Client {
    /// Connects to the bootstrap server (`host:port`); each call may take `limit`.
    ///
    /// # Errors
    /// `CliError` when no Kafka broker answers there.
    pub fn connect(bootstrap: &str, limit: Duration) -> Result<Self, CliError> {
        Ok(Self { bootstrap: Connection::open(bootstrap, limit)?, others: BTreeMap::new(), limit })
    }

    /// How long a server may take for a change, in milliseconds: less than the call may take, so that its answer still comes.
    pub fn server_limit_ms(&self) -> i32 {
        i32::try_from(self.limit.as_millis() * 9 / 10).unwrap_or(i32::MAX)
    }

    /// Asks the bootstrap server.
    ///
    /// # Errors
    /// `CliError` when there is no answer.
    pub fn call<C: Call>(&mut self, call: &C) -> Result<C::Answer, CliError> {
        self.bootstrap.call(call)
    }

    /// Asks the broker of this id; the bootstrap server when that does not know it, so that its refusal is seen.
    ///
    /// # Errors
    /// `CliError` when there is no answer.
    pub fn call_broker<C: Call>(&mut self, id: i32, call: &C) -> Result<C::Answer, CliError> {
        let cluster = self.bootstrap.call(&Metadata { topic: "", create: false })?;
        match cluster.node(id) {
            Some(node) if cluster.nodes.len() > 1 => self.at(node)?.call(call),
            _ => self.bootstrap.call(call),
        }
    }

    /// All records of a partition; none when there is no such topic.
    ///
    /// # Errors
    /// `CliError` when they cannot be read.
    pub fn read(&mut self, topic: &str, partition: i32) -> Result<Option<Vec<StoredRecord>>, CliError> {
        let what = || format!("{topic}-{partition}");
        let Some(leader) = self.leader(topic, partition, false)? else { return Ok(None) };
        let refused = |refusal| CliError::RefusedAbout { what: what(), refusal };
        let first = leader.call(&EarliestOffset { topic, partition })?.map_err(refused)?;
        let mut scan = Scan::from(first);
        while let Some(fetch) = scan.fetch(topic, partition) {
            let fetched = leader.call(&fetch)?.map_err(refused)?;
            scan.take(&fetched).map_err(|source| CliError::Scan { what: what(), source })?;
        }
        Ok(Some(scan.into_records()))
    }

    /// Writes one batch and waits until it is durable; the offset of its first record.
    ///
    /// # Errors
    /// `CliError` when the broker refuses it, or when nobody knows.
    pub fn write(&mut self, topic: &str, partition: i32, now_ms: i64, records: &[NewRecord]) -> Result<i64, CliError> {
        let timeout_ms = self.server_limit_ms();
        let mut builder = BatchBuilder::new();
        for (key, value) in records {
            builder.push(now_ms, Some(key), value.as_deref());
        }
        let batch = builder.build().map_err(|error: RecordError| CliError::NotThere(error.to_string()))?;
        // The broker's own config topic is made by whoever is the first to need it; others are not made by writing to them.
        let leader = self.leader(topic, partition, topic == CONFIG_TOPIC)?;
        let leader = leader.ok_or_else(|| CliError::NotThere(format!("there is no topic {topic}")))?;
        Ok(leader.call(&Produce { topic, partition, batch: &batch, timeout_ms })??)
    }

    /// A connection to the leader of a partition; none when there is no such topic. One that is being made is waited for.
    fn leader(&mut self, topic: &str, partition: i32, create: bool) -> Result<Option<&mut Connection>, CliError> {
        let deadline = Instant::now() + self.limit;
        loop {
            let cluster = self.bootstrap.call(&Metadata { topic, create })?;
            let refused = cluster.partitions.as_ref().err().and_then(|refusal| refusal.error);
            let comes = refused == Some(LeaderNotAvailable) || (create && refused == Some(UnknownTopicOrPartition));
            if !comes || Instant::now() >= deadline {
                let node = leader_of(&cluster, topic, partition)?;
                return node.map(|node| self.at(node)).transpose();
            }
            thread::sleep(PAUSE);
        }
    }

    fn at(&mut self, node: &Node) -> Result<&mut Connection, CliError> {
        let Node { host, port, .. } = node;
        let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        match self.others.entry(address) {
            std::collections::btree_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::btree_map::Entry::Vacant(new) => {
                let connection = Connection::open(new.key(), self.limit)?;
                Ok(new.insert(connection))
            }
        }
    }
}

/// Who leads a partition; none when there is no such topic.
fn leader_of<'a>(cluster: &'a Cluster, topic: &str, partition: i32) -> Result<Option<&'a Node>, CliError> {
    let partitions = match &cluster.partitions {
        Ok(partitions) => partitions,
        Err(refusal) if refusal.error == Some(UnknownTopicOrPartition) => return Ok(None),
        Err(refusal) => return Err(CliError::RefusedAbout { what: topic.to_owned(), refusal: refusal.clone() }),
    };
    let leader = partitions.iter().find(|known| known.partition == partition).and_then(|at| cluster.node(at.leader));
    leader.map(Some).ok_or_else(|| CliError::NoLeader { topic: topic.to_owned(), partition })
}
