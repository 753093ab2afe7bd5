//! The word that the broker stops, for everything that waits.
//!
//! What must always hold: whoever asks after the stop hears of it at once; it is never taken back.

use tokio::sync::watch;

/// Tells everything that waits that the broker stops.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

/// The other end of `Stopping`.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stopping {
    /// A pair: whoever holds `Stop` decides.
    pub fn new() -> (Stop, Self) {
        let (sender, receiver) = watch::channel(false);
        (Stop(sender), Self(receiver))
    }

    /// Completes when the broker stops.
    pub async fn wait(&mut self) {
        // A dropped sender means stop as well.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Stop {
    /// Stops the broker.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
