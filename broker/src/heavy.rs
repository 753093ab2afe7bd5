//! Work that keeps a thread busy for long, done where nobody else waits for that thread.
//!
//! What must always hold: whoever asks waits until the work is done, so the order of a connection's appends stays; at most
//! `at_once` pieces of work run at a time, and with them the memory they take.
//!
//! The thread that asks leaves the pool that serves connections and another one takes its place there
//! (`tokio::task::block_in_place`).

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs heavy work.
#[derive(Debug)]
pub struct HeavyWork {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Default for HeavyWork {
    /// As much at once as twice the processors: some of it waits for the disk.
    fn default() -> Self {
        Self::new(2 * thread::available_parallelism().map_or(1, usize::from))
    }
}

impl HeavyWork {
    /// At most `at_once` (and at least one) pieces of work at a time.
    pub fn new(at_once: usize) -> Self {
        Self { free: Mutex::new(at_once.max(1)), freed: Condvar::new() }
    }

    /// Does `work`, as soon as it may begin. Blocking.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let bounded = || {
            let _place = self.take_place();
            work()
        };
        let serves_others =
            Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        if serves_others { tokio::task::block_in_place(bounded) } else { bounded() }
    }

    fn take_place(&self) -> Place<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(self)
    }
}

/// Given back when the work ends, however it ends.
struct Place<'a>(&'a HeavyWork);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_busy_thread_of_the_pool_does_not_keep_others_waiting() {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (heavy, (send, receive)) = (Arc::new(HeavyWork::new(1)), mpsc::channel());
        let busy = runtime.spawn(async move { heavy.run(|| receive.recv().unwrap()) });
        // The pool's only thread waits for this task.
        runtime.spawn(async move { send.send(7).unwrap() });
        assert_eq!(runtime.block_on(busy).unwrap(), 7);
    }

    #[test]
    fn no_more_work_runs_at_once_than_may() {
        let (heavy, running, most) = (HeavyWork::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            running.fetch_sub(1, Ordering::SeqCst);
        };
        thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| (0..50).for_each(|_| heavy.run(work))))));
        assert!(most.into_inner() <= 2);
    }
}
