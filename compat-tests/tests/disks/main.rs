//! Disks that fail, come back, fill up or are missing, under real clients that go on and on; and directories that are cordoned.
//!
//! Each directory of `log.dirs` is an ext4 of its own. What must always hold: neither a Java producer nor one of librdkafka, both
//! idempotent, sees an error while there is a disk to go on with; what was acknowledged is at its offset, once, or, as long as its disk
//! is away, KAFKA_STORAGE_ERROR at exactly that offset.

mod clients;
mod cordoned;
mod failing;
mod filling;
mod ledger;
mod machine;
mod missing;

use std::time::{Duration, Instant};

/// Kafka's KAFKA_STORAGE_ERROR.
const STORAGE_ERROR: i16 = 56;
/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(20);

/// Waits until `look` finds something.
fn await_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for: {what}");
        std::thread::sleep(POLL);
    }
}
