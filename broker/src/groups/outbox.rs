//! Answers on their way out.
//!
//! What must always hold: an answer leaves after every append before it is durable, in the order in which answers were
//! given. When an append turns out not to be durable, every answer behind it becomes an error.

use std::collections::VecDeque;
use std::future::pending;

use catena_storage::StoreError;

use super::log::Durable;
use super::types::GroupError;

/// Sends an answer, or the error that takes its place.
pub type Release = Box<dyn FnOnce(Result<(), GroupError>) + Send>;

enum Entry {
    Wait(Durable),
    Answer(Release),
}

/// A queue of answers and of what they wait for.
#[derive(Default)]
pub struct Outbox {
    entries: VecDeque<Entry>,
}

impl Outbox {
    /// Everything that is answered from now on waits for this append.
    pub fn wait_for(&mut self, durable: Durable) {
        self.entries.push_back(Entry::Wait(durable));
    }

    /// Answers, at once if nothing is waited for.
    pub fn answer(&mut self, release: Release) {
        if self.entries.is_empty() { release(Ok(())) } else { self.entries.push_back(Entry::Answer(release)) }
    }

    /// Entries in the queue.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Waits for the next append and releases what waited for it. May be dropped and called again. Never completes when
    /// nothing is waited for.
    ///
    /// # Errors
    /// The append is lost: all answers were released with an error, and the state is ahead of the log.
    pub async fn advance(&mut self) -> Result<(), StoreError> {
        let Some(Entry::Wait(durable)) = self.entries.front_mut() else { return pending().await };
        let outcome = durable.as_mut().await;
        match outcome {
            Ok(()) => {
                self.entries.pop_front();
                self.release_front();
                Ok(())
            }
            Err(error) => {
                self.fail_all(GroupError::NotCoordinator);
                Err(error)
            }
        }
    }

    fn release_front(&mut self) {
        while let Some(Entry::Answer(_)) = self.entries.front() {
            if let Some(Entry::Answer(release)) = self.entries.pop_front() {
                release(Ok(()));
            }
        }
    }

    /// Answers everything with an error.
    pub fn fail_all(&mut self, error: GroupError) {
        for entry in self.entries.drain(..) {
            if let Entry::Answer(release) = entry {
                release(Err(error));
            }
        }
    }
}
