//! The stores that take part, with the threads that serve them.
//!
//! What must always hold: a store's lock is held as long as any of its threads may touch its files; when a store leaves, its threads end.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::committer::Committer;
use crate::error::StoreError;
use crate::fs::File;
use crate::log::PartitionLog;
use crate::shutdown;
use crate::store::Store;

/// A store that takes part.
pub struct Member {
    /// The store.
    pub store: Arc<Store>,
    /// Its commits.
    pub committer: Committer,
    /// Gives space back.
    pub sweeper: JoinHandle<()>,
    /// Keeps other processes away.
    pub lock: Arc<dyn File>,
}

/// All of them.
#[derive(Default)]
pub struct Members(Mutex<Vec<Member>>);

impl Members {
    /// These stores.
    pub fn new(members: Vec<Member>) -> Self {
        Self(Mutex::new(members))
    }

    /// Adds a store.
    pub fn add(&self, member: Member) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(member);
    }

    /// Whether the store in `dir` takes part.
    pub fn has(&self, dir: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|member| member.store.dir == dir)
    }

    /// Ends the threads of stores that have failed and lets go of their locks.
    pub fn dismiss_failed(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (alive, failed) = held.drain(..).partition(|member| member.store.check_alive().is_ok());
        *held = alive;
        drop(held);
        let failed: Vec<Member> = failed;
        failed.into_iter().for_each(Member::stop);
    }

    /// Ends all threads, after the last commit of each.
    pub fn stop(&self) {
        self.take().into_iter().for_each(Member::stop);
    }

    /// As `stop`, and leaves nothing to replay behind: the chains that were opened in this broker epoch are sealed.
    ///
    /// # Errors
    /// Of the first store that could not do it; the others have.
    pub fn seal_all(&self, logs: &[Arc<PartitionLog>], epoch: u32) -> Result<(), StoreError> {
        let members = self.take();
        let stores: Vec<_> = members.iter().map(|member| (member.store.clone(), member.lock.clone())).collect();
        // All of them first: the last commit of one may hand logs over to another.
        members.iter().for_each(|member| member.store.commits.stop());
        members.into_iter().for_each(Member::stop);
        let seal =
            |(store, _): &(Arc<Store>, _)| store.check_alive().and_then(|()| shutdown::seal_all(store, logs, epoch));
        stores.iter().map(seal).fold(Ok(()), Result::and)
    }

    fn take(&self) -> Vec<Member> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Member {
    fn stop(self) {
        self.store.commits.stop();
        self.store.files.graveyard.close();
        self.committer.join();
        self.store.commits.end();
        if self.sweeper.join().is_err() {
            tracing::error!("the sweeper has panicked");
        }
        // Before the lock goes: logs may keep the store for long, and who opens it anew must be alone with the catalog.
        if self.store.check_alive().is_err() {
            self.store.catalog.give_up();
        }
    }
}
