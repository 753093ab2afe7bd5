//! Who reads cold data leaves the disk to commits.
//!
//! While producers wait for commits, one cold read at a time is at the disk, and none begins while a commit is under way. A disk that is
//! given many reads at once answers them before a flush: a producer's p99 beside one cold reader was measured at 250 to 400 ms.
//!
//! What must always hold: a read waits no longer than `WAIT_MAX`, however busy the committer is; without producers nothing waits. A commit
//! never waits here.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Commits so long ago say that nobody produces now.
const BUSY_FOR: Duration = Duration::from_millis(100);
/// How long a read waits for its turn. With reads of a mebibyte, and of a millisecond, that leaves them a share of any disk.
const WAIT_MAX: Duration = Duration::from_millis(5);

/// What commits and cold reads of one store know of each other.
#[derive(Debug, Default)]
pub struct Courtesy {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Commits under way: rounds, and what is synced beside them.
    committing: usize,
    last_commit: Option<Instant>,
    reading: usize,
}

impl State {
    fn is_busy(&self) -> bool {
        self.committing > 0 || self.last_commit.is_some_and(|last| last.elapsed() < BUSY_FOR)
    }

    fn must_wait(&self) -> bool {
        self.committing > 0 || (self.is_busy() && self.reading > 0)
    }
}

impl Courtesy {
    /// Says that a commit begins, or is done.
    pub fn commit(&self, under_way: bool) {
        let mut state = self.lock();
        state.committing = if under_way { state.committing + 1 } else { state.committing.saturating_sub(1) };
        state.last_commit = Some(Instant::now());
        drop(state);
        if !under_way {
            self.changed.notify_one();
        }
    }

    /// Whether producers wait for commits these days.
    pub fn is_busy(&self) -> bool {
        self.lock().is_busy()
    }

    /// Waits for a turn, which lasts as long as what is returned. Blocking.
    pub fn turn(&self) -> Turn<'_> {
        let waits = |state: &mut State| state.must_wait();
        let waited = self.changed.wait_timeout_while(self.lock(), WAIT_MAX, waits);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.reading += 1;
        Turn(self)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read that is at the disk.
pub struct Turn<'a>(&'a Courtesy);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().reading -= 1;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn took(work: impl FnOnce()) -> Duration {
        let begun = Instant::now();
        work();
        begun.elapsed()
    }

    #[test]
    fn without_commits_reads_do_not_wait_for_each_other() {
        let courtesy = Courtesy::default();
        let turns: Vec<_> = (0..100).map(|_| courtesy.turn()).collect();
        assert_eq!(courtesy.lock().reading, 100);
        drop(turns);
        assert_eq!(courtesy.lock().reading, 0);
        assert!(!courtesy.is_busy());
    }

    #[test]
    fn a_read_waits_for_a_commit_but_not_for_ever() {
        let courtesy = Courtesy::default();
        courtesy.commit(true);
        assert!(took(|| drop(courtesy.turn())) >= WAIT_MAX, "nobody ends the commit");
        courtesy.commit(false);
        assert!(courtesy.is_busy());
        let first = courtesy.turn();
        assert!(took(|| drop(courtesy.turn())) >= WAIT_MAX, "one at a time while producers wait");
        drop(first);
    }
}
