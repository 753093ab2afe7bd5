//! Few more files may be open, or none: files that wait are closed for those that are wanted, and want passes.

use std::fs;
use std::time::{Duration, Instant};

use compat_tests::Catena;
use compat_tests::catena::Options;
use compat_tests::wire::{Connection, ProduceFrame, ProduceHeader, Topic};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::{SOON, one, others_are_served};

const KAFKA_STORAGE_ERROR: i16 = 56;
const PARTITIONS: i32 = 100;
const SPARE_FILES: u64 = 20;
/// Less than a broker has without any segment.
const FEWEST_FILES: u64 = 5;
const POLL: Duration = Duration::from_millis(20);

#[test]
fn without_open_files_appends_wait_and_the_store_lives() {
    let mut broker = Catena::start(Options::new());
    let mut connection = Connection::to(&broker).unwrap();
    let written = connection.create_topic("written", 1, &[]).unwrap();
    let new = connection.create_topic("new", PARTITIONS, &[]).unwrap();
    assert_eq!(connection.produce(&written, 0, &one(b"before")).unwrap(), 0);

    limit(&mut broker, SPARE_FILES);
    assert_eq!(produce_to_all(&mut connection, &new), 0, "files of partitions that wait are closed");
    assert_eq!(connection.produce(&written, 0, &one(b"meanwhile")).unwrap(), 1);
    assert_eq!(connection.read_partition(&written, 0, 0).unwrap().len(), 2);

    // Fewer than it has open already.
    set_limit(&mut broker, Some(FEWEST_FILES));
    let refused = produce_to_all(&mut connection, &new);
    assert!(refused > PARTITIONS as usize / 2, "{refused} of {PARTITIONS} refused");
    set_limit(&mut broker, getrlimit(Resource::Nofile).maximum);
    let deadline = Instant::now() + SOON;
    while produce_to_all(&mut connection, &new) > 0 {
        assert!(Instant::now() < deadline, "files may be open again");
        std::thread::sleep(POLL);
    }
    others_are_served(&broker, &written);
}

/// One batch to each partition; how many were refused.
fn produce_to_all(connection: &mut Connection, topic: &Topic) -> usize {
    let batch = one(b"new");
    let batches: Vec<(i32, &[u8])> = topic.all().into_iter().map(|partition| (partition, &batch[..])).collect();
    ProduceFrame::build(topic, ProduceHeader::default(), &batches).send(connection).unwrap();
    let answers = connection.receive_produce().unwrap();
    assert!(answers.iter().all(|answer| [0, KAFKA_STORAGE_ERROR].contains(&answer.error_code)), "{answers:?}");
    answers.iter().filter(|answer| answer.error_code != 0).count()
}

/// Lets the broker open `spare` more files than it has open now.
fn limit(broker: &mut Catena, spare: u64) {
    let open = fs::read_dir(format!("/proc/{}/fd", broker.process().id())).unwrap().count() as u64;
    set_limit(broker, Some(open + spare));
}

fn set_limit(broker: &mut Catena, current: Option<u64>) {
    let limit = Rlimit { current, ..getrlimit(Resource::Nofile) };
    let pid = Pid::from_raw(broker.process().id() as i32);
    prlimit(pid, Resource::Nofile, limit).unwrap();
}
