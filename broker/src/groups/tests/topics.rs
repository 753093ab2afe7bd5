//! Topics that tests make, grow and delete.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use uuid::Uuid;

use crate::groups::modern::Topics;

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, (Uuid, u32)>,
    deleted: BTreeMap<String, u128>,
    version: u64,
}

/// The topics of a test.
#[derive(Clone, Default)]
pub struct TestTopics(Arc<Mutex<State>>);

impl TestTopics {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the lock")
    }

    /// Makes a topic, or gives it more partitions. Its id is made of its name and of how often it was deleted.
    pub fn make(&self, name: &str, partitions: u32) -> Uuid {
        let mut state = self.state();
        state.version += 1;
        let deleted = state.deleted.get(name).copied().unwrap_or(0);
        let id = Uuid::from_u128(name.bytes().fold(1, |id, byte| id << 8 | u128::from(byte)) | deleted << 96);
        state.by_name.insert(name.to_owned(), (id, partitions));
        id
    }

    pub fn delete(&self, name: &str) {
        let mut state = self.state();
        state.version += 1;
        if state.by_name.remove(name).is_some() {
            *state.deleted.entry(name.to_owned()).or_default() += 1;
        }
    }
}

impl Topics for TestTopics {
    fn named(&self, name: &str) -> Option<(Uuid, u32)> {
        self.state().by_name.get(name).copied()
    }

    fn with_id(&self, id: Uuid) -> Option<(String, u32)> {
        let state = self.state();
        let found = state.by_name.iter().find(|(_, topic)| topic.0 == id)?;
        Some((found.0.clone(), found.1.1))
    }

    fn names(&self) -> Vec<String> {
        self.state().by_name.keys().cloned().collect()
    }

    fn version(&self) -> u64 {
        self.state().version
    }
}
