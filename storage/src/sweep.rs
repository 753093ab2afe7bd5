//! Removing files that no segment in the chains of the catalog owns: left by a crash between making a file and telling the catalog, or while
//! a topic was deleted.
//!
//! What must always hold: only files of earlier broker epochs are removed; this start's own may not be in the catalog yet.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::catalog::ChainRecord;
use crate::ids::SegmentId;
use crate::store::Store;

/// Sweeps in the background, once; ends early when the store closes.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(store: &Arc<Store>) -> io::Result<JoinHandle<()>> {
    let store = store.clone();
    std::thread::Builder::new().name("sweep".into()).spawn(move || match sweep(&store) {
        Ok(0) => {}
        Ok(removed) => tracing::info!("{removed} files without a chain removed"),
        Err(error) => tracing::warn!("cannot look for files without a chain: {error}"),
    })
}

fn sweep(store: &Store) -> io::Result<usize> {
    let chains = store.catalog.chains().map_err(|error| io::Error::other(error.to_string()))?;
    let owned: HashSet<SegmentId> = chains.iter().flat_map(ChainRecord::segment_ids).collect();
    let orphan = |id: SegmentId| id.chain.epoch < store.epoch && !owned.contains(&id);
    let mut removed = 0;
    for directory in fs::read_dir(&store.chains)? {
        let directory = directory?.path();
        if store.check_appendable().is_err() {
            break;
        }
        if directory.is_dir() {
            removed += sweep_directory(&directory, orphan)?;
        }
    }
    Ok(removed)
}

fn sweep_directory(directory: &Path, orphan: impl Fn(SegmentId) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for file in fs::read_dir(directory)?.flatten() {
        if file.file_name().to_str().and_then(SegmentId::of_file_name).is_some_and(&orphan) {
            fs::remove_file(file.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
