//! What a disk may do to a file: one byte is not what was written.
//!
//! Neither broker is asked where it keeps a record: it is found by its bytes, so values have to be told apart by them.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// All files of `kinds` (extensions) below `folder`.
pub fn files(folder: &Path, kinds: &[&str]) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries.flatten().map(|entry| entry.path()) {
            match entry.extension().and_then(|kind| kind.to_str()) {
                _ if entry.is_dir() => folders.push(entry),
                Some(kind) if kinds.contains(&kind) => found.push(entry),
                _ => {}
            }
        }
    }
    found
}

/// Changes the first byte of the `which`th place that holds `value` in the segments below `folder`; the file and the
/// position in it.
pub fn flip(folder: &Path, value: &[u8], which: usize) -> (PathBuf, u64) {
    let segments = files(folder, &["log"]);
    let places = segments.into_iter().find_map(|path| Some((places(&path, value)?, path)));
    let (places, path) = places.unwrap_or_else(|| panic!("nothing to damage in {}", folder.display()));
    let (position, byte) = places[which];
    let file = File::options().write(true).open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.write_all_at(&[!byte], position).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    (path, position)
}

/// Where a file holds `value`, with the byte there; none if nowhere.
fn places(path: &Path, value: &[u8]) -> Option<Vec<(u64, u8)>> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let places = bytes.windows(value.len()).enumerate().filter(|(_, found)| *found == value);
    let places: Vec<(u64, u8)> = places.map(|(position, found)| (position as u64, found[0])).collect();
    (!places.is_empty()).then_some(places)
}
