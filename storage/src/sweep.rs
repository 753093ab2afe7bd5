//! Giving space back. After a start: the journal of earlier epochs, once what it holds is durable in its place; files that no segment in the
//! chains of the catalog owns (left between making a file and telling the catalog, or while a topic was deleted); what segments had allocated
//! ahead. From then on, what is deleted.
//!
//! What must always hold: only files of earlier broker epochs are touched, whose chains are sealed; this start's own may not be
//! in the catalog yet. Nothing below a segment's length in the catalog is cut.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::catalog::ChainRecord;
use crate::fs::{Entry, Open};
use crate::ids::SegmentId;
use crate::kept::LogStarts;
use crate::recovery;
use crate::store::Store;

/// Sweeps the files of epochs before `epoch` in the background, once, and then removes what is deleted; ends when the store closes.
///
/// # Errors
/// When the system refuses a thread.
pub fn start(store: &Arc<Store>, epoch: u32) -> io::Result<JoinHandle<()>> {
    let store = store.clone();
    std::thread::Builder::new().name("sweep".into()).spawn(move || {
        if let Err(error) = recovery::finish(&*store.fs, &store.dir, epoch) {
            store.write_failed("making durable what the last start has left", &error);
        }
        match sweep(&store, epoch) {
            Ok(0) => {}
            Ok(removed) => tracing::info!("{removed} files without a chain are removed"),
            Err(error) => tracing::warn!("cannot look for files without a chain: {error}"),
        }
        store.files.graveyard.tend(&store.files);
    })
}

fn sweep(store: &Store, epoch: u32) -> io::Result<usize> {
    let chains = store.catalog.own_chains().map_err(|error| io::Error::other(error.to_string()))?;
    let starts = store.catalog.partitions().map_err(|error| io::Error::other(error.to_string()))?;
    let starts = LogStarts::new(starts);
    let owned: HashMap<SegmentId, u64> =
        chains.into_iter().flat_map(|chain| lengths(&starts.keep(chain)).collect::<Vec<_>>()).collect();
    let mut removed = 0;
    for directory in store.fs.read_dir(&store.files.dir)?.iter().filter(|entry| entry.is_dir) {
        removed += sweep_directory(store, &store.files.dir.join(&directory.name), &owned, epoch)?;
    }
    Ok(removed)
}

fn lengths(chain: &ChainRecord) -> impl Iterator<Item = (SegmentId, u64)> {
    chain.segment_ids().zip(chain.segments.iter().map(|segment| segment.len))
}

fn sweep_directory(store: &Store, directory: &Path, owned: &HashMap<SegmentId, u64>, epoch: u32) -> io::Result<usize> {
    let mut removed = 0;
    for file in store.fs.read_dir(directory)? {
        if store.check_appendable().is_err() {
            break;
        }
        let path = directory.join(&file.name);
        let id = SegmentId::of_file_name(&file.name).filter(|id| id.chain.epoch < epoch);
        let swept = match id.map(|id| (id, owned.get(&id))) {
            None => continue,
            Some((segment, None)) => {
                removed += 1;
                store.files.graveyard.bury_orphan(segment, file.len);
                Ok(())
            }
            Some((_, Some(len))) => trim(store, &path, &file, *len),
        };
        // The topic may be deleted at the same time.
        swept.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    Ok(removed)
}

/// Cuts what a segment had allocated beyond `len`.
fn trim(store: &Store, path: &Path, file: &Entry, len: u64) -> io::Result<()> {
    if file.name.ends_with(".log") && file.len > len {
        store.fs.open(path, Open::Write)?.set_len(len)?;
    }
    Ok(())
}
