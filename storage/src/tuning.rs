//! Settings of the storage that change while it runs.
//!
//! What must always hold: when a call returns, whoever the setting concerns knows it; what waits because of the old value waits by the new one.

use std::io;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use uuid::Uuid;

use crate::config::CleanerOptions;
use crate::storage::{Storage, lock};

impl Storage {
    /// Asks again with which settings each log runs (`StorageOptions::log_config`).
    pub fn refresh_log_configs(&self) {
        let configs = &self.shared().options.log_config;
        self.topics().iter().for_each(|topic| configs.refresh(topic, 0));
    }

    /// As `refresh_log_configs`, for one topic.
    pub fn refresh_log_configs_of(&self, topic: Uuid) {
        self.topic_by_id(topic).iter().for_each(|topic| self.shared().options.log_config.refresh(topic, 0));
    }

    /// The directories that get no new partitions (`cordoned.log.dirs`).
    pub fn set_cordoned(&self, dirs: Vec<PathBuf>) {
        let shared = self.shared();
        // A store that comes back at this moment is told by whoever is second.
        *shared.cordoned.write().unwrap_or_else(PoisonError::into_inner) = dirs.clone();
        shared.stores.all().iter().for_each(|store| store.set_cordoned(dirs.contains(&store.dir)));
    }

    /// Bytes per second at which partitions are moved between stores (`catena.move.max.bytes.per.second`).
    pub fn set_move_rate(&self, bytes_per_second_max: f64) {
        self.shared().moves.set_rate(bytes_per_second_max);
    }

    /// How often retention looks at the logs (`log.retention.check.interval.ms`), counted from the last time on.
    pub fn set_retention_check_interval(&self, interval: Duration) {
        lock(&self.caretaker).iter().for_each(|caretaker| caretaker.set_interval(interval));
    }

    /// Settings of compaction but for `enabled`, which is that of the start. Passes under way go on at the new rate, the next ones with the new
    /// memory; threads that are too many end with their pass.
    ///
    /// # Errors
    /// When the system refuses threads; the other settings are in force then.
    pub fn set_cleaner(&self, options: CleanerOptions) -> io::Result<()> {
        match lock(&self.cleaners).as_mut() {
            Some(cleaners) => cleaners.set(self.shared(), options),
            None => Ok(()),
        }
    }
}
