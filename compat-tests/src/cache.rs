//! The cache folder. An entry either does not exist, or is complete, or is being made by the one holder of its lock:
//! a maker that died half-way leaves no marker, and the next one begins again from an empty folder.
//!
//! Entries stay where they were made, since some of them (Python environments) do not survive being moved.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

const COMPLETE: &str = ".complete";

/// `$CATENA_CACHE`, or `catena` in `$XDG_CACHE_HOME`, or `~/.cache/catena`.
pub fn root() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("CATENA_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("catena")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/catena")))
        .unwrap_or_else(|| std::env::temp_dir().join("catena-cache"))
}

/// The entry `name`, made by `make` if it is not there yet.
///
/// `make` fills the (empty, existing) folder it is given, and panics if it cannot. Whoever asks for the same entry
/// meanwhile, in this process or another, waits.
pub fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = root().join(name);
    let complete = folder.join(COMPLETE);
    if complete.exists() {
        return folder;
    }
    let _lock = lock(name);
    if complete.exists() {
        return folder;
    }
    let _ = fs::remove_dir_all(&folder);
    create(&folder);
    make(&folder);
    File::create(&complete).unwrap_or_else(|e| panic!("{}: {e}", complete.display()));
    folder
}

/// A folder with these files, by name and contents.
pub fn files(name: &str, contents: &[(&str, &str)]) -> PathBuf {
    once(&format!("{name}-{}", digest(contents)), |folder| {
        for (file, text) in contents {
            fs::write(folder.join(file), text).unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    })
}

/// Holds the lock file `name`.lock in the cache folder until dropped.
pub fn lock(name: &str) -> File {
    create(&root());
    let path = root().join(format!("{name}.lock"));
    let file = File::options().create(true).append(true).open(&path);
    let file = file.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file.lock().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    file
}

/// A short name for the given contents, for entries that depend on them.
pub fn digest(contents: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn create(folder: &Path) {
    fs::create_dir_all(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
}
