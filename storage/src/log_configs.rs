//! With which settings each log runs: a function of the broker's, asked for every partition, now and whenever something has changed.
//!
//! What must always hold: when `refresh` has returned, every log, also one that is made meanwhile, runs with what the function said after
//! `refresh` was called. (A log is asked for once more after it can be found, and no two answers for one log overtake each other.)

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::config::LogConfig;
use crate::log::PartitionLog;
use crate::topics::Topic;

/// A partition, as far as its settings are concerned.
#[derive(Debug, Clone, Copy)]
pub struct PartitionOf<'a> {
    /// Its topic's id.
    pub topic_id: Uuid,
    /// Its topic's name.
    pub topic: &'a str,
    /// What its topic was created with, by name.
    pub configs: &'a BTreeMap<String, String>,
    /// Its index.
    pub index: u32,
}

type Answer = dyn Fn(&PartitionOf<'_>) -> Arc<LogConfig> + Send + Sync;

/// Gives each partition its settings. It must be quick, and wait for nothing.
#[derive(Clone)]
pub struct LogConfigs(Arc<Answer>);

impl LogConfigs {
    /// The settings that `answer` gives.
    pub fn new(answer: impl Fn(&PartitionOf<'_>) -> Arc<LogConfig> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    /// The settings of a partition now.
    pub fn of(&self, partition: &PartitionOf<'_>) -> Arc<LogConfig> {
        (self.0)(partition)
    }

    /// Asks again for every log of a topic from the partition `first` on.
    pub(crate) fn refresh(&self, topic: &Topic, first: usize) {
        topic.partitions.iter().skip(first).for_each(|log| self.refresh_log(topic, log));
    }

    fn refresh_log(&self, topic: &Topic, log: &Arc<PartitionLog>) {
        let index = log.id().index;
        let partition = PartitionOf { topic_id: topic.id, topic: &topic.name, configs: &topic.configs, index };
        log.refresh_config(|| self.of(&partition));
    }
}

impl From<LogConfig> for LogConfigs {
    /// The same for all.
    fn from(config: LogConfig) -> Self {
        let config = Arc::new(config);
        Self::new(move |_| config.clone())
    }
}

impl fmt::Debug for LogConfigs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogConfigs")
    }
}
