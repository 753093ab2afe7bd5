//! Which operation fails, and when the power goes.
//!
//! What must always hold: every operation is counted, also one that fails; without power, everything fails.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `FileSystem::open`.
    Open,
    /// `FileSystem::create_dir_all`.
    CreateDir,
    /// `FileSystem::read_dir`.
    ReadDir,
    /// `len` of a name or an open file.
    Len,
    /// `FileSystem::rename`.
    Rename,
    /// `FileSystem::remove_file`.
    Remove,
    /// `FileSystem::sync_dir`.
    SyncDir,
    /// `FileSystem::sync_all`.
    SyncAll,
    /// `FileSystem::space` and `is_mount_point`.
    Space,
    /// `File::read_at`.
    Read,
    /// `File::write_at`.
    Write,
    /// `File::allocate`.
    Allocate,
    /// `File::set_len`.
    SetLen,
    /// `File::sync`.
    Sync,
    /// `File::map`.
    Map,
    /// `File::try_lock`.
    Lock,
}

/// What happens instead of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device does not answer (EIO).
    Io,
    /// No space (ENOSPC).
    NoSpace,
    /// No more files may be open (EMFILE).
    TooManyFiles,
    /// A write takes only half of the bytes, at least one; any other operation succeeds.
    Short,
}

/// The operations so far, and what is to happen to those that come.
#[derive(Debug, Default)]
pub struct Faults {
    counts: BTreeMap<Operation, u64>,
    rules: Vec<Rule>,
    gone: Vec<Gone>,
    /// Operations until the power goes.
    left: Option<u64>,
    without_power: bool,
}

/// A place where some operations fail.
#[derive(Debug)]
struct Gone {
    path: PathBuf,
    operations: Vec<Operation>,
    fault: Fault,
}

#[derive(Debug)]
struct Rule {
    operation: Operation,
    skip: u64,
    times: u64,
    fault: Fault,
}

impl Operation {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Open,
        Self::CreateDir,
        Self::ReadDir,
        Self::Len,
        Self::Rename,
        Self::Remove,
        Self::SyncDir,
        Self::SyncAll,
        Self::Space,
        Self::Read,
        Self::Write,
        Self::Allocate,
        Self::SetLen,
        Self::Sync,
        Self::Map,
        Self::Lock,
    ];
}

impl Fault {
    fn outcome(self) -> io::Result<bool> {
        match self {
            Self::Io => Err(Errno::IO.into()),
            Self::NoSpace => Err(Errno::NOSPC.into()),
            Self::TooManyFiles => Err(Errno::MFILE.into()),
            Self::Short => Ok(true),
        }
    }
}

impl Faults {
    /// Operations of a kind so far.
    pub fn count(&self, operation: Operation) -> u64 {
        self.counts.get(&operation).copied().unwrap_or(0)
    }

    /// All operations so far.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// After `skip` operations of this kind, `times` of them fail.
    pub fn fail(&mut self, operation: Operation, skip: u64, times: u64, fault: Fault) {
        self.rules.push(Rule { operation, skip, times, fault });
    }

    /// These operations fail at or below `path`.
    pub fn lose(&mut self, path: &Path, operations: &[Operation], fault: Fault) {
        self.gone.push(Gone { path: path.to_owned(), operations: operations.to_vec(), fault });
    }

    /// What is at or below `path` is no longer gone.
    pub fn give_back(&mut self, path: &Path) {
        self.gone.retain(|gone| !gone.path.starts_with(path));
    }

    /// Nothing fails any more; but power does not come back.
    pub fn mend(&mut self) {
        self.rules.clear();
        self.gone.clear();
        self.left = None;
    }

    /// The power goes when `left` more operations are done.
    pub fn power_off_after(&mut self, left: u64) {
        self.left = Some(left);
        self.without_power |= left == 0;
    }

    /// Whether the power is gone.
    pub fn without_power(&self) -> bool {
        self.without_power
    }

    /// Counts an operation; whether a write is to be short.
    ///
    /// # Errors
    /// What the operation is to fail with.
    pub fn pass(&mut self, operation: Operation, path: &Path) -> io::Result<bool> {
        if self.without_power {
            return Err(Errno::IO.into());
        }
        *self.counts.entry(operation).or_default() += 1;
        if let Some(left) = &mut self.left {
            *left -= 1;
            self.without_power = *left == 0;
        }
        let concerns = |gone: &&Gone| path.starts_with(&gone.path) && gone.operations.contains(&operation);
        if let Some(gone) = self.gone.iter().find(concerns) {
            return gone.fault.outcome();
        }
        let mut found = None;
        for rule in self.rules.iter_mut().filter(|rule| rule.operation == operation) {
            found = found.or(rule.next());
        }
        found.map_or(Ok(false), Fault::outcome)
    }
}

impl Rule {
    /// The fault, if it is time.
    fn next(&mut self) -> Option<Fault> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.checked_sub(1)?;
        Some(self.fault)
    }
}
