//! The index of a segment against its batches.
//!
//! What must always hold: entries are read one after the other beside the batches, so memory is that of a piece.

use std::io;
use std::path::Path;

use catena_protocol::batch::BatchHeader;

use super::finding::{Finding, Place};
use super::pieces::Pieces;
use crate::fs::{FileSystem, Open};
use crate::index::{ENTRY_LEN, IndexEntry, decode};

/// The entries of an index file.
pub struct Entries {
    pieces: Option<Pieces>,
    at: u64,
    next: Option<IndexEntry>,
    damaged: Option<u64>,
    place: Place,
}

impl Entries {
    /// Those in the file at `path`; none if it is not there.
    ///
    /// # Errors
    /// Of the file system.
    pub fn open(fs: &dyn FileSystem, path: &Path, place: &Place) -> io::Result<Self> {
        let pieces = match fs.open(path, Open::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            opened => {
                let file = opened?;
                let len = file.len()?;
                Some(Pieces::new(file, len))
            }
        };
        Ok(Self { pieces, at: 0, next: None, damaged: None, place: place.file(path) })
    }

    /// Compares the entries up to and with this batch's, which stands at `position`; `timestamp_before` is the largest before it,
    /// if that is known.
    ///
    /// # Errors
    /// Of the file system.
    pub fn compare(
        &mut self,
        position: u64,
        header: &BatchHeader,
        timestamp_before: Option<i64>,
        report: &mut dyn FnMut(Finding),
    ) -> io::Result<()> {
        while let Some(entry) = self.peek(report)?.filter(|entry| u64::from(entry.position) <= position) {
            self.next = None;
            let place = self.place.at(entry.position.into()).offset(entry.offset);
            if u64::from(entry.position) < position {
                report(place.problem("the index names a position where no batch begins"));
            } else if entry.offset != header.base_offset {
                let found = header.base_offset;
                report(place.problem(format!("the index names a wrong offset: the batch there begins with {found}")));
            } else if let Some(found) = timestamp_before.filter(|found| *found != entry.timestamp_before) {
                let said = entry.timestamp_before;
                report(
                    place.problem(format!("the index says that timestamps before reach {said}, they reach {found}")),
                );
            }
        }
        Ok(())
    }

    /// The first entry for a batch behind `position`; those before it are passed over.
    ///
    /// # Errors
    /// Of the file system.
    pub fn behind(&mut self, position: u64, report: &mut dyn FnMut(Finding)) -> io::Result<Option<IndexEntry>> {
        while self.peek(report)?.is_some_and(|entry| u64::from(entry.position) <= position) {
            self.next = None;
        }
        Ok(self.next)
    }

    /// The next entry. Zeros are space that was set aside; what is damaged is told once something good comes behind it: else it
    /// is a write that was cut short.
    fn peek(&mut self, report: &mut dyn FnMut(Finding)) -> io::Result<Option<IndexEntry>> {
        while self.next.is_none() {
            let Some(pieces) = &mut self.pieces else { return Ok(None) };
            let bytes = pieces.bytes(self.at, ENTRY_LEN as usize)?;
            if bytes.len() < ENTRY_LEN as usize {
                return Ok(None);
            }
            self.next = decode(bytes);
            if self.next.is_none() && bytes.iter().any(|byte| *byte != 0) {
                self.damaged.get_or_insert(self.at);
            }
            self.at += ENTRY_LEN;
        }
        if let Some(damaged) = self.damaged.take() {
            report(self.place.at(damaged).problem("an entry of the index is damaged; what follows it is not used"));
        }
        Ok(self.next)
    }
}
