//! The database's file as a `fs::File`, so that a faulty file system reaches it too.
//!
//! What must always hold: a read or write is whole or an error. No lock is taken on the file: the store's lock file is held.

use std::io::{self, IoSlice};
use std::sync::Arc;

use redb::StorageBackend;

use crate::fs::File;

/// The file of a catalog.
#[derive(Debug)]
pub struct Backend(pub Arc<dyn File>);

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        let mut position = offset;
        while !out.is_empty() {
            match self.0.read_at(out, position) {
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
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        let mut position = offset;
        while !data.is_empty() {
            match self.0.write_at(&[IoSlice::new(data)], position) {
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
