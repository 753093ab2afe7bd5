//! The task of a partition: loads, serves, loses, stops.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::topics::TestTopics;
use super::*;
use crate::groups::clock::Clock;
use crate::groups::shard::Shard;
use crate::lifecycle::{Stop, Stopping};

const PATIENCE: Duration = Duration::from_secs(10);

struct Running {
    log: MemoryLog,
    messages: mpsc::Sender<Message>,
    stop: Stop,
    task: tokio::task::JoinHandle<()>,
    counters: Arc<Counters>,
}

fn run(log: MemoryLog) -> Running {
    let (stop, stopping) = Stopping::new();
    let counters = Arc::new(Counters::default());
    let shard = Shard {
        partition: 0,
        log: log.clone(),
        settings: Arc::new(settings(TestTopics::default())),
        counters: counters.clone(),
        clock: Clock::start(),
        stopping,
    };
    let (messages, receiver) = mpsc::channel(16);
    Running { log, messages, stop, task: tokio::spawn(shard.run(receiver)), counters }
}

impl Running {
    async fn send<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> oneshot::Receiver<T> {
        let (to, reply) = oneshot::channel();
        assert!(self.messages.send(message(to)).await.is_ok(), "the task runs");
        reply
    }

    /// None when the event was dropped.
    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Option<T> {
        let reply = self.send(message).await;
        timeout(PATIENCE, reply).await.expect("an answer in time").ok()
    }

    async fn commit(&self, offset: i64) -> Option<CommitReply> {
        self.ask(|to| Message::Commit(commit("g", "t", 0, offset), to)).await
    }

    /// The committed offset; None while events are refused.
    async fn offset(&self) -> Option<i64> {
        let topics = Some(vec![TopicPartitions { name: "t".into(), partitions: vec![0] }]);
        let event = FetchOffsetsEvent { group_id: "g".into(), member_id: None, member_epoch: -1, topics };
        let fetched = self.ask(|to| Message::FetchOffsets(event, to)).await?.ok()?;
        Some(fetched[0].partitions[0].1.as_ref().map_or(-1, |offset| offset.offset))
    }

    async fn offset_when_it_serves(&self) -> i64 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(offset) = self.offset().await {
                return offset;
            }
            assert!(Instant::now() < deadline, "the task does not serve again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn the_first_event_loads_the_partition() {
    let first = run(MemoryLog::default());
    assert!(first.commit(7).await.expect("an answer").is_ok());
    first.stop.stop();
    first.task.await.expect("the task ends");
    let second = run(first.log);
    assert_eq!(second.offset().await, Some(7));
    assert_eq!(second.counters.read().groups, 1);
}

#[tokio::test]
async fn after_a_lost_append_the_partition_is_loaded_again() {
    let running = run(MemoryLog::default());
    assert!(running.commit(7).await.expect("an answer").is_ok());
    running.log.be_slow();
    let lost = running.send(|to| Message::Commit(commit("g", "t", 0, 8), to)).await;
    let deadline = Instant::now() + PATIENCE;
    while running.log.uncommitted() == 0 {
        assert!(Instant::now() < deadline, "nothing is appended");
        tokio::task::yield_now().await;
    }
    running.log.lose();
    assert_eq!(lost.await.expect("an answer"), Err(GroupError::NotCoordinator));
    assert_eq!(running.offset_when_it_serves().await, 7);
}

#[tokio::test]
async fn a_partition_that_cannot_be_read_is_tried_again() {
    let log = MemoryLog::default();
    log.be_unreadable(true);
    let running = run(log);
    assert!(running.commit(7).await.is_none(), "the event is dropped");
    running.log.be_unreadable(false);
    assert_eq!(running.offset_when_it_serves().await, -1);
}

#[tokio::test]
async fn whoever_waits_is_answered_when_the_broker_stops() {
    let running = run(MemoryLog::default());
    let first = joining("g");
    assert!(running.ask(|to| Message::Join(first, to)).await.expect("an answer").is_ok());
    let waits = running.send(|to| Message::Join(JoinEvent { client_id: "d".into(), ..joining("g") }, to)).await;
    running.log.be_slow();
    let committed = running.send(|to| Message::Commit(commit("h", "t", 0, 7), to)).await;
    assert!(running.messages.reserve_many(16).await.is_ok(), "both events were taken");
    let began = Instant::now();
    running.stop.stop();
    timeout(PATIENCE, running.task).await.expect("in time").expect("the task ends");
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    let refused = waits.await.expect("an answer").expect_err("refused");
    assert_eq!(refused.error, GroupError::NotCoordinator);
    assert_eq!(committed.await.expect("an answer"), Err(GroupError::NotCoordinator), "the log was too slow");
}

#[tokio::test]
async fn deadlines_are_met_without_events() {
    let running = run(MemoryLog::default());
    let joined = running.ask(|to| Message::Join(JoinEvent { session_timeout_ms: 50, ..joining("g") }, to)).await;
    assert!(joined.expect("an answer").is_ok());
    let deadline = Instant::now() + PATIENCE;
    while running.counters.read().expired_members == 0 {
        assert!(Instant::now() < deadline, "the silent member stays");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(running.counters.read().members, 0);
}
