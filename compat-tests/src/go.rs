//! Go: the program in `go/`, built once per content, with the versions of `go.mod` and the sums of `go.sum`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::{cache, program, runtime};

const BUILD_DEADLINE: Duration = Duration::from_secs(300);

/// Whether Go tests can run here; see [`runtime::available`].
pub fn available() -> bool {
    runtime::available(&["go"])
}

/// The program; add the arguments, then run it.
pub fn command() -> Command {
    Command::new(built(&folder()))
}

/// The program in `folder`.
pub fn built(folder: &Path) -> PathBuf {
    let built = cache::once(&format!("go-{}", cache::digest(sources(folder))), |out| {
        let mut go = Command::new("go");
        go.current_dir(folder).args(["build", "-mod=readonly", "-modcacherw", "-o"]).arg(out.join("client"));
        go.env("GOMODCACHE", cache::root().join("go-modules")).env("GOCACHE", cache::root().join("go-objects"));
        program::run(go, BUILD_DEADLINE).expect_success();
    });
    built.join("client")
}

/// Where the program is.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("go")
}

fn sources(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let read = |file: &PathBuf| fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    files.iter().map(|file| (file.clone(), read(file))).collect()
}
