//! The binary's word on its settings: what it refuses, in one line and with exit code 1, and what it warns about.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs `catena` with these arguments; they must be such that it cannot serve.
fn catena(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_catena"));
    command.args(arguments).env_remove("CATENA_LOG").stdin(Stdio::null());
    command.output().expect("the binary runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A settings file with this text.
fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("written");
    file
}

#[test]
fn a_value_that_a_setting_does_not_take_ends_the_start_with_one_line() {
    let cases = [
        ("num.partitions=many", "Invalid value many for configuration num.partitions: Not a number of type INT"),
        ("num.partitions=0", "Invalid value 0 for configuration num.partitions: Value must be at least 1"),
        ("num.partitions=", "Invalid value  for configuration num.partitions: Not a number of type INT"),
        (
            "auto.create.topics.enable=1",
            "Invalid value 1 for configuration auto.create.topics.enable: Expected value to be either true or false",
        ),
        (
            "log.message.timestamp.type=Now",
            "Invalid value Now for configuration log.message.timestamp.type: \
             String must be one of: CreateTime, LogAppendTime",
        ),
        ("log.dirs=/a,/a", "Invalid value /a,/a for configuration log.dirs: must not name a directory twice"),
        ("num.partitions", "the override 'num.partitions' is not of the form name=value"),
    ];
    for (setting, reason) in cases {
        let output = catena(&["--override", setting]);
        assert_eq!(stderr(&output), format!("catena: {reason}\n"), "{setting}");
        assert_eq!(output.status.code(), Some(1), "{setting}");
        assert!(output.stdout.is_empty(), "{setting}");
    }
}

#[test]
fn listeners_that_cannot_be_are_refused_with_their_name() {
    for setting in ["listeners=nonsense", "listeners=PLAINTEXT://:99999", "listeners=", "listeners=A://:1,A://:2"] {
        let output = catena(&["--override", setting]);
        let (name, text) = ("listeners", stderr(&output));
        assert!(text.starts_with("catena: ") && text.contains(name) && text.lines().count() == 1, "{setting}: {text}");
        assert_eq!(output.status.code(), Some(1), "{setting}");
    }
}

#[test]
fn a_settings_file_that_cannot_be_read_is_named() {
    let output = catena(&["--config", "/no/such/file.properties"]);
    assert!(stderr(&output).starts_with("catena: cannot read the configuration file /no/such/file.properties: "));
    assert_eq!((stderr(&output).lines().count(), output.status.code()), (1, Some(1)));
    let broken = file("node.id=1\nlog.dirs=\\u12\n");
    let output = catena(&["--config", path(broken.path())]);
    assert!(stderr(&output).starts_with("catena: line 2 of the configuration file "), "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_secret_is_not_repeated_when_it_is_refused_or_ignored() {
    let secrets = file("ssl.key.password=hunter2\nssl.keystore.password=hunter2\nnum.partitions=x\n");
    let output = catena(&["--config", path(secrets.path())]);
    assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
}

/// The data directory is a file, so that the start ends after the settings were read.
#[test]
fn settings_without_effect_are_warned_about_and_do_not_end_the_start() {
    let data = file("");
    let settings = file(&format!(
        "process.roles=broker,controller\nnum.io.threads=16\ntransaction.state.log.min.isr=1\nno.such.setting=1\n\
         listener.name.internal.ssl.keystore.location=/x\nlisteners=PLAINTEXT://127.0.0.1:0\nlog.dirs={}\n",
        path(data.path())
    ));
    let output = catena(&["--config", path(settings.path())]);
    let text = stderr(&output);
    for warning in [
        "configuration process.roles has no effect here: There is no KRaft controller.",
        "configuration num.io.threads has no effect here: There is no such pool of threads",
        "configuration transaction.state.log.min.isr has no effect here: There are no transactions yet.",
        "configuration listener.name.internal.ssl.keystore.location is for one listener and ignored",
        "configuration no.such.setting is unknown and ignored",
    ] {
        let lines: Vec<_> = text.lines().filter(|line| line.contains(warning)).collect();
        assert!(lines.len() == 1 && lines[0].contains("WARN"), "{warning}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains("WARN")).count(), 5, "{text}");
    let last = text.lines().last().unwrap_or_default();
    assert!(last.starts_with("catena: ") && last.contains(path(data.path())), "{text}");
    assert_eq!(output.status.code(), Some(1));
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
