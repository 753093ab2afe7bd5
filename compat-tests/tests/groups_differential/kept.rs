//! What a group leaves in `__consumer_offsets`, read like any topic and made readable: the newest record of each key.
//!
//! What must always hold: what is written is read in full; a field nobody expected fails the test.

use std::collections::BTreeMap;
use std::time::Duration;

use compat_tests::wire::{Connection, Group, Membership};

use crate::canonical::Ids;
use crate::stage::TOPIC;

const OFFSETS_TOPIC: &str = "__consumer_offsets";
const OFFSET: i16 = 1;
const GROUP: i16 = 2;
const COMPACT_SINCE: i16 = 4;
const MARKER_WAIT: Duration = Duration::from_secs(60);

/// What is kept of `group`, one line for each key.
pub fn of(connection: &mut Connection, group: &str, ids: &mut Ids) -> Vec<String> {
    let topic = connection.topic(OFFSETS_TOPIC).unwrap();
    let partition = partition_for(group, topic.partitions);
    await_writes(connection, partition, topic.partitions);
    let mut newest = BTreeMap::new();
    for batch in connection.read_partition(&topic, partition, 0).unwrap() {
        for record in batch.records().unwrap() {
            newest.insert(record.key.unwrap(), record.value);
        }
    }
    let living = newest.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
    living.filter_map(|(key, value)| line(key, value, group, ids)).collect()
}

/// Java's hash of a string decides.
fn partition_for(group: &str, partitions: i32) -> i32 {
    let hash = group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    (hash & i32::MAX) % partitions
}

/// What was written without an answer that waits for it stands before what is committed now to the same partition.
fn await_writes(connection: &mut Connection, partition: i32, partitions: i32) {
    let marker = (0..).map(|n| format!("marker-{n}")).find(|name| partition_for(name, partitions) == partition);
    let nobody = Membership { member_id: String::new(), generation: -1, is_leader: false, members: Vec::new() };
    let topic = connection.topic(TOPIC).unwrap();
    let deadline = std::time::Instant::now() + MARKER_WAIT;
    let group = Group::new(&marker.unwrap());
    while group.commit(connection, &nobody, &topic, &[(0, 0)]).unwrap() != 0 {
        assert!(std::time::Instant::now() < deadline, "{} takes no commit", group.id);
    }
}

fn line(key: &[u8], value: &[u8], group: &str, ids: &mut Ids) -> Option<String> {
    let (mut key, mut value) = (Fields(key), Fields(value));
    match key.i16() {
        OFFSET if key.text() == group => {
            let of = format!("{}-{}", key.text(), key.i32());
            Some(format!("kept: offset of {of}: {}", offset(&mut value)))
        }
        GROUP if key.text() == group => Some(format!("kept: group: {}", members(&mut value, ids))),
        _ => None,
    }
}

fn offset(value: &mut Fields) -> String {
    let version = value.i16();
    let offset = value.i64();
    let epoch = if version >= 3 { value.i32() } else { -1 };
    let metadata = if version >= COMPACT_SINCE { value.compact_text() } else { value.text() };
    let _committed_at = value.i64();
    let expires = if version == 1 { value.i64() > 0 } else { false };
    let has_id = version >= COMPACT_SINCE && value.has_topic_id();
    value.end();
    let length = metadata.len();
    format!("v{version} {offset} epoch {epoch} {length} bytes of metadata, expires: {expires}, topic id: {has_id}")
}

fn members(value: &mut Fields, ids: &mut Ids) -> String {
    let version = value.i16();
    let (kind, generation) = (value.text(), value.i32());
    let (protocol, leader) = (value.nullable_text(), value.nullable_text());
    let _changed_at = value.i64();
    let group = ids.name_all(&format!("v{version} {kind:?} generation {generation} {protocol:?} led by {leader:?}"));
    let mut members: Vec<String> = (0..value.i32()).map(|_| ids.name_all(&member(value))).collect();
    value.end();
    members.sort();
    format!("{group}: {members:?}")
}

fn member(value: &mut Fields) -> String {
    let (id, instance) = (value.text(), value.nullable_text());
    let (client, host) = (value.text(), value.text());
    let (rebalance_ms, session_ms) = (value.i32(), value.i32());
    let (subscription, assignment) = (value.bytes(), value.bytes());
    format!("{id} {instance:?} {client} {host} {rebalance_ms} {session_ms} {subscription:?} {assignment:?}")
}

/// The fields that are left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at_checked(len).unwrap_or_else(|| panic!("{len} bytes of {:?}", self.0));
        self.0 = rest;
        head
    }

    fn i16(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn i32(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    fn i64(&mut self) -> i64 {
        i64::from_be_bytes(self.take(8).try_into().unwrap())
    }

    fn nullable_text(&mut self) -> Option<String> {
        let len = usize::try_from(self.i16()).ok()?;
        Some(String::from_utf8(self.take(len).to_vec()).unwrap())
    }

    fn text(&mut self) -> String {
        self.nullable_text().unwrap()
    }

    fn varint(&mut self) -> usize {
        let byte = usize::from(self.take(1)[0]);
        if byte < 0x80 { byte } else { (byte & 0x7f) | self.varint() << 7 }
    }

    fn compact_text(&mut self) -> String {
        let len = self.varint() - 1;
        String::from_utf8(self.take(len).to_vec()).unwrap()
    }

    fn bytes(&mut self) -> &'a [u8] {
        let len = self.i32();
        self.take(usize::try_from(len).unwrap())
    }

    /// The one tagged field there can be: 16 bytes, tag 0.
    fn has_topic_id(&mut self) -> bool {
        match self.varint() {
            0 => false,
            1 => {
                assert_eq!((self.varint(), self.varint()), (0, 16));
                self.take(16).iter().any(|byte| *byte != 0)
            }
            more => panic!("{more} tagged fields"),
        }
    }

    fn end(&self) {
        assert!(self.0.is_empty(), "more than was expected: {:?}", self.0);
    }
}
