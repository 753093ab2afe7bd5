//! Looking at data directories, for a person who wonders what happened: are they whole (`check`), what is in them (`dump`).
//!
//! 1. The directories: identities, catalogs, which are copied into memory and read there.
//! 2. The journals: which slots are whole, and what of them the segments lack.
//! 3. The partitions as a start would see them: chains, segments, batches, index entries.
//! 4. The files that no catalog knows.
//!
//! What must always hold: nothing is opened to be written, and nothing is written; a broker may be at work meanwhile. Memory is that of the
//! catalogs, and of a piece of a file or a slot of a journal.

mod chains;
mod dump;
mod finding;
mod index;
mod journal;
mod look;
mod pieces;
mod segment;
mod segments;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::OpenError;
use crate::fs::FileSystem;
use crate::ids::{SegmentId, StoreId};

pub use dump::{DumpOptions, dump};
pub use finding::{Finding, Place};

use look::Looked;

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Topics known.
    pub topics: u64,
    /// Their partitions.
    pub partitions: u64,
    /// Chains with offsets of them, those of stores that are away too.
    pub chains: u64,
    /// Segments of these that were looked for.
    pub segments: u64,
    /// Batches in them.
    pub batches: u64,
    /// Records in these, as their headers say.
    pub records: u64,
    /// Bytes of the batches.
    pub bytes: u64,
    /// Whole slots of journals.
    pub slots: u64,
    /// Findings that are problems.
    pub problems: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topics, partitions, chains, segments, batches, records, bytes, slots, problems } = self;
        write!(
            f,
            "{topics} topics, {partitions} partitions, {chains} chains, {segments} segments, {batches} batches, \
             {records} records, {bytes} bytes, {slots} journal slots, {problems} problems"
        )
    }
}

/// A check under way.
struct Check<'a> {
    fs: Arc<dyn FileSystem>,
    dirs: HashMap<StoreId, PathBuf>,
    summary: Summary,
    /// Segments for which a journal has bytes that they lack.
    mended: HashSet<SegmentId>,
    report: &'a mut dyn FnMut(Finding),
}

impl Check<'_> {
    fn tell(&mut self, finding: Finding) {
        self.summary.problems += u64::from(finding.is_problem);
        (self.report)(finding);
    }

    fn directory(&self, store: StoreId) -> Option<PathBuf> {
        self.dirs.get(&store).cloned()
    }

    /// In a store that is away, its name stands for the directory.
    fn place_of(&self, store: StoreId) -> Place {
        self.directory(store).map_or_else(|| Place::dir(format!("store {store}").as_ref()), |dir| Place::dir(&dir))
    }
}

/// Checks the stores in `dirs` together, as a start would take them; `report` is told what is found, as it is found.
///
/// # Errors
/// When a directory is missing, is no store of ours, or cannot be read.
pub fn check(
    fs: &Arc<dyn FileSystem>,
    dirs: &[PathBuf],
    report: &mut dyn FnMut(Finding),
) -> Result<Summary, OpenError> {
    let summary = Summary::default();
    let mut check = Check { fs: fs.clone(), dirs: HashMap::new(), summary, mended: HashSet::new(), report };
    let mut looked = Vec::new();
    for dir in dirs {
        match look::look(fs, dir) {
            Ok(found) => looked.push(found),
            Err(OpenError::Damaged { dir, reason }) => check.tell(Place::dir(&dir).problem(reason)),
            Err(error) => return Err(error),
        }
    }
    check.dirs = chains::directories(&looked);
    look::directories(&looked, &mut |finding| check.tell(finding));
    for looked in &looked {
        check.store(looked, journal::check);
    }
    chains::check(&mut check, &look::unite(&looked));
    for looked in &looked {
        check.store(looked, chains::files);
    }
    Ok(check.summary)
}

impl Check<'_> {
    fn store(&mut self, looked: &Looked, part: impl FnOnce(&mut Self, &Looked) -> io::Result<()>) {
        if let Err(error) = part(self, looked) {
            self.tell(Place::dir(&looked.dir).problem(format!("it cannot be read: {error}")));
        }
    }
}
