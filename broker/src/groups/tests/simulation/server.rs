//! The coordinator under test, and a second reader of its log.

use std::sync::Arc;

use catena_protocol::group_records::{GroupKind, Record};

use super::super::*;
use super::GROUP;
use crate::groups::membership::Membership;
use crate::groups::modern::{self, World};
use crate::groups::types::DescribedModern;

thread_local! {
    static UNIQUE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn unique() -> String {
    UNIQUE.set(UNIQUE.get() + 1);
    format!("unique{}", UNIQUE.get())
}

/// A resolution of regular expressions on its way.
pub struct Resolved {
    found: Vec<modern::Resolution>,
    version: u64,
    load: u32,
}

/// A coordinator that is loaded again when its log loses records.
pub struct Server {
    pub log: MemoryLog,
    pub topics: TestTopics,
    pub now: Now,
    /// How often it was loaded.
    pub loads: u32,
    coordinator: Coordinator<MemoryLog>,
    settings: Arc<Settings>,
    /// What the log says, read record by record.
    reader: GroupTable,
    read: usize,
}

impl Server {
    pub fn new(assignment_interval_ms: i64) -> Self {
        UNIQUE.set(0);
        let (log, topics) = (MemoryLog::default(), TestTopics::default());
        log.be_slow();
        let plain = settings(topics.clone());
        let of_group = plain.of_group;
        let with_interval = move |id: &str| {
            let mut rules = of_group(id);
            rules.consumer.assignment_interval_ms = assignment_interval_ms;
            rules
        };
        let settings =
            Arc::new(Settings { of_group: Box::new(with_interval), unique, unique_of_modern: unique, ..plain });
        let now = Now { steady_ms: 0, wall_ms: 1_000_000_000 };
        let coordinator = Coordinator::new(log.clone(), GroupTable::default(), settings.clone(), Arc::default(), now);
        Self { log, topics, now, loads: 0, coordinator, settings, reader: GroupTable::default(), read: 0 }
    }

    pub fn pass_to(&mut self, steady_ms: u64) {
        let passed = steady_ms - self.now.steady_ms;
        self.now = Now { steady_ms, wall_ms: self.now.wall_ms + passed as i64 };
        if self.coordinator.next_deadline_ms() <= steady_ms {
            self.coordinator.expire(self.now);
        }
    }

    pub fn next_deadline_ms(&self) -> u64 {
        self.coordinator.next_deadline_ms()
    }

    pub fn handle(&mut self, message: Message) {
        self.coordinator.handle(message, self.now);
    }

    /// Releases the answers whose records are durable. Says whether there was a loss, and all was loaded again.
    pub fn release(&mut self) -> bool {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while self.coordinator.outbox.len() > 0 {
            let outcome = std::pin::pin!(self.coordinator.outbox.advance()).as_mut().poll(&mut context);
            match outcome {
                std::task::Poll::Pending => return false,
                std::task::Poll::Ready(Ok(())) => {}
                std::task::Poll::Ready(Err(_)) => {
                    self.load();
                    return true;
                }
            }
        }
        false
    }

    /// Ends and begins again with what the log has.
    pub fn load(&mut self) {
        self.coordinator.unload(GroupError::NotCoordinator, self.now);
        self.coordinator.outbox.fail_all(GroupError::NotCoordinator);
        let table = self.read_all();
        let (log, settings) = (self.log.clone(), self.settings.clone());
        self.coordinator = Coordinator::new(log, table, settings, Arc::default(), self.now);
        (self.reader, self.read) = (self.read_all(), self.log.each_from(0, |_| ()));
        self.loads += 1;
    }

    fn read_all(&self) -> GroupTable {
        let mut table = GroupTable::default();
        self.log.each_from(0, |record| table.apply(record, self.now, |id| (self.settings.of_group)(id)));
        table
    }

    /// The regular expressions somebody asked for, as they match now.
    pub fn resolutions(&mut self) -> Vec<Resolved> {
        let names = modern::Topics::names(&self.topics);
        let (version, load) = (modern::Topics::version(&self.topics), self.loads);
        let jobs = self.coordinator.to_resolve.drain(..);
        jobs.map(|job| Resolved { found: modern::resolve(&job.patterns, &names), version, load }).collect()
    }

    pub fn resolved(&mut self, resolved: &Resolved) {
        if resolved.load == self.loads {
            self.coordinator.resolved(GROUP, &resolved.found, resolved.version, self.now);
        }
    }

    /// The group, if it is a consumer group.
    pub fn consumers(&self) -> Option<DescribedModern> {
        self.described(&self.coordinator.table)
    }

    fn described(&self, table: &GroupTable) -> Option<DescribedModern> {
        let group = table.get(GROUP)?.members.modern_of(GroupKind::Consumer)?;
        let rules = (self.settings.of_group)(GROUP).consumer;
        Some(group.describe(World { now: self.now, rules: &rules, topics: &self.topics, unique: "" }))
    }

    /// The kind of the group, and where it stands.
    pub fn kind(&self) -> (&'static str, &'static str) {
        let group = self.coordinator.table.get(GROUP).map(|group| &group.members);
        group.map_or(("none", ""), |members| (members.type_name(), members.state()))
    }

    /// Whether somebody is a member.
    pub fn knows(&self, id: &str) -> bool {
        let Some(group) = self.coordinator.table.get(GROUP) else { return false };
        match &group.members {
            Membership::Classic(group) => group.describe().members.iter().any(|member| member.member_id == id),
            Membership::Modern(_) => {
                self.consumers().is_some_and(|group| group.members.iter().any(|member| member.member_id == id))
            }
        }
    }

    pub fn committed(&self, topic: &str, partition: i32) -> i64 {
        let asked = [TopicPartitions { name: topic.to_owned(), partitions: vec![partition] }];
        let group = self.coordinator.table.get(GROUP);
        let found = group.and_then(|group| group.offsets.fetch(Some(&asked)).pop()?.partitions.pop()?.1);
        found.map_or(0, |offset| offset.offset)
    }

    /// Records of members, not of offsets.
    pub fn members_written(&self) -> usize {
        let mut written = 0;
        self.log.each_from(0, |record| written += usize::from(!matches!(record, Record::Offset(..))));
        written
    }

    /// What the log says is what the coordinator says.
    pub fn check_log(&mut self) {
        let (now, settings, reader) = (self.now, &self.settings, &mut self.reader);
        let read = self.log.each_from(self.read, |record| reader.apply(record, now, |id| (settings.of_group)(id)));
        self.read += read;
        if read == 0 {
            return;
        }
        assert_eq!(self.consumers(), self.described(&self.reader), "the group in the log is another");
        let offsets = |table: &GroupTable| table.get(GROUP).map(|group| format!("{:?}", group.offsets));
        assert_eq!(offsets(&self.coordinator.table), offsets(&self.reader), "the offsets in the log are others");
    }
}
