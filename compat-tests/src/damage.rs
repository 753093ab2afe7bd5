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
    let (path, position) = find(folder, value, which);
    flip_at(&path, position);
    (path, position)
}

/// Changes the byte at `position`; a second time makes it what it was.
pub fn flip_at(path: &Path, position: u64) {
    let change = || {
        let file = File::options().read(true).write(true).open(path)?;
        let mut byte = [0];
        file.read_exact_at(&mut byte, position)?;
        file.write_all_at(&[!byte[0]], position)
    };
    change().unwrap_or_else(|e: std::io::Error| panic!("{}: {e}", path.display()));
}

/// The `which`th place that holds `value` in the segments below `folder`: file and position.
pub fn find(folder: &Path, value: &[u8], which: usize) -> (PathBuf, u64) {
    let found = files(folder, &["log"]).into_iter().find_map(|path| Some((*places(&path, value).get(which)?, path)));
    let (position, path) = found.unwrap_or_else(|| panic!("nothing to damage in {}", folder.display()));
    (path, position)
}

fn places(path: &Path, value: &[u8]) -> Vec<u64> {
    let bytes = fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let places = bytes.windows(value.len()).enumerate().filter(|(_, found)| *found == value);
    places.map(|(position, _)| position as u64).collect()
}
