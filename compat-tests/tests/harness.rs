//! The harness itself: what the other tests take for granted.

use std::process::Command;
use std::time::{Duration, Instant};

use compat_tests::process::Process;
use compat_tests::{Broker, Kafka, cache, java, program};

#[test]
fn a_program_that_hangs_is_killed_at_its_deadline() {
    let begin = Instant::now();
    let mut sleep = Command::new("sleep");
    sleep.arg("60");
    assert!(program::run(sleep, Duration::from_millis(50)).status.is_none());
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn outputs_are_captured_and_json_lines_are_told_from_chatter() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "cat; echo noise; echo '{\"b\":2}'; echo oops >&2; exit 3"]);
    let output = program::run_with_input(shell, "{\"a\":1}\n", Duration::from_secs(30));
    assert_eq!(output.json_lines(), [serde_json::json!({"a": 1}), serde_json::json!({"b": 2})]);
    assert_eq!((output.stderr.as_str(), output.status.and_then(|s| s.code())), ("oops\n", Some(3)));
}

#[test]
fn a_dropped_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", "echo started; exec sleep 60"]);
    let mut process = Process::start(shell, &folder.path().join("log"));
    process.wait_for_log(Duration::from_secs(30), |log| log.contains("started").then_some(())).unwrap();
    let proc = format!("/proc/{}", process.id());
    assert!(std::path::Path::new(&proc).exists());
    drop(process);
    assert!(!std::path::Path::new(&proc).exists());
}

#[test]
fn a_cache_entry_is_made_once_by_many_at_the_same_time() {
    let name = format!("test-once-{}", std::process::id());
    let made = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                cache::once(&name, |_| assert_eq!(made.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0))
            });
        }
    });
    std::fs::remove_dir_all(cache::root().join(&name)).unwrap();
    std::fs::remove_file(cache::root().join(format!("{name}.lock"))).unwrap();
    assert_eq!(made.into_inner(), 1);
}

#[test]
fn apache_kafka_starts_and_accepts_connections() {
    if !java::available() {
        return;
    }
    let kafka = Kafka::shared();
    std::net::TcpStream::connect(kafka.bootstrap()).unwrap();
}
