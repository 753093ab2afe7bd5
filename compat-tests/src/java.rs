//! Java: sources are compiled once per content and class path, and run by a small, quick-starting virtual machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::maven::ClassPath;
use crate::{cache, program, runtime};

/// Warnings and worse go to the standard error, and so does the line by which Apache Kafka says that it is up.
const LOGGING: [&str; 3] = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
];
const COMPILE_DEADLINE: Duration = Duration::from_secs(120);

/// Whether Java tests can run here; see [`runtime::available`].
pub fn available() -> bool {
    runtime::available(&["java", "javac", "mvn"])
}

/// Classes that can be run: compiled sources in front of the libraries they were compiled against.
#[derive(Clone, Debug)]
pub struct Program {
    class_path: String,
}

impl Program {
    /// The classes of `libraries` alone.
    pub fn library(libraries: ClassPath) -> Self {
        Self { class_path: libraries.fetch() }
    }

    /// Compiles all `.java` files directly in `java/<folder>` of this crate against `libraries`.
    pub fn compile(folder: &str, libraries: ClassPath) -> Self {
        Self::compile_together(&[folder], libraries)
    }

    /// Like [`Program::compile`], with the files of several folders.
    pub fn compile_together(folders: &[&str], libraries: ClassPath) -> Self {
        let sources = folders.iter().flat_map(|name| sources(&folder().join(name))).collect();
        Self::compile_sources(&folders.join("-"), sources, libraries)
    }

    /// Like [`Program::compile`], with the files of any folder, under the name `name`.
    pub fn compile_at(name: &str, folder: &Path, libraries: ClassPath) -> Self {
        Self::compile_sources(name, sources(folder), libraries)
    }

    fn compile_sources(name: &str, sources: Vec<(PathBuf, String)>, libraries: ClassPath) -> Self {
        let class_path = libraries.fetch();
        let key = cache::digest((libraries.artifacts, &sources));
        let classes = cache::once(&format!("java-{name}-{key}"), |out| {
            let mut javac = Command::new("javac");
            javac.args(["-nowarn", "-proc:none", "-Xlint:-options", "--release", "17", "-cp", &class_path, "-d"]);
            javac.arg(out).args(sources.iter().map(|(path, _)| path));
            program::run(javac, COMPILE_DEADLINE).expect_success();
        });
        Self { class_path: format!("{}:{class_path}", classes.display()) }
    }

    /// `java` with this class path and `main`; add the arguments, then run it.
    ///
    /// Tuned to start quickly and to stay small (`heap_mib`) beside others, not for peak speed.
    pub fn command(&self, main: &str, heap_mib: u32) -> Command {
        let heap = format!("-Xmx{heap_mib}m");
        self.tuned(&["-XX:TieredStopAtLevel=1", "-Xshare:auto", "-XX:+UseSerialGC", &heap], main)
    }

    /// Like [`Program::command`], with the caller's options for the virtual machine.
    pub fn tuned(&self, options: &[&str], main: &str) -> Command {
        let mut java = Command::new("java");
        java.args(options).args(LOGGING).args(["-cp", &self.class_path]).arg(main);
        java
    }
}

/// Where the sources are.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java")
}

/// The files with their contents, in the order of their names.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "java"));
    files.sort();
    let read = |file: PathBuf| {
        let text = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        (file, text)
    };
    files.into_iter().map(read).collect()
}
