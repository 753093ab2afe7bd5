//! Looking into the directories of a broker without touching them.
//!
//! What must always hold: nothing is opened to be written; the lock is asked for and given back at once, to know whether a broker is
//! at work.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::finding::{Finding, Place};
use crate::catalog::{CatalogCopy, CatalogError, Row};
use crate::error::OpenError;
use crate::fs::{FileSystem, Open};
use crate::open::{self, CATALOG_FILE, Identity, LOCK_FILE};
use crate::union::{StoreRows, Union};

/// Copies taken of a catalog before it counts as damaged: one that is written may be copied in the middle of a change.
const COPIES_MAX: usize = 5;

/// A directory that was looked into.
pub struct Looked {
    /// Its path.
    pub dir: PathBuf,
    /// Who it is.
    pub identity: Identity,
    /// Its catalog.
    pub catalog: CatalogCopy,
    /// Whether a broker is at work there.
    pub in_motion: bool,
}

/// Looks into a directory; `Damaged` is for the caller to tell.
pub fn look(fs: &Arc<dyn FileSystem>, dir: &Path) -> Result<Looked, OpenError> {
    fs.read_dir(dir).map_err(|source| OpenError::of_io(dir, source))?;
    if !open::is_store(fs.as_ref(), dir) {
        return Err(OpenError::Foreign { dir: dir.to_owned(), reason: "it is no store".to_owned() });
    }
    let identity = open::identity(fs.as_ref(), dir)?;
    let in_motion = in_motion(fs.as_ref(), dir);
    let mut copies = std::iter::repeat_with(|| copy(fs.as_ref(), dir)).take(if in_motion { COPIES_MAX } else { 1 });
    let mut catalog = copies.next().unwrap_or_else(|| copy(fs.as_ref(), dir));
    while let (Err(OpenError::Damaged { .. }), Some(next)) = (&catalog, copies.next()) {
        catalog = next;
    }
    Ok(Looked { dir: dir.to_owned(), identity, catalog: catalog?, in_motion })
}

fn copy(fs: &dyn FileSystem, dir: &Path) -> Result<CatalogCopy, OpenError> {
    let damaged = |reason| OpenError::Damaged { dir: dir.to_owned(), reason };
    let file = fs.open(&dir.join(CATALOG_FILE), Open::Read).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => damaged("the catalog is missing".to_owned()),
        _ => OpenError::of_io(dir, source),
    })?;
    CatalogCopy::take(&*file).map_err(|error| match error {
        CatalogError::Io(source) => OpenError::of_io(dir, source),
        CatalogError::Damaged(reason) => damaged(format!("the catalog: {reason}")),
    })
}

fn in_motion(fs: &dyn FileSystem, dir: &Path) -> bool {
    let asked = fs.open(&dir.join(LOCK_FILE), Open::Read).and_then(|lock| lock.try_lock());
    asked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// What a start would make of these directories.
pub fn unite(looked: &[Looked]) -> Union {
    let rows = |looked: &Looked| StoreRows {
        store: looked.identity.store,
        rows: looked.catalog.rows.iter().filter(|row| !matches!(row, Row::Producers(_))).cloned().collect(),
    };
    let epoch = looked.iter().map(|looked| looked.catalog.counters.next_broker_epoch).max().unwrap_or(0);
    Union::of(&looked.iter().map(rows).collect::<Vec<_>>(), u32::try_from(epoch).unwrap_or(u32::MAX))
}

/// What is wrong with the directories themselves.
pub fn directories(looked: &[Looked], report: &mut dyn FnMut(Finding)) {
    for (at, here) in looked.iter().enumerate() {
        let place = Place::dir(&here.dir);
        if here.in_motion {
            report(place.note("a broker is at work here: what is written while this looks may be told as a problem"));
        }
        if !here.catalog.is_whole {
            report(place.problem("pages of the catalog have wrong checksums"));
        }
        for key in &here.catalog.unreadable {
            report(place.problem(format!("the row of the catalog with the key {key:02x?} cannot be read")));
        }
        let before = looked.get(..at).unwrap_or_default();
        if let Some(twin) = before.iter().find(|other| other.identity.store == here.identity.store) {
            let twin = twin.dir.display();
            report(place.problem(format!("it is store {}, as {twin} is", here.identity.store)));
        }
        if let Some(first) = before.first().filter(|first| first.identity.cluster_id != here.identity.cluster_id) {
            let (ours, theirs) = (&here.identity.cluster_id, &first.identity.cluster_id);
            report(place.problem(format!("it belongs to cluster {ours}, {} to {theirs}", first.dir.display())));
        }
    }
}
