//! Group commits, seen by those who wait for them.
//!
//! 1. An append marks its log as dirty and gets the generation that is being gathered.
//! 2. The committer takes all dirty logs and begins the next generation.
//! 3. When what it took is durable it publishes the generation; everybody who waits for it or an earlier one goes on.
//!
//! What must always hold: a generation is published after everything appended under it is durable; a log is in the list of
//! dirty logs at most once; nothing waits for ever: a full or failed store answers too.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::error::StoreError;

/// What is gathered for the next commit.
struct Gathering<L> {
    generation: u64,
    dirty: Vec<L>,
    stopping: bool,
}

/// How far commits have come.
#[derive(Debug, Clone, Default)]
struct Progress {
    /// Everything up to this generation is durable.
    durable: u64,
    /// Up to this generation everything not durable was refused for want of space (it may become durable later).
    refused: u64,
    /// Set once the store has failed.
    failed: Option<Arc<str>>,
}

/// The queue between logs and committer.
pub struct Commits<L> {
    gathering: Mutex<Gathering<L>>,
    wake: Condvar,
    progress: watch::Sender<Progress>,
}

/// A promise that an append becomes durable with a later group commit.
pub struct CommitTicket {
    generation: u64,
    progress: watch::Receiver<Progress>,
}

/// What the committer took.
pub struct Gathered<L> {
    /// To be published.
    pub generation: u64,
    /// Logs with new records.
    pub dirty: Vec<L>,
    /// Whether this is the last one.
    pub stopping: bool,
}

impl<L> Commits<L> {
    /// An empty queue.
    pub fn new() -> Self {
        let gathering = Gathering { generation: 1, dirty: Vec::new(), stopping: false };
        Self { gathering: Mutex::new(gathering), wake: Condvar::new(), progress: watch::Sender::default() }
    }

    /// Adds a log that is not yet in the queue; returns the generation its appends belong to.
    pub fn mark_dirty(&self, log: L) -> u64 {
        let mut gathering = self.lock();
        gathering.dirty.push(log);
        if gathering.dirty.len() == 1 {
            self.wake.notify_one();
        }
        gathering.generation
    }

    /// The promise of `generation`.
    pub fn ticket(&self, generation: u64) -> CommitTicket {
        CommitTicket { generation, progress: self.progress.subscribe() }
    }

    /// Waits until there is something to commit, or the store stops.
    pub fn take(&self) -> Gathered<L> {
        let idle = |gathering: &mut Gathering<L>| gathering.dirty.is_empty() && !gathering.stopping;
        let mut gathering = self.wake.wait_while(self.lock(), idle).unwrap_or_else(PoisonError::into_inner);
        let generation = gathering.generation;
        gathering.generation += 1;
        Gathered { generation, dirty: std::mem::take(&mut gathering.dirty), stopping: gathering.stopping }
    }

    /// Says that `generation` is durable.
    pub fn publish(&self, generation: u64) {
        self.progress.send_modify(|progress| progress.durable = generation);
    }

    /// Says that `generation` cannot be made durable now, for want of space.
    pub fn refuse(&self, generation: u64) {
        self.progress.send_modify(|progress| progress.refused = generation);
    }

    /// Says that the store has failed for good.
    pub fn fail(&self, reason: &Arc<str>) {
        self.progress.send_modify(|progress| progress.failed = Some(reason.clone()));
    }

    /// Why the store has failed, if it has.
    pub fn failure(&self) -> Option<StoreError> {
        self.progress.borrow().failed.clone().map(StoreError::Failed)
    }

    /// Asks for the last commit.
    pub fn stop(&self) {
        self.lock().stopping = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Gathering<L>> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    fn outcome(&self, generation: u64) -> Option<Result<(), StoreError>> {
        if self.durable >= generation {
            return Some(Ok(()));
        }
        if let Some(reason) = &self.failed {
            return Some(Err(StoreError::Failed(reason.clone())));
        }
        (self.refused >= generation).then_some(Err(StoreError::Full))
    }
}

impl CommitTicket {
    /// Completes once the append is durable.
    ///
    /// # Errors
    /// When the store has failed, or has no space to make it durable.
    pub async fn durable(mut self) -> Result<(), StoreError> {
        let generation = self.generation;
        let progress = self.progress.wait_for(|progress| progress.outcome(generation).is_some()).await;
        let outcome = progress.ok().and_then(|progress| progress.outcome(generation));
        outcome.unwrap_or_else(|| Err(StoreError::Failed("the store is closed".into())))
    }

    /// Whether the append is durable already.
    pub fn is_durable(&self) -> bool {
        self.progress.borrow().durable >= self.generation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(ticket: CommitTicket) -> Result<(), StoreError> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(ticket.durable())
    }

    #[test]
    fn a_ticket_is_good_once_its_generation_is_published() {
        let commits = Commits::new();
        let (first, second) = (commits.mark_dirty("a"), commits.mark_dirty("b"));
        assert_eq!(first, second);
        let gathered = commits.take();
        assert_eq!((gathered.generation, gathered.dirty), (first, vec!["a", "b"]));
        let later = commits.mark_dirty("a");
        assert!(later > first);
        commits.publish(first);
        assert!(outcome(commits.ticket(first)).is_ok());
        assert!(!commits.ticket(later).is_durable());
    }

    #[test]
    fn want_of_space_is_an_answer_and_can_pass() {
        let commits = Commits::new();
        let generation = commits.mark_dirty(());
        commits.refuse(generation);
        assert!(matches!(outcome(commits.ticket(generation)), Err(StoreError::Full)));
        commits.publish(generation);
        assert!(outcome(commits.ticket(generation)).is_ok());
    }

    #[test]
    fn a_failed_store_answers_everybody() {
        let commits = Commits::<()>::new();
        commits.publish(1);
        commits.fail(&"disk on fire".into());
        assert!(outcome(commits.ticket(1)).is_ok());
        assert!(matches!(outcome(commits.ticket(2)), Err(StoreError::Failed(_))));
    }
}
