//! The rules of the house, read off the source: layers, wire types, error codes, `unsafe`, assembly, exporter.
//!
//! What must always hold: each rule is stated where it is checked, and a rule that no longer sees any file fails.

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path relative to the workspace, and its code without comments.
struct Source {
    path: String,
    code: String,
}

impl Source {
    fn is_under(&self, folders: &[&str]) -> bool {
        folders.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Lines of code that `wrong` objects to, as `path:line: code`.
    fn offences(&self, wrong: impl Fn(&str) -> bool) -> Vec<String> {
        let numbered = self.code.lines().enumerate();
        numbered
            .filter(|(_, line)| wrong(line))
            .map(|(at, line)| format!("{}:{}: {}", self.path, at + 1, line.trim()))
            .collect()
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut files = Vec::new();
    for member in ["protocol/src", "storage/src", "broker/src"] {
        rust_files(&root.join(member), &mut files);
    }
    assert!(files.len() > 30, "the sources are not where this test looks");
    files.sort();
    let read = |path: PathBuf| Source {
        path: path.strip_prefix(root).expect("under the root").display().to_string(),
        code: without_comments(&fs::read_to_string(&path).expect("a readable source")),
    };
    files.into_iter().map(read).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_of_tests(&path) {
            found.push(path);
        }
    }
}

/// A file of unit tests alone: `tests.rs`, `pass_tests.rs`, `tests/random.rs`.
fn is_of_tests(path: &Path) -> bool {
    let is_tests =
        |part: &std::ffi::OsStr| part.to_str().is_some_and(|part| part.trim_end_matches(".rs").ends_with("tests"));
    path.file_name().is_some_and(is_tests) || path.parent().and_then(Path::file_name).is_some_and(is_tests)
}

/// Line comments blanked, and everything from the unit tests on: tests may do what the code may not.
fn without_comments(source: &str) -> String {
    let production = source.split("#[cfg(test)]\nmod ").next().unwrap_or(source);
    production.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

fn assert_none(rule: &str, offences: Vec<String>) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

fn offences_outside(allowed: &[&str], wrong: impl Fn(&str) -> bool + Copy) -> Vec<String> {
    sources().iter().filter(|source| !source.is_under(allowed)).flat_map(|source| source.offences(wrong)).collect()
}

/// Where `crate::<layer>` is named in a `use` or a path.
fn names_layer(line: &str, layer: &str) -> bool {
    line.contains(&format!("crate::{layer}::")) || line.contains(&format!("crate::{layer};"))
}

#[test]
fn wire_message_types_are_named_only_in_protocol_and_api() {
    let rule = "wire message types belong to `protocol` and `broker/src/api`";
    let wire = |line: &str| line.contains("kafka_protocol") || line.contains("catena_protocol::messages");
    assert_none(rule, offences_outside(&["protocol/", "broker/src/api/"], wire));
}

#[test]
fn layers_are_used_downwards_only() {
    let layers: &[(&str, &[&str])] = &[
        ("broker/src/config", &["net", "dispatch", "api", "topics", "fetch", "groups", "control", "fleet", "broker"]),
        ("broker/src/rollout", &["net", "dispatch", "api", "topics", "fetch", "groups", "control", "fleet", "broker"]),
        ("broker/src/control", &["net", "dispatch", "api"]),
        ("broker/src/fleet", &["net", "dispatch", "api"]),
        ("broker/src/topics", &["net", "dispatch", "api", "fetch", "groups", "broker"]),
        ("broker/src/fetch", &["net", "dispatch", "api", "groups", "broker"]),
        ("broker/src/groups", &["net", "dispatch", "api", "fetch", "broker"]),
        ("broker/src/sessions", &["net", "dispatch", "api", "broker"]),
        (
            "broker/src/sessions/deliveries",
            &["net", "dispatch", "api", "topics", "fetch", "groups", "config", "control", "fleet", "broker"],
        ),
        ("broker/src/api", &["net", "dispatch"]),
        ("broker/src/dispatch", &["net"]),
        ("storage/src", &["net", "dispatch", "broker"]),
    ];
    let all = sources();
    for (folder, above) in layers {
        let here: Vec<_> = all.iter().filter(|source| source.path.starts_with(folder)).collect();
        assert!(!here.is_empty(), "no sources in {folder}");
        for layer in *above {
            let up = here.iter().flat_map(|source| source.offences(|line| names_layer(line, layer))).collect();
            assert_none(&format!("{folder} must not use {layer}"), up);
        }
    }
}

#[test]
fn api_files_do_not_use_each_other() {
    let all = sources();
    let is_handler = |source: &&Source| source.path.starts_with("broker/src/api/") && !source.path.ends_with("/mod.rs");
    let sideways =
        all.iter().filter(is_handler).flat_map(|source| source.offences(|line| line.contains("crate::api::")));
    assert_none("an API handler asks the domain, never another handler", sideways.collect());
}

#[test]
fn error_codes_are_mapped_in_one_file_and_exhaustively() {
    let all = sources();
    let map = all.iter().find(|source| source.path == "broker/src/errors.rs").expect("the one map of errors");
    assert_none("the map of errors has no `_` arm", map.offences(|line| line.trim_start().starts_with("_ =>")));
    let raw = |line: &str| {
        let code = ["error_code: ", "with_error_code("].iter().find_map(|name| line.split_once(name));
        code.is_some_and(|(_, rest)| rest.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()))
    };
    let allowed = ["protocol/src/error_code.rs"];
    assert_none("raw error codes stand in `error_code.rs` alone", offences_outside(&allowed, raw));
}

#[test]
fn unsafe_lives_in_the_memory_map() {
    let names_unsafe = |line: &str| {
        line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe" || word == "unsafe_code")
    };
    let rule = "`unsafe` lives in storage/src/mapping.rs";
    assert_none(rule, offences_outside(&["storage/src/mapping.rs"], names_unsafe));
}

#[test]
fn files_of_a_store_are_reached_through_its_file_system() {
    let outside: Vec<_> = sources().into_iter().filter(|source| source.is_under(&["storage/src/"])).collect();
    let (inside, outside): (Vec<_>, Vec<_>) =
        outside.into_iter().partition(|source| source.is_under(&["storage/src/fs/"]));
    let names_files = |line: &str| line.contains("std::fs") || line.contains("rustix::fs");
    assert!(inside.iter().any(|source| !source.offences(names_files).is_empty()), "no file system in storage/src/fs");
    let offences = outside.iter().flat_map(|source| source.offences(names_files));
    assert_none("`std::fs` is named in storage/src/fs alone", offences.collect());
}

#[test]
fn the_broker_is_put_together_in_one_place() {
    let makes =
        |line: &str| line.contains("Broker {") && !["struct", "impl", "->"].iter().any(|word| line.contains(word));
    let places: Vec<_> = sources().iter().flat_map(|source| source.offences(makes)).collect();
    assert_eq!(places.len(), 1, "one assembly file decides what a broker is made of: {places:?}");
}

#[test]
fn one_module_knows_the_metrics_exporter() {
    let rule = "`broker/src/monitoring` alone knows the exporter";
    let exporter = |line: &str| line.contains("Prometheus") || line.contains("# TYPE");
    assert_none(rule, offences_outside(&["broker/src/monitoring/"], exporter));
}
