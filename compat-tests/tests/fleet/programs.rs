//! The readers of docs/config-topics.md as they stand in the page, each built with the small program around it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use compat_tests::java::Program;
use compat_tests::{cache, go, java, maven, python};

const PAGE: &str = "../docs/config-topics.md";
const JAVA_HEAP_MIB: u32 = 48;

/// The languages of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Python,
    Go,
    Java,
}

impl Language {
    pub const ALL: [Self; 3] = [Self::Python, Self::Go, Self::Java];

    /// Its name, as in ids and at the page's fences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Go => "go",
            Self::Java => "java",
        }
    }

    /// The program; add what it is to do. Ids are UTF-8, whatever this machine's locale says.
    pub fn command(self) -> Command {
        let mut command = match self {
            Self::Python => python::command_at(&python_folder().join("fleet.py")),
            Self::Go => Command::new(go_program()),
            Self::Java => java_program().command("Fleet", JAVA_HEAP_MIB),
        };
        command.env("LC_ALL", "C.UTF-8");
        command
    }
}

/// Whether all three can run here.
pub fn available() -> bool {
    python::available() && go::available() && java::available()
}

/// The page.
pub fn page() -> String {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE))
}

fn python_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let program = read(&python::folder().join("fleet.py"));
        cache::files("fleet-python", &[("config.py", &block("python")), ("fleet.py", &program)])
    })
}

fn go_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let [main, module, sums] = ["fleet/main.go", "go.mod", "go.sum"].map(|file| read(&go::folder().join(file)));
        let files = [("config.go", block("go")), ("main.go", main), ("go.mod", module), ("go.sum", sums)];
        let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        go::built(&cache::files("fleet-go", &files))
    })
}

fn java_program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = read(&java::folder().join("fleet/Fleet.java"));
        let sources = cache::files("fleet-java", &[("Config.java", &block("java")), ("Fleet.java", &program)]);
        Program::compile_at("fleet", &sources, maven::KAFKA_44)
    })
}

/// What stands in the page's one block of a language.
fn block(language: &str) -> String {
    let page = page();
    let mut blocks = page.split("\n```").skip(1).step_by(2).filter_map(|block| {
        let (fence, text) = block.split_once('\n')?;
        (fence == language).then(|| format!("{text}\n"))
    });
    match (blocks.next(), blocks.next()) {
        (Some(block), None) => block,
        _ => panic!("{PAGE} has not one block of {language}"),
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}
