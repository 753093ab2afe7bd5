//! What several stores know together.

mod partitions;
mod random;
mod topics;

use super::*;
use crate::ids::ChainId;
use crate::segment::SegmentSummary;

fn store(number: u32) -> StoreId {
    StoreId::new(number).unwrap()
}

/// A topic announced by store `of`, made in broker epoch `epoch`.
fn topic(name: &str, of: u32, epoch: u32) -> TopicRecord {
    TopicRecord {
        id: crate::ids::new_topic_id(store(of)),
        version: 1,
        created_epoch: epoch,
        name: name.into(),
        partitions: 1,
        internal: false,
        configs: BTreeMap::new(),
    }
}

fn store_row(number: u32) -> Row {
    Row::Store(StoreRecord { id: store(number), version: 1, dir: format!("/data/{number}"), is_mount_point: false })
}

fn rows(of: u32, rows: &[Row]) -> StoreRows {
    StoreRows { store: store(of), rows: rows.to_vec() }
}

/// Does what `Catalog::learn` does.
fn learn(store: &mut StoreRows, news: &[Row]) {
    for row in news {
        match store.rows.iter_mut().find(|own| own.key() == row.key()) {
            Some(own) => *own = row.clone().merged(own),
            None => store.rows.push(row.clone()),
        }
    }
    let known: Rows = store.rows.iter().map(|row| (row.key(), row.clone())).collect();
    store.rows.retain(|row| !is_void(&row.key(), &known));
}
