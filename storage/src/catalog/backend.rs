//! The database's file as a `fs::File`, so that a faulty file system reaches it too.
//!
//! What must always hold: a read or write is whole or an error. No lock is taken on the file: the store's lock file is held. Once it is
//! given up nothing is written: the database writes when it is dropped, and by then the file may be another one's.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use crate::fs::File;

/// The file of a catalog.
#[derive(Debug)]
pub struct Backend {
    /// The file.
    pub file: Arc<dyn File>,
    /// Whether it is not to be written any more.
    pub given_up: Arc<AtomicBool>,
}

impl Backend {
    fn check_ours(&self) -> io::Result<()> {
        if self.given_up.load(Ordering::Acquire) { Err(io::Error::other("the catalog was given up")) } else { Ok(()) }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        let mut position = offset;
        while !out.is_empty() {
            match self.file.read_at(out, position) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(taken) => {
                    out = out.get_mut(taken..).unwrap_or_default();
                    position += taken as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check_ours()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync()
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        self.check_ours()?;
        let mut position = offset;
        while !data.is_empty() {
            match self.file.write_at(&[IoSlice::new(data)], position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    data = data.get(taken..).unwrap_or_default();
                    position += taken as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
