//! Rounds: all frames that have come by now, one write, one `fdatasync`, then all their answers.
//!
//! What must always hold: `done` hears of a frame after the sync that covers it. A log that fails ends the program: a
//! ceiling that goes on without its disk would be none.

use std::sync::{Condvar, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;

use super::log::Log;

/// A frame that waits for its round.
#[derive(Debug)]
pub struct Waiting {
    /// Its bytes, without the length.
    pub bytes: Vec<u8>,
    /// Who gets it back once it is durable, to answer it and to use its memory again.
    pub done: UnboundedSender<Vec<u8>>,
}

/// The queue between the connections and the thread that syncs.
#[derive(Debug, Default)]
pub struct Rounds {
    queue: Mutex<Vec<Waiting>>,
    wake: Condvar,
}

impl Rounds {
    /// Adds a frame.
    pub fn push(&self, frame: Waiting) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push(frame);
        if queue.len() == 1 {
            self.wake.notify_one();
        }
    }

    /// Writes round after round to `log`, for ever.
    pub fn run(&self, mut log: Log) {
        loop {
            let round = self.take();
            let parts: Vec<&[u8]> = round.iter().map(|frame| &frame.bytes[..]).collect();
            if let Err(error) = log.write(&parts) {
                eprintln!("the log: {error}");
                std::process::exit(1);
            }
            // A connection that is gone does not want its frames back.
            round.into_iter().for_each(|frame| drop(frame.done.send(frame.bytes)));
        }
    }

    fn take(&self) -> Vec<Waiting> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self.wake.wait_while(queue, |queue| queue.is_empty()).unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *queue)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;

    #[test]
    fn every_frame_comes_back_in_the_order_of_its_connection() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(&folder.path().join("log"), 1 << 20).unwrap();
        let rounds = Arc::new(Rounds::default());
        let writer = rounds.clone();
        // Ends with the test's process.
        std::thread::spawn(move || writer.run(log));
        let (done, mut back) = unbounded_channel();
        (0..200u8).for_each(|n| rounds.push(Waiting { bytes: vec![n; 5000], done: done.clone() }));
        let bytes = (0..200).map(|_| back.blocking_recv().unwrap()[0]);
        assert!(bytes.eq(0..200));
    }
}
