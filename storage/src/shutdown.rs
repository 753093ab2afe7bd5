//! The clean end of a store: nothing is left to replay.
//!
//! What must always hold: segments are durable in place before chains are sealed in the catalog, and sealed before the journal goes.

use std::io;
use std::sync::Arc;

use crate::catalog::Row;
use crate::error::StoreError;
use crate::journal;
use crate::log::PartitionLog;
use crate::recovery;
use crate::store::{Store, journal_dir};
use crate::syncing::sync_behind;

/// What a segment may go on having allocated, bytes: cutting thousands of files would take longer than all the rest, and the sweep of
/// the next start does it in the background.
const REST_MAX: u64 = 1024 * 1024;

/// Seals the chains of `logs` that are open in `store`, in this broker epoch. Nothing is appended any more.
///
/// # Errors
/// When something could not be made durable.
pub fn seal_all(store: &Arc<Store>, logs: &[Arc<PartitionLog>], epoch: u32) -> Result<(), StoreError> {
    let failed = |error: io::Error| StoreError::of_write(&error);
    let here: Vec<_> = logs.iter().filter(|log| !log.is_deleted()).filter_map(|log| log.seal(store)).collect();
    let segments: Vec<_> = here.iter().flat_map(|sealed| sealed.segments.iter().cloned()).collect();
    sync_behind(&store.files, segments.iter().cloned()).map_err(failed)?;
    for segment in &segments {
        segment.finish(REST_MAX).map_err(failed)?;
    }
    let rows = here.into_iter().flat_map(|sealed| {
        [Some(Row::Chain(sealed.chain)), sealed.producers.map(Row::Producers)].into_iter().flatten()
    });
    store.catalog.apply(&rows.collect::<Vec<_>>())?;
    // Of earlier epochs there is none any more, unless it was in vain.
    recovery::finish(&*store.fs, &store.dir, epoch).map_err(failed)?;
    journal::remove_all(&*store.fs, &journal_dir(&store.dir)).map_err(failed)
}
