//! Topics: creating them when a client names one that is not there.

use std::collections::BTreeMap;
use std::sync::Arc;

use catena_protocol::error_code::ErrorCode;
use catena_storage::{NewTopic, Storage, Topic, TopicError};

/// Creates topics.
pub struct Topics {
    storage: Arc<Storage>,
    enabled: bool,
    partitions: u32,
}

impl Topics {
    /// Topics of `storage`.
    pub fn new(storage: Arc<Storage>, enabled: bool, partitions: u32) -> Self {
        Self { storage, enabled, partitions }
    }

    /// Creates a topic with the defaults, or says why there is none.
    pub async fn auto_create(&self, name: &str, allowed: bool) -> Result<Arc<Topic>, ErrorCode> {
        if !self.enabled || !allowed {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        let new = NewTopic {
            name: name.to_owned(),
            partitions: self.partitions,
            configs: BTreeMap::new(),
            internal: is_internal(name),
        };
        let storage = self.storage.clone();
        let created = tokio::task::spawn_blocking(move || storage.create_topics(vec![new]).pop());
        match created.await {
            Ok(Some(Ok(topic))) => Ok(topic),
            Ok(Some(Err(TopicError::Exists(name)))) => self.storage.topic(&name).ok_or(ErrorCode::UnknownServerError),
            _ => Err(ErrorCode::UnknownServerError),
        }
    }
}

/// Whether the topic is one of the coordinators' own.
pub fn is_internal(name: &str) -> bool {
    ["__consumer_offsets", "__transaction_state", "__share_group_state"].contains(&name)
}
