//! The coordinator's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::classic::Now;

/// A steady clock for deadlines and the wall clock for what records carry.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// Begins at zero.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// The time.
    pub fn now(self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            steady_ms: u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            wall_ms: i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX),
        }
    }

    /// When the steady clock shows this.
    pub fn at(self, steady_ms: u64) -> Instant {
        let far = Duration::from_secs(24 * 60 * 60);
        self.started + Duration::from_millis(steady_ms).min(self.started.elapsed() + far)
    }
}
