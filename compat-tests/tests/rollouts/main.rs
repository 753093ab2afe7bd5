//! Rollouts under real clients, and under `kill -9`, from outside: a broker process, librdkafka and Java, and what stands in `__config`.
//!
//! What must always hold: a harmful value is rejected while clients of the control arm notice nothing, others are approved; no
//! restart changes a verdict, an arm or a value; a client is served by the settings of its own place and no other.
//!
//! | file | |
//! |---|---|
//! | `stage` | a broker, its rollouts, and the records it keeps of them |
//! | `story` | what these records must tell, whatever happened |
//! | `place` | who is in which arm, computed as the documentation says |
//! | `effect` | what shows that a value is in force, and where |
//! | `load` | real clients with known ids |
//! | `harmful`, `phases`, `clients`, `strategies`, `moments`, `together`, `itself`, `reader` | the scenarios |

mod clients;
mod effect;
mod harmful;
mod itself;
mod load;
mod moments;
mod phases;
mod place;
mod reader;
mod stage;
mod story;
mod strategies;
mod together;

use std::time::{Duration, Instant};

/// How long anything that is waited for may take.
const PATIENCE: Duration = Duration::from_secs(120);
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
