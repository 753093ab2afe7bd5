//! The steward: one thread that looks after the stores from time to time.
//!
//! Each time it looks:
//! 1. How much room each store has; one with less than its reserve counts as full until there is clearly more.
//! 2. Whether a store has failed: the logs that are open there leave it, and its threads end.
//! 3. Whether a directory without a store can be used by now: then its store joins.
//! 4. Whether a store has announced something that another one has not followed yet.
//!
//! What must always hold: with one healthy store it does nothing but ask for the room, once an interval; it never holds a lock across I/O.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam::channel::{RecvTimeoutError, Sender, bounded};

use crate::returning;
use crate::storage::Shared;

/// After so many intervals it looks whether a store that is away has come back: at first, and after many attempts.
const RETURN_MIN: u32 = 2;
const RETURN_MAX: u32 = 60;

/// The steward's thread; ends when this is dropped.
pub struct Steward {
    /// Dropped first, which tells the thread to end.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Steward {
    /// Starts it.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(shared: &Arc<Shared>, dirs: &[PathBuf]) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let interval = shared.options.look_interval;
        let watched = dirs.iter().map(|dir| Watched::new(dir, interval)).collect();
        let mut rounds = Rounds { shared: shared.clone(), watched };
        let run = move || {
            while stopped.recv_timeout(interval) != Err(RecvTimeoutError::Disconnected) {
                rounds.look();
            }
        };
        let thread = std::thread::Builder::new().name("steward".into()).spawn(run)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Steward {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the steward has panicked");
        }
    }
}

struct Rounds {
    shared: Arc<Shared>,
    watched: Vec<Watched>,
}

impl Rounds {
    fn look(&mut self) {
        let stores = &self.shared.stores;
        let all = stores.all();
        all.iter().filter(|store| store.check_alive().is_ok()).for_each(|store| store.look_for_room());
        if all.iter().any(|store| store.check_alive().is_err()) {
            leave_failed(&self.shared);
        }
        self.watched.iter_mut().for_each(|watched| watched.look(&self.shared));
        if all.len() > 1 {
            stores.alive().iter().for_each(|store| stores.spread(store));
        }
    }
}

/// Logs that are open in a store that has failed go on elsewhere, also those that nobody writes to; then the store's threads can end, and
/// its files be closed, so that its disk can be unmounted. What could not leave may be read back later, from files that are still open.
fn leave_failed(shared: &Shared) {
    let logs = shared.logs();
    logs.iter().for_each(|log| log.leave_failed());
    shared.members.dismiss_failed();
    let all = shared.stores.all();
    let failed = all.iter().filter(|store| store.check_alive().is_err() && !store.files.is_closed());
    let left = failed.filter(|store| !logs.iter().any(|log| log.is_written_in(store)));
    left.for_each(|store| store.files.close());
}

/// A directory of `log.dirs`, and when to look whether its store has come back.
struct Watched {
    dir: PathBuf,
    look_at: Instant,
    patience: Duration,
    patience_max: Duration,
}

impl Watched {
    fn new(dir: &Path, interval: Duration) -> Self {
        let (patience, patience_max) = (interval * RETURN_MIN, interval * RETURN_MAX);
        Self { dir: dir.to_owned(), look_at: Instant::now(), patience, patience_max }
    }

    /// A store that has come back, or a new one, takes part. One that comes and goes is looked for less and less often.
    fn look(&mut self, shared: &Shared) {
        if shared.members.has(&self.dir) {
            self.look_at = Instant::now() + self.patience;
            return;
        }
        if Instant::now() < self.look_at {
            return;
        }
        match returning::join(shared, &self.dir) {
            Ok(store) => tracing::info!("{}: store {} takes part", self.dir.display(), store.id),
            Err(error) => tracing::debug!("{}: still away: {error}", self.dir.display()),
        }
        self.patience = (self.patience * 2).min(self.patience_max);
        self.look_at = Instant::now() + self.patience;
    }
}
