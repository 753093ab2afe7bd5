//! Starts that cannot succeed: one clear line on standard error, exit code 1.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use compat_tests::catena::{self, Options};
use compat_tests::{Broker, Catena, program};

use crate::SOON;

#[test]
fn a_port_in_use_is_named() {
    let data = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refusal(&format!("PLAINTEXT://{address}"), data.path());
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
}

#[test]
fn a_data_directory_in_use_is_named() {
    let broker = Catena::start(Options::new());
    let line = refusal("PLAINTEXT://127.0.0.1:0", &broker.data());
    assert!(line.contains(&broker.data().display().to_string()) && line.contains("another process"), "{line}");
    assert!(std::net::TcpStream::connect(broker.bootstrap()).is_ok());
}

#[test]
fn foreign_data_is_left_alone() {
    let foreign: [(&str, &[u8]); 3] = [
        ("meta.properties", b"version=1\ncluster.id=Q2F0ZW5hT3JhY2xlMDAwMQ\nnode.id=1\n"),
        ("important.txt", b"not a broker's"),
        ("catalog", b"neither is this"),
    ];
    for (name, content) in foreign {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join(name), content).unwrap();
        let line = refusal("PLAINTEXT://127.0.0.1:0", data.path());
        assert!(line.contains(&data.path().display().to_string()), "{name}: {line}");
        let left: Vec<_> = fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [name], "nothing was added");
        assert_eq!(fs::read(data.path().join(name)).unwrap(), content);
    }
}

#[test]
fn a_data_directory_that_is_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    let line = refusal("PLAINTEXT://127.0.0.1:0", &file);
    assert!(line.contains(&file.display().to_string()), "{line}");
}

#[test]
fn a_bad_value_is_named_with_its_reason() {
    let data = tempfile::tempdir().unwrap();
    let line = refusal_with("PLAINTEXT://127.0.0.1:0", data.path(), &["num.partitions=none"]);
    assert!(line.contains("num.partitions") && line.contains("none"), "{line}");
}

fn refusal(listener: &str, data: &Path) -> String {
    refusal_with(listener, data, &[])
}

/// The one line that the broker says before it ends with exit code 1.
fn refusal_with(listener: &str, data: &Path, settings: &[&str]) -> String {
    let mut command = Command::new(catena::binary());
    command.arg("--override").arg(format!("listeners={listener}"));
    command.arg("--override").arg(format!("log.dirs={}", data.display()));
    for setting in settings {
        command.arg("--override").arg(setting);
    }
    let output = program::run(command, SOON);
    assert_eq!(output.status.and_then(|status| status.code()), Some(1), "{output}");
    assert_eq!((output.stderr.lines().count(), output.stdout.as_str()), (1, ""), "{output}");
    output.stderr
}
