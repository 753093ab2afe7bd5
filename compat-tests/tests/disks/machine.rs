//! A broker whose directories are disks.

use std::path::PathBuf;

use compat_tests::catena::Options;
use compat_tests::mount::Mount;
use compat_tests::wire::{Connection, Topic};
use compat_tests::{Catena, runtime};
use kafka_protocol::messages::DescribeLogDirsRequest;

use crate::{await_some, clients};

const JOURNAL_SEGMENT_BYTES: u32 = 1 << 20;
const LOG_DIRS_VERSION: i16 = 4;

/// A broker and its disks. The broker goes first: disks are unmounted when nobody uses them.
pub struct Machine {
    pub broker: Catena,
    pub disks: Vec<Mount>,
}

/// What the broker says of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub error_code: i16,
    /// Partitions of the topic that was asked for.
    pub partitions: Vec<i32>,
}

impl Machine {
    /// A broker with disks of these sizes, where disks can be mounted and the clients run.
    pub fn start(sizes: &[u64]) -> Option<Self> {
        if !runtime::available(&["python3", "mkfs.ext4"]) || !clients::available() {
            return None;
        }
        let disks = sizes.iter().map(|bytes| Mount::ext4(*bytes)).collect::<Option<Vec<_>>>()?;
        let dirs: Vec<String> = disks.iter().map(|disk| disk.folder().display().to_string()).collect();
        let options = Options::new()
            .set("log.dirs", dirs.join(","))
            .set("catena.journal.segment.bytes", JOURNAL_SEGMENT_BYTES)
            .set("log.segment.delete.delay.ms", 0);
        Some(Self { broker: Catena::start(options), disks })
    }

    pub fn connect(&self) -> Connection {
        Connection::to(&self.broker).unwrap()
    }

    pub fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Topic {
        self.connect().create_topic(name, partitions, configs).unwrap()
    }

    pub fn dir(&self, disk: usize) -> PathBuf {
        self.disks[disk].folder()
    }

    /// What DescribeLogDirs says, disk by disk.
    pub fn describe(&self, topic: &Topic) -> Vec<Described> {
        let response =
            self.connect().call(&DescribeLogDirsRequest::default().with_topics(None), LOG_DIRS_VERSION).unwrap();
        let of = |disk: usize| {
            let path = self.dir(disk).display().to_string();
            let result = response.results.iter().find(|result| *result.log_dir == *path);
            let result = result.unwrap_or_else(|| panic!("{path} is not described"));
            let own = result.topics.iter().filter(|found| *found.name.0 == *topic.name);
            let mut partitions: Vec<i32> =
                own.flat_map(|found| &found.partitions).map(|partition| partition.partition_index).collect();
            partitions.sort_unstable();
            Described { error_code: result.error_code, partitions }
        };
        (0..self.disks.len()).map(of).collect()
    }

    /// Waits until a disk's directory is described with `error_code`.
    pub fn await_described(&self, disk: usize, error_code: i16, topic: &Topic) -> Vec<Described> {
        await_some(&format!("error {error_code} for disk {disk}"), || {
            Some(self.describe(topic)).filter(|all| all[disk].error_code == error_code)
        })
    }
}
