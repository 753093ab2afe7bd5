//! Temporary stand-in.
use std::collections::HashMap;

use crate::catalog::{ChainRecord, Row, TopicRecord};
use crate::ids::{ChainId, PartitionId, StoreId};

pub struct ChainView {
    pub row: ChainRecord,
    pub end: i64,
    pub store_present: bool,
}
#[derive(Default)]
pub struct PartitionView {
    pub chains: Vec<ChainView>,
    pub log_start: i64,
    pub next_offset: i64,
    pub obsolete: Vec<ChainId>,
}
pub struct Union {
    pub topics: Vec<TopicRecord>,
    pub partitions: HashMap<PartitionId, PartitionView>,
}
impl Union {
    pub fn end_of(&self, chain: &ChainRecord) -> i64 {
        let view = self.partitions.get(&chain.partition);
        let found = view.and_then(|view| view.chains.iter().find(|known| known.row.id == chain.id));
        found.map_or(chain.start, |known| known.end)
    }
}
pub fn resolve(rows: Vec<Row>, present: &[StoreId]) -> Union {
    let mut topics = HashMap::new();
    let mut partitions: HashMap<PartitionId, PartitionView> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for row in rows {
        match row {
            Row::Topic(topic) => drop(topics.insert(topic.id, topic)),
            Row::Chain(row) if seen.insert(row.id) => {
                let end = row.end.unwrap_or(row.start);
                let store_present = present.contains(&row.id.store);
                partitions.entry(row.partition).or_default().chains.push(ChainView { row, end, store_present });
            }
            _ => {}
        }
    }
    for view in partitions.values_mut() {
        view.chains.sort_by_key(|chain| (chain.row.start, chain.row.id));
        for at in 1..view.chains.len() {
            view.chains[at - 1].end = view.chains[at].row.start;
        }
        view.next_offset = view.chains.last().map_or(0, |chain| chain.end);
        view.chains.retain(|chain| chain.end > chain.row.start);
        view.log_start = view.chains.first().map_or(view.next_offset, |chain| chain.row.start);
    }
    Union { topics: topics.into_values().collect(), partitions }
}
