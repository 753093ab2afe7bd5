//! The file system refuses: the call fails, nothing has changed, and the next call finds the database again.

use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;

use super::*;
use crate::fs::{File, FileSystem, Open};

/// Fails writes and syncs of files once so many have been let through.
#[derive(Debug, Clone, Default)]
struct Failing {
    left: Arc<AtomicU64>,
}

#[derive(Debug)]
struct FailingFile(Arc<dyn File>, Failing);

impl Failing {
    fn check(&self) -> io::Result<()> {
        let left = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| io::ErrorKind::StorageFull.into())
    }

    fn allow(&self, calls: u64) {
        self.left.store(calls, Ordering::Release);
    }
}

impl FileSystem for Failing {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(FailingFile(RealFileSystem.open(path, how)?, self.clone())))
    }
    crate::fs::names_as_real!();
}

impl File for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
    /// Short, as the system may be.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let len = buffer.len().min(1000);
        self.0.read_at(&mut buffer[..len], position)
    }
    /// Short, as the system may be.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        self.1.check()?;
        let part = &parts[0][..parts[0].len().min(1000)];
        self.0.write_at(&[IoSlice::new(part)], position)
    }
    fn allocate(&self, position: u64, len: u64) -> io::Result<()> {
        self.0.allocate(position, len)
    }
    fn set_len(&self, len: u64) -> io::Result<()> {
        self.1.check()?;
        self.0.set_len(len)
    }
    fn sync(&self) -> io::Result<()> {
        self.1.check()?;
        self.0.sync()
    }
    fn try_lock(&self) -> io::Result<()> {
        self.0.try_lock()
    }
    fn map(&self, len: usize) -> io::Result<Arc<MmapRaw>> {
        self.0.map(len)
    }
}

#[test]
fn a_transaction_cut_off_at_any_call_is_there_whole_or_not_at_all_once_there_is_space() {
    let (dir, fs) = (tempfile::tempdir().unwrap(), Failing::default());
    fs.allow(u64::MAX);
    let catalog = Catalog::open(Arc::new(fs.clone()), dir.path().join("catalog.redb"), store(1)).unwrap();
    let mut refused = 0;
    for calls in (0..).step_by(3) {
        let (before, a) = (catalog.rows().unwrap(), topic(&format!("topic {calls}")));
        let rows = [Row::Topic(a.clone()), Row::Chain(chain(&a, 0, 0, 0, None))];
        fs.allow(calls);
        let outcome = catalog.apply(&rows);
        fs.allow(u64::MAX);
        let found = catalog.rows().unwrap().len() - before.len();
        match outcome {
            Ok(()) => {
                assert_eq!(found, 2, "after {calls} calls");
                break;
            }
            Err(error) => {
                refused += 1;
                assert!(error.may_pass(), "{error}");
                // The last write may have reached the disk although its sync was refused.
                assert!(matches!(found, 0 | 2), "{found} rows after {calls} calls");
            }
        }
    }
    assert!(refused > 2, "only {refused} calls were refused");
}
