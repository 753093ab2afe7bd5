//! Metadata (3), version 12: brokers, and who leads the partitions of a topic.

use uuid::Uuid;

use super::{Call, Refusal};
use crate::bounds::Problem;
use crate::codec::{Reader, Writer};

/// Asks for the brokers and the partitions of one topic; the empty name asks for brokers alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata<'a> {
    /// The topic.
    pub topic: &'a str,
    /// Whether it may be created by that.
    pub create: bool,
}

/// Brokers, and leaders of one topic's partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The brokers.
    pub nodes: Vec<Node>,
    /// The topic's partitions, or why there are none.
    pub partitions: Result<Vec<PartitionLeader>, Refusal>,
}

/// A broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: i32,
    /// Where it listens.
    pub host: String,
    /// Where it listens.
    pub port: i32,
}

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionLeader {
    /// The partition.
    pub partition: i32,
    /// The broker's id; -1 for nobody.
    pub leader: i32,
}

impl Cluster {
    /// The broker of this id.
    pub fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }
}

impl Call for Metadata<'_> {
    const KEY: i16 = 3;
    const NAME: &'static str = "Metadata";
    const VERSION: i16 = 12;
    type Answer = Cluster;

    fn write(&self, writer: &mut Writer<'_>) {
        let topics: &[&str] = if self.topic.is_empty() { &[] } else { &[self.topic] };
        writer.array(topics, |writer, topic| {
            writer.uuid(Uuid::nil());
            writer.string(topic);
            writer.no_tags();
        });
        writer.boolean(self.create);
        writer.boolean(false);
        writer.no_tags();
    }

    fn read(reader: &mut Reader) -> Result<Self::Answer, Problem> {
        reader.int32()?;
        let nodes = reader.growing_array(node)?;
        reader.nullable_string()?;
        reader.int32()?;
        let topics = reader.growing_array(topic)?;
        Ok(Cluster { nodes, partitions: topics.into_iter().next().unwrap_or(Ok(Vec::new())) })
    }
}

fn node(reader: &mut Reader) -> Result<Node, Problem> {
    let node = Node { id: reader.int32()?, host: reader.text()?, port: reader.int32()? };
    reader.nullable_string()?;
    reader.no_tags()?;
    Ok(node)
}

fn topic(reader: &mut Reader) -> Result<Result<Vec<PartitionLeader>, Refusal>, Problem> {
    let refusal = Refusal::of(reader.int16()?, None);
    reader.nullable_string()?;
    reader.uuid()?;
    reader.boolean()?;
    let partitions = reader.growing_array(partition)?;
    reader.int32()?;
    reader.no_tags()?;
    Ok(refusal.map_or(Ok(partitions), Err))
}

fn partition(reader: &mut Reader) -> Result<PartitionLeader, Problem> {
    reader.int16()?;
    let leader = PartitionLeader { partition: reader.int32()?, leader: reader.int32()? };
    reader.int32()?;
    for _replicas in 0..3 {
        reader.growing_array(Reader::int32)?;
    }
    reader.no_tags()?;
    Ok(leader)
}
