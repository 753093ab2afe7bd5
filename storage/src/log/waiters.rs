//! Who wants to hear of the next change of a log.
//!
//! What must always hold: a dropped waiter is forgotten in time; the list never grows beyond twice the living waiters.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// Below this many waiters nobody looks for dropped ones.
const SWEEP_MIN: usize = 16;

#[derive(Default)]
pub struct Waiters(Mutex<List>);

#[derive(Default)]
struct List {
    waiting: Vec<Weak<Notify>>,
    sweep_at: usize,
}

impl Waiters {
    /// Adds a waiter for one notification.
    pub fn add(&self, waiter: &Arc<Notify>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if list.waiting.len() >= list.sweep_at.max(SWEEP_MIN) {
            list.waiting.retain(|waiter| waiter.strong_count() > 0);
            list.sweep_at = list.waiting.len() * 2;
        }
        list.waiting.push(Arc::downgrade(waiter));
    }

    /// Notifies everybody and forgets them.
    pub fn notify(&self) {
        let waiting = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting);
        waiting.iter().filter_map(Weak::upgrade).for_each(|waiter| waiter.notify_one());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_waiters_do_not_pile_up() {
        let waiters = Waiters::default();
        let kept: Vec<_> = (0..10).map(|_| Arc::new(Notify::new())).collect();
        kept.iter().for_each(|waiter| waiters.add(waiter));
        (0..10_000).for_each(|_| waiters.add(&Arc::new(Notify::new())));
        assert!(waiters.0.lock().unwrap().waiting.len() <= 2 * (kept.len() + SWEEP_MIN));
        waiters.notify();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for waiter in kept {
                waiter.notified().await;
            }
        });
    }
}
