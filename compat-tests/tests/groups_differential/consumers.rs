//! Members of consumer groups (KIP-848), as a well-behaved client speaks for them.

use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId,
};
use uuid::Uuid;

use crate::requests::{text, topic_name};
use crate::stage::Stage;

/// The newest versions of requests.
pub const BEAT: i16 = 1;
pub const DESCRIBE_CONSUMERS: i16 = 1;

/// A member: who it is, what it wants, and what it was told.
#[derive(Clone, Debug)]
pub struct Consumer {
    pub who: &'static str,
    pub id: String,
    pub instance: Option<&'static str>,
    pub topics: Vec<&'static str>,
    pub regex: Option<&'static str>,
    pub assignor: Option<&'static str>,
    pub epoch: i32,
    pub holds: Vec<(Uuid, Vec<i32>)>,
}

impl Consumer {
    pub fn new(who: &'static str, topics: &[&'static str]) -> Self {
        Self {
            who,
            id: format!("id-of-{who}"),
            instance: None,
            topics: topics.to_vec(),
            regex: None,
            assignor: None,
            epoch: 0,
            holds: Vec::new(),
        }
    }

    pub fn fixed(who: &'static str, instance: &'static str, topics: &[&'static str]) -> Self {
        Self { instance: Some(instance), ..Self::new(who, topics) }
    }

    /// Says everything, as after a start or an error.
    pub fn full(&self, stage: &Stage) -> ConsumerGroupHeartbeatRequest {
        self.brief(stage)
            .with_rebalance_timeout_ms(30_000)
            .with_subscribed_topic_names(Some(self.topics.iter().map(|name| topic_name(name)).collect()))
            .with_subscribed_topic_regex(self.regex.map(text))
            .with_server_assignor(self.assignor.map(text))
            .with_topic_partitions(Some(self.owned()))
    }

    /// Says that it is there.
    pub fn brief(&self, stage: &Stage) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(stage.group_id())
            .with_member_id(text(&self.id))
            .with_member_epoch(self.epoch)
            .with_instance_id(self.instance.map(text))
            .with_rebalance_timeout_ms(-1)
            .with_subscribed_topic_names(None)
            .with_topic_partitions(None)
    }

    fn owned(&self) -> Vec<TopicPartitions> {
        let of_topic = |(id, partitions): &(Uuid, Vec<i32>)| {
            TopicPartitions::default().with_topic_id(*id).with_partitions(partitions.clone())
        };
        self.holds.iter().map(of_topic).collect()
    }

    /// Takes what it is told.
    fn hear(&mut self, told: ConsumerGroupHeartbeatResponse) {
        if told.error_code != 0 {
            return;
        }
        self.epoch = told.member_epoch;
        if let Some(assignment) = told.assignment {
            self.holds = assignment.topic_partitions.into_iter().map(|of| (of.topic_id, of.partitions)).collect();
        }
    }

    /// Joins, or says everything again.
    pub fn speaks(&mut self, stage: &mut Stage) {
        let request = self.full(stage);
        let told = stage.ask::<ConsumerGroupHeartbeatRequest>(self.who, BEAT, request);
        self.hear(told);
    }

    /// A heartbeat that says what it holds.
    pub fn owns(&mut self, stage: &mut Stage) {
        let request = self.brief(stage).with_topic_partitions(Some(self.owned()));
        let told = stage.ask::<ConsumerGroupHeartbeatRequest>(self.who, BEAT, request);
        self.hear(told);
    }

    /// A heartbeat that says nothing.
    pub fn beats(&mut self, stage: &mut Stage) {
        let request = self.brief(stage);
        let told = stage.ask::<ConsumerGroupHeartbeatRequest>(self.who, BEAT, request);
        self.hear(told);
    }

    /// Leaves with an epoch that says so.
    pub fn leaves(&mut self, stage: &mut Stage, epoch: i32) {
        let request = Self { epoch, ..self.clone() }.brief(stage);
        stage.ask::<ConsumerGroupHeartbeatRequest>(self.who, BEAT, request);
    }

    /// What it is told besides the transcript, until it holds something.
    pub fn waits_for_partitions(&mut self, stage: &mut Stage) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while self.holds.iter().all(|(_, partitions)| partitions.is_empty()) {
            assert!(std::time::Instant::now() < deadline, "{} is given nothing", self.who);
            let request = self.brief(stage);
            let told = stage.ask_unseen::<ConsumerGroupHeartbeatRequest>(self.who, BEAT, request);
            self.hear(told);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let mut counts: Vec<usize> = self.holds.iter().map(|(_, partitions)| partitions.len()).collect();
        counts.sort_unstable();
        stage.note(format!("{} holds {counts:?} in epoch {}", self.who, self.epoch));
    }
}

pub fn describe_consumers(groups: &[GroupId]) -> ConsumerGroupDescribeRequest {
    ConsumerGroupDescribeRequest::default().with_group_ids(groups.to_vec())
}
