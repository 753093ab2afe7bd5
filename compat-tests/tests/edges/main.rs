//! The edges: cold, damaged and deleted data, many partitions, many and bad clients, frames that are none, a full disk, no open files, a bad start, a hasty stop.
//!
//! Each test states exactly what a client or an operator sees, and that everybody else is served meanwhile.

mod cold;
mod deletion;
mod disk;
mod files;
mod frames;
mod many;
mod slow;
mod start;
mod stop;

use std::fs;
use std::path::Path;
use std::time::Duration;

use compat_tests::Catena;
use compat_tests::wire::batch::{BatchBuilder, now_ms};
use compat_tests::wire::{Connection, Topic};

/// How long a broker may take for what it does at once.
const SOON: Duration = Duration::from_secs(60);

/// A batch of one record.
fn one(value: &[u8]) -> Vec<u8> {
    BatchBuilder::new(now_ms()).push(None, Some(value)).build()
}

/// Somebody else connects, and is served as if nothing were the matter.
fn others_are_served(broker: &Catena, topic: &Topic) {
    let mut other = Connection::to(broker).unwrap();
    let offset = other.produce(topic, 0, &one(b"from somebody else")).unwrap();
    let read = other.read_partition(topic, 0, offset).unwrap();
    assert_eq!(read[0].base_offset, offset);
}

/// Memory of the broker that is its own: what it maps from files is the page cache's.
fn memory_bytes(broker: &mut Catena) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", broker.process().id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Bytes of disk that a folder and all in it take.
fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let sizes = entries.map(|entry| match entry.metadata().unwrap() {
        metadata if metadata.is_dir() => disk_bytes(&entry.path()),
        metadata => metadata.blocks() * 512,
    });
    sizes.sum()
}
