//! The clean end of a store: nothing is left to replay.
//!
//! What must always hold: segments are durable in place before chains are sealed in the catalog, and sealed before the journal goes.

use std::io;
use std::sync::Arc;

use crate::catalog::Row;
use crate::error::StoreError;
use crate::journal;
use crate::log::PartitionLog;
use crate::segment::Segment;
use crate::store::{SYNC_EACH_MAX, Store, journal_dir};

/// Seals the chains of `logs` that are open in `store`. Nothing is appended any more.
///
/// # Errors
/// When something could not be made durable.
pub fn seal_all(store: &Arc<Store>, logs: &[Arc<PartitionLog>]) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::of_write(&error);
    let here: Vec<_> = logs.iter().filter(|log| !log.is_deleted()).filter_map(|log| log.seal(store)).collect();
    let segments: Vec<_> = here.iter().flat_map(|sealed| sealed.segments.iter().cloned()).collect();
    sync(store, &segments).map_err(failed)?;
    for segment in &segments {
        segment.finish().map_err(failed)?;
    }
    let rows = here.into_iter().flat_map(|sealed| {
        [Some(Row::Chain(sealed.chain)), sealed.producers.map(Row::Producers)].into_iter().flatten()
    });
    store.catalog.apply(&rows.collect::<Vec<_>>())?;
    journal::remove_all(&*store.fs, &journal_dir(&store.dir)).map_err(failed)
}

fn sync(store: &Store, segments: &[Arc<Segment>]) -> io::Result<()> {
    let behind: Vec<_> = segments.iter().filter(|segment| segment.in_place_len() < segment.len()).collect();
    if behind.len() <= SYNC_EACH_MAX {
        return behind.into_iter().try_for_each(|segment| segment.sync());
    }
    let lens: Vec<u64> = behind.iter().map(|segment| segment.len()).collect();
    store.fs.sync_all(&store.dir)?;
    behind.into_iter().zip(lens).try_for_each(|(segment, len)| segment.synced_to(len))
}
