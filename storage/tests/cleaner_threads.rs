//! As many cleaners as there should be. Alone in its process, since it counts its threads.

mod common;

use std::time::{Duration, Instant};

use catena_storage::CleanerOptions;
use common::Case;

fn cleaners() -> usize {
    let name = |thread: &std::fs::DirEntry| std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    threads.filter(|thread| name(thread).trim() == "clean").count()
}

#[test]
fn cleaners_come_and_go_with_their_number() {
    let case = Case::new(1);
    for threads in [3, 1, 4, 2, 1] {
        let backoff = Duration::from_secs(3600);
        case.storage.set_cleaner(CleanerOptions { threads, backoff, ..CleanerOptions::default() }).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while cleaners() != threads {
            assert!(Instant::now() < deadline, "{} cleaners, not {threads}", cleaners());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    case.storage.shutdown().unwrap();
    assert_eq!(cleaners(), 0);
}
